use super::*;

#[tokio::test]
async fn tags_are_added_replaced_removed_and_listed_in_pages() {
    let world = World::start().await;
    world.create("s", 1).await;
    let stream = |more: Value| {
        let mut input = json!({"StreamName": "s"});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    world.ok("AddTagsToStream", stream(json!({"Tags": {"b": "1", "a": "2", "c": ""}}))).await;
    world.ok("AddTagsToStream", stream(json!({"Tags": {"b": "3"}}))).await;
    world.ok("RemoveTagsFromStream", stream(json!({"TagKeys": ["a", "none"]}))).await;
    let world = world.restart().await;
    let page = world.ok("ListTagsForStream", stream(json!({"Limit": 1}))).await;
    assert_eq!(page, json!({"Tags": [{"Key": "b", "Value": "3"}], "HasMoreTags": true}));
    let rest = world.ok("ListTagsForStream", stream(json!({"ExclusiveStartTagKey": "b"}))).await;
    assert_eq!(rest, json!({"Tags": [{"Key": "c", "Value": ""}], "HasMoreTags": false}));
}

#[tokio::test]
async fn resources_are_tagged_by_arn() {
    let world = World::start().await;
    world.create("s", 1).await;
    let arn = format!("{ARN}s");
    world.ok("TagResource", json!({"ResourceARN": arn, "Tags": {"a": "1", "b": "2"}})).await;
    world.ok("UntagResource", json!({"ResourceARN": arn, "TagKeys": ["a"]})).await;
    let tags = world.ok("ListTagsForResource", json!({"ResourceARN": arn})).await;
    assert_eq!(tags["Tags"], json!([{"Key": "b", "Value": "2"}]));
    let missing = world.refusal("ListTagsForResource", json!({"ResourceARN": format!("{ARN}t")})).await;
    assert!(missing.starts_with("ResourceNotFoundException: Stream t"), "{missing}");
    let consumer =
        world.refusal("ListTagsForResource", json!({"ResourceARN": format!("{arn}/consumer/c:1")})).await;
    assert_eq!(consumer, "ResourceNotFoundException: Consumer c, account 123456789012 not found.");
}

#[tokio::test]
async fn tags_have_their_characters_and_their_number() {
    let world = World::start().await;
    world.create("s", 1).await;
    let add = |tags: Value| world.call("AddTagsToStream", json!({"StreamName": "s", "Tags": tags}));
    let odd = add(json!({"a": "semi;colon"})).await.unwrap_err().to_string();
    assert!(odd.starts_with("InvalidArgumentException: Some tags contain invalid characters."), "{odd}");
    assert!(add(json!({"AWS:x": "1"})).await.is_err());
    assert!(add(json!({"team 팀_.:/=+-%@": "값"})).await.is_ok());
    let many: serde_json::Map<_, _> = (0..50).map(|number| (number.to_string(), json!(""))).collect();
    let over = add(many.into()).await.unwrap_err().to_string();
    assert!(over.contains("cannot have more than 50 tags"), "{over}");
    let tags = world.ok("ListTagsForStream", json!({"StreamName": "s"})).await;
    assert_eq!(tags["Tags"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn tags_added_at_the_same_time_are_all_kept() {
    let world = World::start().await;
    world.create("s", 1).await;
    let adds = (0..8).map(|number| {
        world.ok("AddTagsToStream", json!({"StreamName": "s", "Tags": {number.to_string(): ""}}))
    });
    futures::future::join_all(adds).await;
    let tags = world.ok("ListTagsForStream", json!({"StreamName": "s"})).await;
    assert_eq!(tags["Tags"].as_array().unwrap().len(), 8);
}
