use serde_json::{Value, json};

use super::world::*;

async fn creation_is_refused(world: &World, request: Value, expected: &str) {
    let refusal = world.refusal("CreateDeliveryStream", request.clone()).await;
    assert!(refusal.contains(expected), "expected {expected:?}, got {refusal:?} for {request}");
}

#[tokio::test]
async fn a_delivery_stream_is_created_once_and_deleted_once() {
    let world = World::start().await;
    let created = world.create("flights", json!({})).await;
    assert_eq!(
        created["DeliveryStreamARN"],
        "arn:aws:firehose:us-east-1:123456789012:deliverystream/flights"
    );
    creation_is_refused(
        &world,
        direct("flights", json!({})),
        "ResourceInUseException: Firehose flights under accountId 123456789012 already exists",
    )
    .await;
    let name = json!({ "DeliveryStreamName": "flights" });
    world.ok("DeleteDeliveryStream", name.clone()).await;
    let gone = "ResourceNotFoundException: Firehose flights under account 123456789012 not found.";
    assert_eq!(world.refusal("DeleteDeliveryStream", name.clone()).await, gone);
    assert_eq!(world.refusal("DescribeDeliveryStream", name).await, gone);
    world.create("flights", json!({})).await;
}

#[tokio::test]
async fn bucket_table_and_stream_must_exist() {
    let world = World::start().await;
    let elsewhere = direct("d", json!({ "BucketARN": "arn:aws:s3:::elsewhere" }));
    creation_is_refused(&world, elsewhere, "bucket elsewhere does not exist").await;
    let mut no_table = conversion();
    no_table["DataFormatConversionConfiguration"]["SchemaConfiguration"]["TableName"] = json!("other");
    creation_is_refused(&world, direct("d", no_table), "schema is not found: table db.other not found").await;
    let no_stream = from_stream("d", json!({}));
    creation_is_refused(&world, no_stream, &format!("Kinesis stream {STREAM_ARN} does not exist")).await;
    let mut foreign = from_stream("d", json!({}));
    foreign["KinesisStreamSourceConfiguration"]["KinesisStreamARN"] =
        json!("arn:aws:kinesis:us-east-1:999999999999:stream/flights");
    creation_is_refused(&world, foreign, "another account or region").await;
    // Nothing is left of what was refused.
    let listed = world.ok("ListDeliveryStreams", json!({})).await;
    assert_eq!(listed["DeliveryStreamNames"], json!([]));
    assert!(world.log.topics(&scope(), "delivery").await.is_empty());
}

#[tokio::test]
async fn contradictory_settings_are_refused_at_once() {
    let world = World::start().await;
    let with = |pointer: &str, value: Value| {
        let mut settings = conversion();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        settings.pointer_mut(parent).unwrap()[name] = value;
        direct("d", settings)
    };
    let schema = "/DataFormatConversionConfiguration/SchemaConfiguration";
    for (request, expected) in [
        (with("/BufferingHints/SizeInMBs", json!(63)), "SizeInMBs must be at least 64"),
        (with("/BufferingHints", json!({ "SizeInMBs": 64 })), "both SizeInMBs and IntervalInSeconds"),
        (with("/CompressionFormat", json!("GZIP")), "CompressionFormat must be UNCOMPRESSED"),
        (with("/ErrorOutputPrefix", Value::Null), "ErrorOutputPrefix cannot be null or empty"),
        (with("/Prefix", json!("a/!{timestamp:GGG}/")), "Prefix is invalid"),
        (with("/Prefix", json!("a/!{partitionKeyFromQuery:id}/")), "partitionKeyFromQuery"),
        (with("/CustomTimeZone", json!("Mars/Olympus")), "CustomTimeZone is invalid"),
        (with(&format!("{schema}/RoleARN"), Value::Null), "SchemaConfiguration.RoleARN must be specified"),
        (with(&format!("{schema}/CatalogId"), json!("999999999999")), "another account"),
        (with(&format!("{schema}/VersionId"), json!("newest")), "neither LATEST nor a number"),
        (with(&format!("{schema}/VersionId"), json!("7")), "schema is not found: version 7"),
        (
            with(
                "/DataFormatConversionConfiguration/InputFormatConfiguration",
                json!({ "Deserializer": {} }),
            ),
            "Exactly one deserializer",
        ),
        (with("/S3BackupMode", json!("Enabled")), "S3BackupConfiguration must be specified"),
        (
            with(
                "/ProcessingConfiguration",
                json!({ "Enabled": true, "Processors": [{ "Type": "Lambda" }] }),
            ),
            "Processor type Lambda is not supported",
        ),
        (with("/CompressionFormat", json!("ZIP")), "CompressionFormat must be UNCOMPRESSED"),
        (json!({ "DeliveryStreamName": "d" }), "No destination configuration"),
    ] {
        creation_is_refused(&world, request, expected).await;
    }
}

#[tokio::test]
async fn what_is_not_built_is_refused_by_name() {
    let world = World::start().await;
    let kms = json!({ "KMSEncryptionConfig": { "AWSKMSKeyARN":
        "arn:aws:kms:us-east-1:123456789012:key/1234" } });
    creation_is_refused(
        &world,
        direct("d", json!({ "EncryptionConfiguration": kms })),
        "KMSEncryptionConfig",
    )
    .await;
    let mut orc = conversion();
    orc["DataFormatConversionConfiguration"]["OutputFormatConfiguration"]["Serializer"] =
        json!({ "OrcSerDe": { "BloomFilterColumns": ["origin"] } });
    creation_is_refused(&world, direct("d", orc), "BloomFilterColumns").await;
    let mut redshift = direct("d", json!({}));
    redshift["RedshiftDestinationConfiguration"] = json!({
        "RoleARN": ROLE, "ClusterJDBCURL": "jdbc:redshift://cluster:5439/db",
        "CopyCommand": { "DataTableName": "t" }, "S3Configuration": destination(json!({}))
    });
    creation_is_refused(&world, redshift, "RedshiftDestinationConfiguration").await;
}

#[tokio::test]
async fn an_error_prefix_that_does_not_name_the_kind_of_failure_is_accepted() {
    let world = World::start().await;
    let mut settings = conversion();
    settings["ErrorOutputPrefix"] = json!("errors/!{timestamp:yyyy}/");
    world.create("flights", settings).await;
}

#[tokio::test]
async fn a_hive_deserializer_brings_its_timestamp_formats() {
    let world = World::start().await;
    let deserializer = |format: &str| {
        let mut settings = conversion();
        settings["DataFormatConversionConfiguration"]["InputFormatConfiguration"]["Deserializer"] =
            json!({ "HiveJsonSerDe": { "TimestampFormats": [format] } });
        settings
    };
    world.create("good", deserializer("yyyy-MM-dd'T'HH:mm:ss")).await;
    creation_is_refused(&world, direct("bad", deserializer("yyyy 'open")), "cannot be used").await;
}
