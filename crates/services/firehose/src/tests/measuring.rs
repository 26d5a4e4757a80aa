use serde_json::{Value, json};

use super::world::*;

async fn value(world: &World, name: &str, stream: &str) -> Option<f64> {
    let text = world.metrics.render().await;
    let series =
        format!("{name}{{account=\"{ACCOUNT}\",region=\"us-east-1\",delivery_stream=\"{stream}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&series)).map(|value| value.parse().unwrap())
}

async fn put(world: &World, data: &[&str]) {
    let records: Vec<Value> = data.iter().map(|data| json!({ "Data": base64(data) })).collect();
    world.ok("PutRecordBatch", json!({ "DeliveryStreamName": "flights", "Records": records })).await;
}

#[tokio::test]
async fn metrics_tell_what_came_in_what_was_delivered_and_how_old_the_rest_is() {
    let world = World::start().await;
    let mut settings = conversion();
    settings["BufferingHints"]["IntervalInSeconds"] = json!(60);
    world.create("flights", settings).await;
    put(&world, &["{\"delay\":1}", "not json"]).await;
    world.clock.advance(std::time::Duration::from_secs(5));
    assert_eq!(value(&world, "firehose_incoming_records_total", "flights").await, Some(2.0));
    assert_eq!(value(&world, "firehose_incoming_bytes_total", "flights").await, Some(19.0));
    assert_eq!(value(&world, "firehose_delivery_to_s3_data_freshness_seconds", "flights").await, Some(5.0));
    assert_eq!(value(&world, "firehose_ledger_pending_records", "flights").await, Some(2.0));
    world.settled("flights", 2).await;
    for (name, expected) in [
        ("firehose_delivery_to_s3_records_total", 1.0),
        ("firehose_delivery_to_s3_bytes_total", 11.0),
        ("firehose_delivery_to_s3_success_total", 1.0),
        ("firehose_delivery_to_s3_data_freshness_seconds", 0.0),
        ("firehose_failed_conversion_records_total", 1.0),
        ("firehose_ledger_pending_records", 0.0),
        ("firehose_delivery_failing", 0.0),
    ] {
        assert_eq!(value(&world, name, "flights").await, Some(expected), "{name}");
    }
    assert_eq!(value(&world, "firehose_kinesis_millis_behind_latest", "flights").await, None);
    world.ok("DeleteDeliveryStream", json!({ "DeliveryStreamName": "flights" })).await;
    assert!(!world.metrics.render().await.contains("flights"));
}

#[tokio::test]
async fn partitions_by_key_and_rows_of_tables_are_counted_under_their_public_names() {
    let world = World::start().await;
    world.create("flights", super::processing::partitioned()).await;
    put(&world, &[r#"{"origin":"LAS"}"#, r#"{"origin":"ATL"}"#, r#"{"origin":"LAS"}"#]).await;
    world.settled("flights", 3).await;
    assert_eq!(value(&world, "firehose_partition_count", "flights").await, Some(2.0));
    assert_eq!(value(&world, "firehose_partition_count_exceeded", "flights").await, Some(0.0));
    assert_eq!(
        value(&world, "firehose_delivery_to_iceberg_successful_row_count_total", "flights").await,
        None
    );
    world.ok("CreateDeliveryStream", super::tables::iceberg(json!({}))).await;
    for name in ["incoming", "successful", "failed"] {
        let name = format!("firehose_delivery_to_iceberg_{name}_row_count_total");
        assert_eq!(value(&world, &name, "d").await, Some(0.0), "{name}");
    }
    assert_eq!(value(&world, "firehose_partition_count", "d").await, None);
    let help = "DeliveryToIceberg.SuccessfulRowCount: records that became rows";
    assert!(world.metrics.render().await.contains(help));
}

#[tokio::test]
async fn the_ledger_tells_what_became_of_every_record() {
    let world = World::start().await;
    world.create("flights", conversion()).await;
    put(&world, &["{\"delay\":1}", "not json", "{}"]).await;
    world.settled("flights", 3).await;
    let ledger = world.firehose.ledger(&scope(), "flights").await.unwrap().unwrap();
    assert_eq!(ledger["received"], json!({ "records": 3, "bytes": 21 }));
    assert_eq!(ledger["delivered"], json!({ "records": 2, "bytes": 13 }));
    assert_eq!(ledger["rejected"], json!({ "records": 1, "bytes": 8 }));
    assert_eq!(ledger["pending"], json!({ "records": 0, "bytes": 0 }));
    assert_eq!(world.firehose.ledger(&scope(), "nothing").await.unwrap(), None);
}
