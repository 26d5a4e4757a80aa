use serde_json::{Value, json};

use super::world::*;

fn put(name: &str, data: &str) -> Value {
    json!({ "DeliveryStreamName": name, "Record": { "Data": base64(data) } })
}

fn put_batch(name: &str, data: &[&str]) -> Value {
    let records: Vec<_> = data.iter().map(|data| json!({ "Data": base64(data) })).collect();
    json!({ "DeliveryStreamName": name, "Records": records })
}

#[tokio::test]
async fn records_that_are_put_arrive_in_the_bucket_in_order() {
    let world = World::start().await;
    world.create("flights", json!({ "BufferingHints": { "SizeInMBs": 1, "IntervalInSeconds": 60 } })).await;
    let first = world.ok("PutRecord", put("flights", "one,")).await;
    let batch = world.ok("PutRecordBatch", put_batch("flights", &["two,", "three"])).await;
    assert_eq!((&batch["FailedPutCount"], &batch["Encrypted"]), (&json!(0), &json!(false)));
    let responses = batch["RequestResponses"].as_array().unwrap();
    let mut ids: Vec<&Value> = responses.iter().map(|response| &response["RecordId"]).collect();
    ids.push(&first["RecordId"]);
    ids.sort_by_key(|id| id.as_str().unwrap());
    ids.dedup();
    assert_eq!(ids.len(), 3);
    world.settled("flights", 3).await;
    let contents = world.contents("").await;
    assert_eq!(contents.len(), 1);
    let (key, text) = &contents[0];
    assert_eq!(text, "one,two,three");
    assert!(key.starts_with("2026/11/22/08/flights-1-2026-11-22-08-50-13-"), "{key}");
}

#[tokio::test]
async fn a_delimiter_is_appended_to_each_record_when_asked_for() {
    let world = World::start().await;
    let processor = json!({ "Type": "AppendDelimiterToRecord",
        "Parameters": [{ "ParameterName": "Delimiter", "ParameterValue": "\\n" }] });
    world
        .create(
            "flights",
            json!({
                "BufferingHints": { "SizeInMBs": 1, "IntervalInSeconds": 0 },
                "ProcessingConfiguration": { "Enabled": true, "Processors": [processor] },
            }),
        )
        .await;
    world.ok("PutRecordBatch", put_batch("flights", &["{}", "{}"])).await;
    world.settled("flights", 2).await;
    assert_eq!(world.contents("").await[0].1, "{}\n{}\n");
}

#[tokio::test]
async fn json_is_converted_and_bad_records_are_described_in_the_error_output() {
    let world = World::start().await;
    world.create("flights", conversion()).await;
    let records = [r#"{"origin":"ICN","delay":3}"#, r#"{"origin":"CDG","delay":"late"}"#, "{oops", " "];
    world.ok("PutRecordBatch", put_batch("flights", &records)).await;
    let status = world.settled("flights", 4).await;
    assert_eq!((status.ledger.delivered_records, status.ledger.rejected_records), (1, 3));
    let data = world.contents("flights/day=2026-11-22/").await;
    assert!(data[0].0.ends_with(".parquet") && data[0].1.starts_with("PAR1"));
    let values = [vec!["2026-11-22".to_owned()]];
    let registered = world.lake.catalog().partitions_at(&scope(), "db", "flights", &values).await.unwrap();
    assert!(registered[0].is_some(), "the partition is in the table without any repair");
    let errors = world.contents("errors/format-conversion-failed/").await;
    let lines = errors.iter().flat_map(|(_, text)| text.lines());
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    let codes: Vec<_> = lines.iter().map(|line| line["lastErrorCode"].as_str().unwrap()).collect();
    let (malformed, unread) = ("DataFormatConversion.MalformedData", "DataFormatConversion.ParseError");
    assert_eq!(codes, [malformed, unread, malformed]);
    let line = &lines[0];
    assert_eq!(line["attemptsMade"], 1);
    assert_eq!(line["arrivalTimestamp"], START.as_millis());
    assert!(line["lastErrorMessage"].as_str().unwrap().contains("delay"), "{line}");
    assert_eq!(line["rawData"], base64(records[1]));
    assert_eq!(line["dataCatalogTable"]["tableName"], "flights");
    assert_eq!(line["dataCatalogTable"]["versionId"], "LATEST");
}

#[tokio::test]
async fn a_kinesis_stream_is_delivered_from_the_moment_of_creation() {
    let world = World::start().await;
    world.create_stream(1).await;
    world.put_to_stream("before").await;
    let settings = json!({ "BufferingHints": { "SizeInMBs": 1, "IntervalInSeconds": 0 } });
    world.ok("CreateDeliveryStream", from_stream("flights", settings)).await;
    world.put_to_stream("after").await;
    world.settled("flights", 1).await;
    assert_eq!(world.contents("").await[0].1, "after");
    for (operation, request) in
        [("PutRecord", put("flights", "x")), ("PutRecordBatch", put_batch("flights", &["x"]))]
    {
        assert_eq!(
            world.refusal(operation, request).await,
            "InvalidArgumentException: This operation is not permitted on KinesisStreamAsSource delivery stream type."
        );
    }
}

#[tokio::test]
async fn puts_to_nowhere_and_puts_that_are_too_large_are_refused() {
    let world = World::start().await;
    let missing = "ResourceNotFoundException: Firehose nowhere under account 123456789012 not found.";
    assert_eq!(world.refusal("PutRecord", put("nowhere", "x")).await, missing);
    assert_eq!(world.refusal("PutRecordBatch", put_batch("nowhere", &["x"])).await, missing);
    world.create("flights", json!({})).await;
    let large = "x".repeat(1_000 * 1_024 + 1);
    let refusal = world.refusal("PutRecord", put("flights", &large)).await;
    assert!(refusal.starts_with("ValidationException: 1 validation error detected"), "{refusal}");
    let full = "x".repeat(1_000 * 1_024);
    world.ok("PutRecord", put("flights", &full)).await;
    let refusal = world.refusal("PutRecordBatch", put_batch("flights", &[full.as_str(); 5])).await;
    assert_eq!(refusal, "InvalidArgumentException: Records size exceeds 4 MB limit");
    let refusal = world.refusal("PutRecordBatch", put_batch("flights", &["x"; 501])).await;
    assert!(refusal.starts_with("ValidationException"), "{refusal}");
}

#[tokio::test]
async fn an_overloaded_log_asks_to_slow_down() {
    let world = World::start().await;
    world.create("flights", json!({})).await;
    world.log.close().await;
    let error = world.call("PutRecord", put("flights", "x")).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.message.as_str()), ("ServiceUnavailableException", "Slow down."));
    let batch = world.ok("PutRecordBatch", put_batch("flights", &["x", "y"])).await;
    let refused = json!({ "ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down." });
    assert_eq!(batch["FailedPutCount"], 2);
    assert_eq!(batch["RequestResponses"], json!([refused, refused]));
}
