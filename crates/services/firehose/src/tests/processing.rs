//! Processors, dynamic partitioning, compression and backups of the S3 destination.

use serde_json::{Value, json};

use super::world::*;

fn processors(processors: &[(&str, &[(&str, &str)])]) -> Value {
    let parameter = |(name, value): &(&str, &str)| json!({ "ParameterName": name, "ParameterValue": value });
    let processor = |(kind, parameters): &(&str, &[(&str, &str)])| json!({ "Type": kind, "Parameters": parameters.iter().map(parameter).collect::<Vec<_>>() });
    json!({ "Enabled": true, "Processors": processors.iter().map(processor).collect::<Vec<_>>() })
}

fn extraction(query: &str) -> Value {
    processors(&[
        ("MetadataExtraction", &[("MetadataExtractionQuery", query), ("JsonParsingEngine", "JQ-1.6")]),
        ("AppendDelimiterToRecord", &[]),
    ])
}

/// By the key `origin`.
pub(super) fn partitioned() -> Value {
    json!({
        "Prefix": "raw/origin=!{partitionKeyFromQuery:origin}/",
        "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
        "BufferingHints": { "SizeInMBs": 64, "IntervalInSeconds": 0 },
        "DynamicPartitioningConfiguration": { "Enabled": true },
        "ProcessingConfiguration": extraction("{origin: .origin}"),
    })
}

fn changed(mut settings: Value, name: &str, value: Value) -> Value {
    settings[name] = value;
    settings
}

async fn put(world: &World, data: &[&str]) {
    let records: Vec<Value> = data.iter().map(|data| json!({ "Data": base64(data) })).collect();
    world.ok("PutRecordBatch", json!({ "DeliveryStreamName": "flights", "Records": records })).await;
}

fn update(version: &str, settings: Value) -> Value {
    json!({
        "DeliveryStreamName": "flights",
        "CurrentDeliveryStreamVersionId": version,
        "DestinationId": "destinationId-000000000001",
        "ExtendedS3DestinationUpdate": settings,
    })
}

async fn described(world: &World) -> Value {
    let answer = world.ok("DescribeDeliveryStream", json!({ "DeliveryStreamName": "flights" })).await;
    answer["DeliveryStreamDescription"]["Destinations"][0]["ExtendedS3DestinationDescription"].clone()
}

