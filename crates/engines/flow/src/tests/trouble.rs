use bytes::Bytes;
use lake::{Column, Table};

use super::rig::*;
use crate::{FlowError, Phase, SpecError};

fn record() -> [Bytes; 1] {
    [json(1)]
}

#[tokio::test]
async fn a_missing_bucket_is_told_and_delivery_goes_on_when_it_is_back() {
    let rig = Rig::new().await;
    rig.topic(1).await;
    rig.put(0, record()).await;
    let mut spec = raw_spec();
    spec.sink.bucket = "elsewhere".to_owned();
    rig.flow.create(&id(), &spec).await.unwrap();
    let status = rig.until(|status| status.last_error.is_some()).await;
    assert_eq!((status.phase, status.pending_records), (Phase::Retrying, 1));
    let error = status.last_error.unwrap();
    assert!(error.contains("bucket elsewhere"), "{error}");
    rig.objects.create_bucket("elsewhere", &scope()).await.unwrap();
    let status = rig.until_settled(1).await;
    assert_eq!(status.ledger.delivered_records, 1);
    assert_eq!(rig.until(|status| status.last_error.is_none()).await.pending_records, 0);
}

#[tokio::test]
async fn a_missing_table_is_told_and_delivery_goes_on_when_it_is_back() {
    let rig = Rig::new().await;
    rig.topic(1).await;
    rig.put(0, record()).await;
    rig.flow.create(&id(), &parquet_spec()).await.unwrap();
    let status = rig.until(|status| status.last_error.is_some()).await;
    assert!(status.last_error.unwrap().contains("database db not found"));
    rig.table(&["day"]).await;
    rig.until_settled(1).await;
    assert_eq!(rig.delivered_ids().await, [1]);
}

#[tokio::test]
async fn a_table_with_a_type_that_cannot_be_written_is_told() {
    let rig = Rig::new().await;
    rig.topic(1).await;
    rig.table(&[]).await;
    let mut table: Table = rig.lake.catalog().table(&scope(), "db", "events").await.unwrap();
    table.columns.push(Column::new("odd", "uniontype<int,string>"));
    rig.lake.catalog().update_table(&scope(), table, None, true).await.unwrap();
    rig.put(0, record()).await;
    rig.flow.create(&id(), &parquet_spec()).await.unwrap();
    let status = rig.until(|status| status.last_error.is_some()).await;
    let error = status.last_error.unwrap();
    assert!(error.contains("odd"), "{error}");
}

#[tokio::test]
async fn a_deleted_source_is_told_and_a_new_one_of_its_name_is_read_from_its_start() {
    let rig = Rig::new().await;
    rig.topic(1).await;
    rig.flow.create(&id(), &raw_spec()).await.unwrap();
    rig.put(0, [json(1), json(2)]).await;
    rig.until_settled(2).await;
    rig.log.delete_topic(&topic()).await.unwrap();
    let status = rig.until(|status| status.last_error.is_some()).await;
    assert!(status.last_error.unwrap().contains("does not exist"));
    rig.topic(1).await;
    rig.put(0, record()).await;
    let status = rig.until_settled(3).await;
    assert_eq!((status.ledger.delivered_records, status.pending_records), (3, 0));
}

#[tokio::test]
async fn records_that_retention_removed_are_counted_as_missing() {
    let rig = Rig::new().await;
    rig.topic(1).await;
    rig.put(0, (0..5).map(json)).await;
    rig.flow.create(&id(), &parquet_spec()).await.unwrap();
    rig.until(|status| status.last_error.is_some()).await;
    rig.log.trim(&topic(), 0, 2).await.unwrap();
    rig.table(&[]).await;
    let status = rig.until_settled(5).await;
    assert_eq!((status.ledger.missing_records, status.ledger.delivered_records), (2, 3));
    assert_eq!(rig.delivered_ids().await, [2, 3, 4]);
}

#[tokio::test]
async fn a_spec_that_can_never_be_executed_is_refused() {
    let rig = Rig::new().await;
    rig.topic(1).await;
    let mut spec = raw_spec();
    spec.sink.prefix = "!{timestamp:QQQQQ}".to_owned();
    let refused = rig.flow.create(&id(), &spec).await;
    assert!(matches!(refused, Err(FlowError::Spec(SpecError::Prefix(_)))));
    let mut spec = raw_spec();
    spec.sink.time_zone = "Mars/Olympus".to_owned();
    let refused = rig.flow.create(&id(), &spec).await;
    assert!(matches!(refused, Err(FlowError::Spec(SpecError::TimeZone(_)))));
    let mut spec = raw_spec();
    spec.source.topic.name = "nothing".to_owned();
    assert!(matches!(rig.flow.create(&id(), &spec).await, Err(FlowError::Source(_))));
}
