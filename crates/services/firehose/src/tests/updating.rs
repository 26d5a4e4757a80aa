use serde_json::{Value, json};

use super::world::*;

fn update(version: &str, settings: Value) -> Value {
    json!({
        "DeliveryStreamName": "flights",
        "CurrentDeliveryStreamVersionId": version,
        "DestinationId": "destinationId-000000000001",
        "ExtendedS3DestinationUpdate": settings,
    })
}

async fn put(world: &World, data: &str) {
    let record = json!({ "Data": base64(data) });
    world.ok("PutRecord", json!({ "DeliveryStreamName": "flights", "Record": record })).await;
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_holds_for_what_comes_after() {
    let world = World::start().await;
    let hints = json!({ "SizeInMBs": 1, "IntervalInSeconds": 0 });
    world.create("flights", json!({ "Prefix": "old/", "BufferingHints": hints })).await;
    put(&world, "one").await;
    world.settled("flights", 1).await;
    let changes = json!({ "Prefix": "new/", "CompressionFormat": "GZIP" });
    world.ok("UpdateDestination", update("1", changes)).await;
    put(&world, "two").await;
    world.settled("flights", 2).await;
    assert_eq!(world.contents("old/").await[0].1, "one");
    let (key, _) = &world.contents("new/").await[0];
    assert!(key.contains("/flights-2-") && key.ends_with(".gz"), "{key}");
    let answer = world.ok("DescribeDeliveryStream", json!({ "DeliveryStreamName": "flights" })).await;
    let described = &answer["DeliveryStreamDescription"];
    assert_eq!(described["VersionId"], "2");
    assert!(described["LastUpdateTimestamp"].is_number());
    let destination = &described["Destinations"][0]["ExtendedS3DestinationDescription"];
    assert_eq!(destination["Prefix"], "new/");
    assert_eq!(destination["BufferingHints"], hints);
}

#[tokio::test]
async fn an_update_of_another_version_or_to_something_impossible_changes_nothing() {
    let world = World::start().await;
    world.create("flights", json!({})).await;
    let stale = world.refusal("UpdateDestination", update("7", json!({ "Prefix": "new/" }))).await;
    assert!(stale.starts_with("ConcurrentModificationException"), "{stale}");
    let nowhere = update("1", json!({ "BucketARN": "arn:aws:s3:::elsewhere" }));
    let nowhere = world.refusal("UpdateDestination", nowhere).await;
    assert!(nowhere.contains("bucket elsewhere does not exist"), "{nowhere}");
    let mut other = update("1", json!({ "Prefix": "new/" }));
    other["DestinationId"] = json!("destinationId-000000000002");
    let other = world.refusal("UpdateDestination", other).await;
    assert!(other.contains("destinationId-000000000002 not found"), "{other}");
    let answer = world.ok("DescribeDeliveryStream", json!({ "DeliveryStreamName": "flights" })).await;
    assert_eq!(answer["DeliveryStreamDescription"]["VersionId"], "1");
}
