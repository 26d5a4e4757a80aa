use serde_json::json;

use super::world::*;

#[tokio::test]
async fn a_description_shows_what_was_given_and_the_defaults() {
    let world = World::start().await;
    world.create("flights", json!({ "Prefix": "flights/", "FileExtension": ".json" })).await;
    let answer = world.ok("DescribeDeliveryStream", json!({ "DeliveryStreamName": "flights" })).await;
    let described = &answer["DeliveryStreamDescription"];
    assert_eq!(described["DeliveryStreamStatus"], "ACTIVE");
    assert_eq!(described["DeliveryStreamType"], "DirectPut");
    assert_eq!(described["VersionId"], "1");
    assert_eq!(described["CreateTimestamp"], json!(START.as_millis() / 1000));
    assert_eq!(described["HasMoreDestinations"], false);
    let destination = &described["Destinations"][0];
    assert_eq!(destination["DestinationId"], "destinationId-000000000001");
    assert_eq!(
        destination["ExtendedS3DestinationDescription"],
        json!({
            "RoleARN": ROLE,
            "BucketARN": "arn:aws:s3:::lake",
            "Prefix": "flights/",
            "BufferingHints": { "SizeInMBs": 5, "IntervalInSeconds": 300 },
            "CompressionFormat": "UNCOMPRESSED",
            "EncryptionConfiguration": { "NoEncryptionConfig": "NoEncryption" },
            "CloudWatchLoggingOptions": { "Enabled": false },
            "S3BackupMode": "Disabled",
            "FileExtension": ".json",
            "CustomTimeZone": "UTC",
        })
    );
    assert_eq!(destination["S3DestinationDescription"]["Prefix"], "flights/");
    let after = json!({ "DeliveryStreamName": "flights", "ExclusiveStartDestinationId": "destinationId-000000000001" });
    let answer = world.ok("DescribeDeliveryStream", after).await;
    assert_eq!(answer["DeliveryStreamDescription"]["Destinations"], json!([]));
}

#[tokio::test]
async fn conversion_settings_come_back_as_given_and_the_buffer_is_larger() {
    let world = World::start().await;
    let mut settings = conversion();
    settings.as_object_mut().unwrap().remove("BufferingHints");
    world.create("flights", settings.clone()).await;
    let answer = world.ok("DescribeDeliveryStream", json!({ "DeliveryStreamName": "flights" })).await;
    let destination =
        &answer["DeliveryStreamDescription"]["Destinations"][0]["ExtendedS3DestinationDescription"];
    assert_eq!(
        destination["DataFormatConversionConfiguration"],
        settings["DataFormatConversionConfiguration"]
    );
    assert_eq!(destination["BufferingHints"]["SizeInMBs"], 128);
}

#[tokio::test]
async fn a_stream_source_is_described_with_its_start() {
    let world = World::start().await;
    world.create_stream(2).await;
    world.ok("CreateDeliveryStream", from_stream("flights", json!({}))).await;
    let answer = world.ok("DescribeDeliveryStream", json!({ "DeliveryStreamName": "flights" })).await;
    assert_eq!(
        answer["DeliveryStreamDescription"]["Source"]["KinesisStreamSourceDescription"],
        json!({
            "KinesisStreamARN": STREAM_ARN,
            "RoleARN": ROLE,
            "DeliveryStartTimestamp": START.as_millis() / 1000,
        })
    );
}

#[tokio::test]
async fn the_older_form_of_the_destination_is_the_same_destination() {
    let world = World::start().await;
    let request = json!({
        "DeliveryStreamName": "flights",
        "S3DestinationConfiguration": destination(json!({ "Prefix": "old/", "CompressionFormat": "GZIP" })),
    });
    world.ok("CreateDeliveryStream", request).await;
    let answer = world.ok("DescribeDeliveryStream", json!({ "DeliveryStreamName": "flights" })).await;
    let described = &answer["DeliveryStreamDescription"]["Destinations"][0];
    assert_eq!(described["S3DestinationDescription"]["Prefix"], "old/");
    assert_eq!(described["ExtendedS3DestinationDescription"]["CompressionFormat"], "GZIP");
}

#[tokio::test]
async fn names_are_listed_in_pages_and_by_type() {
    let world = World::start().await;
    world.create_stream(1).await;
    for name in ["a", "b", "d"] {
        world.create(name, json!({})).await;
    }
    world.ok("CreateDeliveryStream", from_stream("c", json!({}))).await;
    let page = world.ok("ListDeliveryStreams", json!({ "Limit": 3 })).await;
    assert_eq!(page, json!({ "DeliveryStreamNames": ["a", "b", "c"], "HasMoreDeliveryStreams": true }));
    let page = world.ok("ListDeliveryStreams", json!({ "ExclusiveStartDeliveryStreamName": "c" })).await;
    assert_eq!(page, json!({ "DeliveryStreamNames": ["d"], "HasMoreDeliveryStreams": false }));
    let typed =
        world.ok("ListDeliveryStreams", json!({ "DeliveryStreamType": "DirectPut", "Limit": 3 })).await;
    assert_eq!(typed, json!({ "DeliveryStreamNames": ["a", "b", "d"], "HasMoreDeliveryStreams": false }));
}

#[tokio::test]
async fn tags_are_kept_replaced_removed_and_limited() {
    let world = World::start().await;
    let mut request = direct("flights", json!({}));
    request["Tags"] = json!([{ "Key": "team", "Value": "data" }, { "Key": "stage" }]);
    world.ok("CreateDeliveryStream", request).await;
    let tag = |tags| json!({ "DeliveryStreamName": "flights", "Tags": tags });
    world.ok("TagDeliveryStream", tag(json!([{ "Key": "team", "Value": "ops" }, { "Key": "x" }]))).await;
    let untag = json!({ "DeliveryStreamName": "flights", "TagKeys": ["x", "unknown"] });
    world.ok("UntagDeliveryStream", untag).await;
    let listed = world.ok("ListTagsForDeliveryStream", json!({ "DeliveryStreamName": "flights" })).await;
    let tags = json!([{ "Key": "stage" }, { "Key": "team", "Value": "ops" }]);
    assert_eq!(listed, json!({ "Tags": tags, "HasMoreTags": false }));
    let page = json!({ "DeliveryStreamName": "flights", "Limit": 1 });
    let page = world.ok("ListTagsForDeliveryStream", page).await;
    assert_eq!(page, json!({ "Tags": [{ "Key": "stage" }], "HasMoreTags": true }));
    let rest = json!({ "DeliveryStreamName": "flights", "ExclusiveStartTagKey": "stage" });
    let rest = world.ok("ListTagsForDeliveryStream", rest).await;
    assert_eq!(rest["Tags"], json!([{ "Key": "team", "Value": "ops" }]));
    let many: Vec<_> = (0..49).map(|index| json!({ "Key": format!("k{index}") })).collect();
    let refusal = world.refusal("TagDeliveryStream", tag(json!(many))).await;
    assert!(refusal.starts_with("LimitExceededException"), "{refusal}");
}
