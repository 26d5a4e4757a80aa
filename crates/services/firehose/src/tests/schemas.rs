//! Schemas that are not there, cannot be used, or change.

use lake::{Column, Table};
use serde_json::{Value, json};

use super::world::*;

async fn put(world: &World, data: &[&str]) {
    let records: Vec<Value> = data.iter().map(|data| json!({ "Data": base64(data) })).collect();
    world.ok("PutRecordBatch", json!({ "DeliveryStreamName": "flights", "Records": records })).await;
}

/// The table's columns as they are now, in a new version of it.
async fn retype(world: &World, columns: &[(&str, &str)]) {
    let catalog = world.lake.catalog();
    let table = catalog.table(&scope(), "db", "flights").await.unwrap();
    let columns = columns.iter().map(|(name, type_)| Column::new(*name, *type_)).collect();
    catalog.update_table(&scope(), Table { columns, ..table }, None, true).await.unwrap();
}

fn at_version(version: u64) -> Value {
    let mut settings = conversion();
    settings["DataFormatConversionConfiguration"]["SchemaConfiguration"]["VersionId"] =
        json!(version.to_string());
    settings
}

fn update(version: &str, settings: &Value) -> Value {
    json!({
        "DeliveryStreamName": "flights",
        "CurrentDeliveryStreamVersionId": version,
        "DestinationId": "destinationId-000000000001",
        "ExtendedS3DestinationUpdate": settings,
    })
}

#[tokio::test]
async fn the_latest_schema_holds_for_what_comes_after_its_change() {
    let world = World::start().await;
    world.create("flights", conversion()).await;
    put(&world, &[r#"{"origin":"LAS","delay":3}"#, r#"{"origin":"LAS","delay":"late"}"#]).await;
    let status = world.settled("flights", 2).await;
    assert_eq!((status.ledger.delivered_records, status.ledger.rejected_records), (1, 1));
    retype(&world, &[("origin", "string"), ("delay", "string")]).await;
    put(&world, &[r#"{"origin":"LAS","delay":"late"}"#]).await;
    let status = world.settled("flights", 3).await;
    assert_eq!((status.ledger.delivered_records, status.ledger.rejected_records), (2, 1));
}

#[tokio::test]
async fn a_fixed_version_of_the_schema_stays_what_it_was() {
    let world = World::start().await;
    let before = world.lake.catalog().table(&scope(), "db", "flights").await.unwrap().version;
    world.create("flights", at_version(before)).await;
    retype(&world, &[("origin", "string"), ("delay", "struct<minutes:int>")]).await;
    put(&world, &[r#"{"origin":"LAS","delay":3}"#]).await;
    let status = world.settled("flights", 1).await;
    assert_eq!((status.ledger.delivered_records, status.ledger.rejected_records), (1, 0));
}

#[tokio::test]
async fn a_schema_that_cannot_be_used_is_refused_at_once() {
    let world = World::start().await;
    for (columns, reason) in [
        (vec![], "The schema of table db.flights cannot be used: it has no columns."),
        (vec![("at", "uniontype<int,string>")], "The schema of table db.flights cannot be used: "),
        (vec![("at", "no type")], "The schema of table db.flights cannot be used: "),
    ] {
        retype(&world, &columns).await;
        let refusal = world.refusal("CreateDeliveryStream", direct("flights", conversion())).await;
        assert!(refusal.starts_with(&format!("InvalidArgumentException: {reason}")), "{refusal}");
    }
}

#[tokio::test]
async fn an_update_to_a_schema_that_is_gone_changes_nothing() {
    let world = World::start().await;
    world
        .create(
            "flights",
            json!({ "Prefix": "raw/", "BufferingHints": { "SizeInMBs": 64, "IntervalInSeconds": 0 } }),
        )
        .await;
    let gone = world.refusal("UpdateDestination", update("1", &at_version(99))).await;
    assert!(gone.contains("The schema is not found: version 99"), "{gone}");
    world.lake.catalog().delete_table(&scope(), "db", "flights").await.unwrap();
    let gone = world.refusal("UpdateDestination", update("1", &conversion())).await;
    assert!(gone.contains("The schema is not found: table db.flights not found"), "{gone}");
    put(&world, &["one"]).await;
    world.settled("flights", 1).await;
    assert_eq!(world.contents("raw/").await[0].1, "one");
}
