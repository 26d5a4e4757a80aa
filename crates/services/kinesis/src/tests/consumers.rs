use super::*;

impl World {
    async fn register(&self, name: &str) -> String {
        let input = json!({"StreamARN": format!("{ARN}s"), "ConsumerName": name});
        text(&self.ok("RegisterStreamConsumer", input).await["Consumer"]["ConsumerARN"])
    }

    async fn consumer_count(&self) -> i64 {
        let summary = self.ok("DescribeStreamSummary", json!({"StreamName": "s"})).await;
        summary["StreamDescriptionSummary"]["ConsumerCount"].as_i64().unwrap()
    }
}

#[tokio::test]
async fn a_consumer_is_registered_described_and_deregistered() {
    let world = World::start().await;
    world.create("s", 1).await;
    let stream = format!("{ARN}s");
    let input = json!({"StreamARN": stream, "ConsumerName": "app", "Tags": {"team": "data"}});
    let consumer = world.ok("RegisterStreamConsumer", input.clone()).await["Consumer"].take();
    let arn = format!("{stream}/consumer/app:{}", START.as_millis() / 1000);
    assert_eq!((&consumer["ConsumerARN"], &consumer["ConsumerStatus"]), (&json!(arn), &json!("CREATING")));
    assert!(world.refusal("RegisterStreamConsumer", input).await.starts_with("ResourceInUseException"));
    let world = world.restart().await;
    for named in [
        json!({"ConsumerARN": arn}),
        json!({"StreamARN": stream, "ConsumerName": "app"}),
        json!({"StreamARN": stream, "ConsumerName": "app", "ConsumerARN": arn}),
    ] {
        let found = world.ok("DescribeStreamConsumer", named).await["ConsumerDescription"].take();
        assert_eq!((&found["ConsumerStatus"], &found["StreamARN"]), (&json!("ACTIVE"), &json!(stream)));
        assert_eq!(found["ConsumerCreationTimestamp"], START.as_millis() / 1000);
    }
    let tags = world.ok("ListTagsForResource", json!({"ResourceARN": arn})).await;
    assert_eq!(tags["Tags"], json!([{"Key": "team", "Value": "data"}]));
    world.ok("UntagResource", json!({"ResourceARN": arn, "TagKeys": ["team"]})).await;
    world.ok("TagResource", json!({"ResourceARN": arn, "Tags": {"a": "b"}})).await;
    let tags = world.ok("ListTagsForResource", json!({"ResourceARN": arn})).await;
    assert_eq!(tags["Tags"], json!([{"Key": "a", "Value": "b"}]));
    assert_eq!(world.consumer_count().await, 1);
    world.ok("DeregisterStreamConsumer", json!({"ConsumerARN": arn})).await;
    let missing = world.refusal("DescribeStreamConsumer", json!({"ConsumerARN": arn})).await;
    assert_eq!(missing, "ResourceNotFoundException: Consumer app, account 123456789012 not found.");
    world.clock.advance(Duration::from_secs(2));
    assert_ne!(world.register("app").await, arn, "a later consumer is another");
    assert!(
        world
            .refusal("DeregisterStreamConsumer", json!({"ConsumerARN": arn}))
            .await
            .starts_with("ResourceNotFoundException")
    );
    assert_eq!(world.consumer_count().await, 1);
}

#[tokio::test]
async fn contradictory_or_missing_names_of_consumers_are_refused() {
    let world = World::start().await;
    world.create("s", 1).await;
    world.create("t", 1).await;
    let arn = world.register("app").await;
    let refusal = |input| world.refusal("DescribeStreamConsumer", input);
    for lacking in [json!({}), json!({"ConsumerName": "app"}), json!({"StreamARN": format!("{ARN}s")})] {
        assert!(refusal(lacking).await.starts_with("InvalidArgumentException: Either ConsumerARN or both"));
    }
    for contrary in [
        json!({"ConsumerARN": arn, "StreamARN": format!("{ARN}t")}),
        json!({"ConsumerARN": arn, "ConsumerName": "b"}),
    ] {
        assert!(
            refusal(contrary)
                .await
                .starts_with("InvalidArgumentException: StreamARN and ConsumerName do not name")
        );
    }
    let absent = refusal(json!({"StreamARN": format!("{ARN}u"), "ConsumerName": "app"})).await;
    assert!(absent.starts_with("ResourceNotFoundException: Stream u"), "{absent}");
    let absent = world
        .refusal("RegisterStreamConsumer", json!({"StreamARN": format!("{ARN}u"), "ConsumerName": "a"}))
        .await;
    assert!(absent.starts_with("ResourceNotFoundException: Stream u"), "{absent}");
}

#[tokio::test]
async fn consumers_are_listed_in_pages_up_to_their_limit() {
    let world = World::start().await;
    world.create("s", 1).await;
    for number in 0..20 {
        world.register(&format!("app-{number:02}")).await;
    }
    let over = world
        .refusal("RegisterStreamConsumer", json!({"StreamARN": format!("{ARN}s"), "ConsumerName": "x"}))
        .await;
    assert!(over.starts_with("LimitExceededException"), "{over}");
    let list = |more: Value| {
        let mut input = json!({"StreamARN": format!("{ARN}s")});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        world.ok("ListStreamConsumers", input)
    };
    let names = |page: &Value| {
        page["Consumers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|consumer| text(&consumer["ConsumerName"]))
            .collect::<Vec<_>>()
    };
    let page = list(json!({"MaxResults": 15})).await;
    let rest = list(json!({"NextToken": page["NextToken"]})).await;
    let all: Vec<_> = (0..20).map(|number| format!("app-{number:02}")).collect();
    assert_eq!([names(&page), names(&rest)].concat(), all);
    assert_eq!((names(&page).len(), rest.get("NextToken")), (15, None));
    world.clock.advance(Duration::from_secs(301));
    let late = world
        .refusal(
            "ListStreamConsumers",
            json!({"StreamARN": format!("{ARN}s"), "NextToken": page["NextToken"]}),
        )
        .await;
    assert!(late.starts_with("ExpiredNextTokenException"), "{late}");
}

#[tokio::test]
async fn a_stream_with_consumers_is_deleted_only_by_force() {
    let world = World::start().await;
    world.create("s", 1).await;
    world.register("app").await;
    let refused = world.refusal("DeleteStream", json!({"StreamName": "s"})).await;
    assert!(
        refused.starts_with("ResourceInUseException: Stream s under account 123456789012 has enhanced"),
        "{refused}"
    );
    world.ok("DeleteStream", json!({"StreamName": "s", "EnforceConsumerDeletion": true})).await;
    world.create("s", 1).await;
    assert_eq!(world.consumer_count().await, 0);
    world.ok("DeleteStream", json!({"StreamName": "s"})).await;
}
