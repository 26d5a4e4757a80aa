//! The Iceberg destination's settings.

use serde_json::{Value, json};

use super::world::*;

pub(super) fn iceberg(settings: Value) -> Value {
    let mut destination = json!({
        "RoleARN": ROLE,
        "CatalogConfiguration": { "CatalogARN": "arn:aws:glue:us-east-1:123456789012:catalog" },
        "DestinationTableConfigurationList": [
            { "DestinationDatabaseName": "db", "DestinationTableName": "events", "UniqueKeys": ["id"] },
        ],
        "BufferingHints": { "SizeInMBs": 1, "IntervalInSeconds": 0 },
        "S3Configuration": destination(json!({ "ErrorOutputPrefix": "errors/" })),
    });
    for (name, value) in settings.as_object().unwrap() {
        destination[name] = value.clone();
    }
    json!({ "DeliveryStreamName": "d", "IcebergDestinationConfiguration": destination })
}

fn processor(kind: &str, parameters: &[(&str, &str)]) -> Value {
    let parameters = parameters.iter();
    let parameters: Vec<_> =
        parameters.map(|(name, value)| json!({ "ParameterName": name, "ParameterValue": value })).collect();
    let processor = json!({ "Type": kind, "Parameters": parameters });
    json!({ "ProcessingConfiguration": { "Enabled": true, "Processors": [processor] } })
}

#[tokio::test]
async fn settings_that_contradict_each_other_are_refused() {
    let world = World::start().await;
    let query = |query| {
        processor(
            "MetadataExtraction",
            &[("MetadataExtractionQuery", query), ("JsonParsingEngine", "JQ-1.6")],
        )
    };
    let creation = |warehouse: &str| {
        json!({
            "TableCreationConfiguration": { "Enabled": true },
            "CatalogConfiguration": {
                "CatalogARN": "arn:aws:glue:us-east-1:123456789012:catalog", "WarehouseLocation": warehouse,
            },
        })
    };
    let bucket = |settings| json!({ "S3Configuration": destination(settings) });
    for (settings, expected) in [
        (
            json!({ "DestinationTableConfigurationList": [] }),
            "DestinationTableConfigurationList must name a table",
        ),
        (json!({ "AppendOnly": true }), "UniqueKeys have no meaning when AppendOnly is true"),
        (json!({ "TableCreationConfiguration": { "Enabled": true } }), "WarehouseLocation must be specified"),
        (creation("s3:///tables"), "must be of the form s3://bucket/prefix"),
        (processor("AppendDelimiterToRecord", &[]), "not applicable to Iceberg destinations"),
        (query("{destinationTableName: "), "MetadataExtractionQuery is invalid"),
        (query("{destinationTableName: .a | halt}"), "the filter \"halt\" is not defined"),
        (bucket(json!({ "BucketARN": "arn:aws:s3:::elsewhere" })), "bucket elsewhere does not exist"),
        (
            bucket(json!({ "Prefix": "a/!{partitionKeyFromQuery:x}/", "ErrorOutputPrefix": "e/" })),
            "Prefix is invalid",
        ),
        (bucket(json!({ "Prefix": "a/!{timestamp:yyyy}/" })), "ErrorOutputPrefix cannot be null or empty"),
        (json!({ "BufferingHints": { "SizeInMBs": 5 } }), "both SizeInMBs and IntervalInSeconds"),
    ] {
        let refusal = world.refusal("CreateDeliveryStream", iceberg(settings.clone())).await;
        assert!(refusal.starts_with("InvalidArgumentException"), "{refusal}");
        assert!(refusal.contains(expected), "expected {expected:?}, got {refusal:?} for {settings}");
    }
    world.ok("CreateDeliveryStream", iceberg(json!({}))).await;
}