#[tokio::test]
async fn records_are_partitioned_by_what_the_query_finds_and_errors_have_the_documented_form() {
    let world = World::start().await;
    world.create("flights", partitioned()).await;
    let records =
        [r#"{"origin":"LAS","n":1}"#, r#"{"origin":"ATL","n":2}"#, r#"{"origin":"LAS","n":3}"#, r#"{"n":4}"#];
    put(&world, &records).await;
    let status = world.settled("flights", 4).await;
    assert!(status.ledger.balances());
    let las = world.contents("raw/origin=LAS/").await;
    assert_eq!(las.len(), 1);
    assert_eq!(las[0].1, format!("{}\n{}\n", records[0], records[2]));
    assert_eq!(world.contents("raw/origin=ATL/").await[0].1, format!("{}\n", records[1]));
    let errors = world.contents("errors/processing-failed/").await;
    let line: Value = serde_json::from_str(&errors[0].1).unwrap();
    assert_eq!(line["errorCode"], "DynamicPartitioning.MetadataExtractionFailed");
    assert_eq!(line["errorMessage"], "partitionKeys values must not be null or empty");
    assert_eq!(line["rawData"], base64(records[3]));
    assert_eq!(line["attemptsMade"], 1);
}

#[tokio::test]
async fn a_record_that_its_query_would_never_be_done_with_is_an_error_and_the_others_are_delivered() {
    let world = World::start().await;
    let query = "{origin: (if .loop then until(false; .) else .origin end)}";
    // Of such a query only the records tell its keys.
    let query = format!(". | {query}");
    world.create("flights", changed(partitioned(), "ProcessingConfiguration", extraction(&query))).await;
    put(&world, &[r#"{"origin":"LAS"}"#, r#"{"loop":true}"#, r#"{"origin":"LAS"}"#]).await;
    let status = world.settled("flights", 3).await;
    assert!(status.ledger.balances());
    assert_eq!(world.contents("raw/origin=LAS/").await[0].1.lines().count(), 2);
    let errors = world.contents("errors/processing-failed/").await;
    let line: Value = serde_json::from_str(&errors[0].1).unwrap();
    assert_eq!(line["rawData"], base64(r#"{"loop":true}"#));
    assert!(line["errorMessage"].as_str().unwrap().contains("does not come to an end"), "{line}");
}

#[tokio::test]
async fn settings_that_contradict_dynamic_partitioning_are_refused() {
    let world = World::start().await;
    let off = json!({ "Enabled": false });
    let lambda = "raw/!{partitionKeyFromLambda:origin}/!{partitionKeyFromQuery:origin}/";
    for (settings, expected) in [
        (
            changed(partitioned(), "DynamicPartitioningConfiguration", off),
            "partitionKeyFromQuery, but DynamicPartitioningConfiguration is not enabled",
        ),
        (
            changed(partitioned(), "ProcessingConfiguration", Value::Null),
            "no processor of type MetadataExtraction",
        ),
        (changed(partitioned(), "Prefix", json!(lambda)), "no processor of type Lambda"),
        (
            changed(partitioned(), "ProcessingConfiguration", extraction("{other: .origin}")),
            "MetadataExtractionQuery does not find that key",
        ),
        (
            changed(partitioned(), "ProcessingConfiguration", extraction("{origin, \"other\": .x}")),
            "Prefix does not name partitionKeyFromQuery:other",
        ),
        (
            changed(partitioned(), "ProcessingConfiguration", extraction("{origin: .a | nothing}")),
            "MetadataExtractionQuery is invalid: the filter \"nothing\" is not defined",
        ),
        (
            changed(partitioned(), "ProcessingConfiguration", extraction("{origin: ")),
            "MetadataExtractionQuery is invalid",
        ),
        (
            changed(partitioned(), "BufferingHints", json!({ "SizeInMBs": 63, "IntervalInSeconds": 60 })),
            "SizeInMBs must be at least 64 when Dynamic Partitioning is enabled",
        ),
        (
            changed(partitioned(), "ErrorOutputPrefix", json!("errors/!{partitionKeyFromQuery:origin}/")),
            "ErrorOutputPrefix",
        ),
        (
            changed(partitioned(), "ErrorOutputPrefix", Value::Null),
            "ErrorOutputPrefix cannot be null or empty",
        ),
    ] {
        let refusal = world.refusal("CreateDeliveryStream", direct("flights", settings.clone())).await;
        assert!(refusal.starts_with("InvalidArgumentException"), "{refusal}");
        assert!(refusal.contains(expected), "expected {expected:?}, got {refusal:?} for {settings}");
    }
}

#[tokio::test]
async fn dynamic_partitioning_without_keys_and_errors_without_their_kind_are_taken_for_what_they_mean() {
    let world = World::start().await;
    let settings = json!({
        "Prefix": "raw/year=!{timestamp:yyyy}/",
        "ErrorOutputPrefix": "errors/flights/",
        "BufferingHints": { "SizeInMBs": 64, "IntervalInSeconds": 60 },
        "DynamicPartitioningConfiguration": { "Enabled": true },
    });
    world.create("flights", settings).await;
    put(&world, &["one", "two"]).await;
    world.settled("flights", 2).await;
    assert_eq!(world.contents("raw/year=2026/").await[0].1, "onetwo");
}

#[tokio::test]
async fn dynamic_partitioning_is_chosen_once() {
    let world = World::start().await;
    world.create("flights", partitioned()).await;
    let off = json!({ "DynamicPartitioningConfiguration": { "Enabled": false }, "Prefix": "raw/" });
    let refusal = world.refusal("UpdateDestination", update("1", off)).await;
    assert!(refusal.contains("cannot be disabled"), "{refusal}");
    let other = json!({ "Prefix": "other/!{partitionKeyFromQuery:origin}/" });
    world.ok("UpdateDestination", update("1", other)).await;
    put(&world, &[r#"{"origin":"LAS"}"#]).await;
    world.settled("flights", 1).await;
    assert_eq!(world.contents("other/LAS/").await.len(), 1);
    world.ok("DeleteDeliveryStream", json!({ "DeliveryStreamName": "flights" })).await;
    world.create("flights", json!({})).await;
    let on = json!({ "DynamicPartitioningConfiguration": { "Enabled": true } });
    let refusal = world.refusal("UpdateDestination", update("1", on)).await;
    assert!(refusal.contains("cannot be enabled"), "{refusal}");
}

#[tokio::test]
async fn aggregated_records_are_taken_apart_before_they_are_partitioned() {
    let world = World::start().await;
    let apart = processors(&[
        ("RecordDeAggregation", &[("SubRecordType", "JSON")]),
        ("MetadataExtraction", &[("MetadataExtractionQuery", "{origin}"), ("JsonParsingEngine", "JQ-1.6")]),
    ]);
    world.create("flights", changed(partitioned(), "ProcessingConfiguration", apart)).await;
    put(&world, &["{\"origin\":\"A\"}{\"origin\":\"B\"}\n{\"origin\":\"A\"}", "[1]"]).await;
    let status = world.settled("flights", 4).await;
    assert_eq!((status.ledger.taken_records, status.ledger.made_records), (2, 2));
    assert_eq!(world.contents("raw/origin=A/").await[0].1, "{\"origin\":\"A\"}{\"origin\":\"A\"}");
    let errors = world.contents("errors/processing-failed/").await;
    assert!(errors[0].1.contains("RecordDeAggregation"), "{errors:?}");
}

#[tokio::test]
async fn a_backup_holds_the_source_as_it_came_is_described_and_stays_on() {
    let world = World::start().await;
    let backup = json!({ "RoleARN": ROLE, "BucketARN": "arn:aws:s3:::lake", "Prefix": "source/" });
    let settings =
        changed(changed(partitioned(), "S3BackupMode", json!("Enabled")), "S3BackupConfiguration", backup);
    world.create("flights", settings).await;
    put(&world, &[r#"{"origin":"LAS"}"#, "bad"]).await;
    world.settled("flights", 2).await;
    let copies = world.contents("source/").await;
    assert_eq!((copies.len(), copies[0].1.as_str()), (1, "{\"origin\":\"LAS\"}bad"));
    let shown = described(&world).await;
    assert_eq!(shown["S3BackupMode"], "Enabled");
    assert_eq!(shown["S3BackupDescription"]["Prefix"], "source/");
    assert_eq!(shown["S3BackupDescription"]["CompressionFormat"], "UNCOMPRESSED");
    let refusal =
        world.refusal("UpdateDestination", update("1", json!({ "S3BackupMode": "Disabled" }))).await;
    assert!(refusal.contains("cannot be changed from Enabled to Disabled"), "{refusal}");
    let gzip = json!({ "S3BackupUpdate": { "CompressionFormat": "GZIP" } });
    world.ok("UpdateDestination", update("1", gzip)).await;
    let shown = described(&world).await;
    assert_eq!(shown["S3BackupDescription"]["CompressionFormat"], "GZIP");
    assert_eq!(shown["S3BackupDescription"]["Prefix"], "source/");
    put(&world, &[r#"{"origin":"ATL"}"#]).await;
    world.settled("flights", 3).await;
    assert!(world.contents("source/").await.iter().any(|(key, _)| key.ends_with(".gz")));
}

#[tokio::test]
async fn a_backup_needs_a_bucket_that_exists() {
    let world = World::start().await;
    let backup = json!({ "RoleARN": ROLE, "BucketARN": "arn:aws:s3:::elsewhere" });
    let settings = json!({ "S3BackupMode": "Enabled", "S3BackupConfiguration": backup });
    let refusal = world.refusal("CreateDeliveryStream", direct("flights", settings)).await;
    assert!(refusal.contains("bucket elsewhere does not exist"), "{refusal}");
}

#[tokio::test]
async fn objects_have_the_extension_of_their_compression() {
    let world = World::start().await;
    for (format, extension) in
        [("GZIP", ".gz"), ("ZIP", ".zip"), ("Snappy", ".snappy"), ("HADOOP_SNAPPY", ".hsnappy")]
    {
        let hints = json!({ "SizeInMBs": 1, "IntervalInSeconds": 0 });
        let prefix = format!("{format}/");
        let settings = json!({ "CompressionFormat": format, "Prefix": prefix, "BufferingHints": hints });
        world.create("flights", settings).await;
        put(&world, &["one"]).await;
        world.settled("flights", 1).await;
        let contents = world.contents(&prefix).await;
        assert!(contents[0].0.ends_with(extension), "{contents:?}");
        world.ok("DeleteDeliveryStream", json!({ "DeliveryStreamName": "flights" })).await;
    }
}
