//! Iceberg tables with the records that are in none of their files yet.

use std::time::Duration;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use futures::TryStreamExt;
use lake::iceberg::{Creation, IcebergTable};
use lake::{Column, Database};

use super::rig::*;
use crate::{Encode, FlowSpec, IcebergEncode, IcebergTarget};

fn spec(keys: &[&str], interval: Duration) -> FlowSpec {
    let target = IcebergTarget {
        database: "db".to_owned(),
        table: "Events".to_owned(),
        unique_keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        partition_by: Vec::new(),
    };
    let encode = IcebergEncode {
        scope: scope(),
        tables: vec![target],
        append_only: false,
        evolve: true,
        warehouse: Some(format!("s3://{BUCKET}/")),
        routed: false,
        json: lake::json::JsonOptions::default(),
        parquet: lake::parquet::ParquetSettings::default(),
    };
    let mut spec = raw_spec();
    spec.encode = Encode::Iceberg(Box::new(encode));
    spec.buffer.interval = interval;
    spec.live = true;
    spec
}

async fn with_table() -> Rig {
    let rig = Rig::new().await;
    rig.topic(2).await;
    rig.lake.catalog().create_database(&scope(), Database::new("db")).await.unwrap();
    let columns = [Column::new("id", "bigint"), Column::new("name", "string")];
    let creation = Creation::new("db", "events", format!("s3://{BUCKET}/events"), &columns).unwrap();
    rig.lake.iceberg().create(&scope(), creation).await.unwrap();
    rig
}

async fn read(table: &IcebergTable) -> Vec<RecordBatch> {
    if table.snapshot_id().is_none() {
        return Vec::new();
    }
    table.table.scan().build().unwrap().to_arrow().await.unwrap().try_collect().await.unwrap()
}

fn ids(batches: &[RecordBatch]) -> Vec<i64> {
    let column = |batch: &RecordBatch| {
        batch.column_by_name("id").unwrap().as_primitive::<Int64Type>().values().to_vec()
    };
    batches.iter().flat_map(column).collect()
}

/// Ids in files, and ids that are pending.
async fn seen(rig: &Rig) -> (Vec<i64>, Vec<i64>) {
    let table = rig.lake.catalog().table(&scope(), "db", "events").await.unwrap();
    let (table, live) = rig.lake.iceberg_snapshot(&scope(), &table).await.unwrap();
    let live: Vec<_> = live.into_iter().map(|rows| rows.batch).collect();
    (ids(&read(&table).await), ids(&live))
}

#[tokio::test]
async fn pending_records_are_rows_beside_the_files_until_they_are_in_one() {
    let rig = with_table().await;
    rig.flow.create(&id(), &spec(&[], Duration::from_secs(60))).await.unwrap();
    rig.put(0, (0..3).map(json)).await;
    rig.put(1, [json(3), "{broken".into()]).await;
    let (files, mut live) = seen(&rig).await;
    live.sort_unstable();
    assert_eq!((files, live), (vec![], vec![0, 1, 2, 3]));
    rig.clock.advance(Duration::from_secs(61));
    rig.until_settled(5).await;
    rig.put(0, [json(4), r#"{"id":5,"colour":"red"}"#.into()]).await;
    let (mut files, live) = seen(&rig).await;
    files.sort_unstable();
    assert_eq!((files, live), (vec![0, 1, 2, 3], vec![4, 5]));
}

#[tokio::test]
async fn every_record_counts_once_at_every_moment_of_its_way_into_a_file() {
    let rig = with_table().await;
    rig.flow.create(&id(), &spec(&[], Duration::ZERO)).await.unwrap();
    let (mut put, mut both) = (0, 0);
    for round in 0..60_i64 {
        let partition = u32::try_from(round % 2).unwrap();
        rig.put(partition, (put..put + 7).map(json)).await;
        put += 7;
        let (files, live) = seen(&rig).await;
        both += i32::from(!files.is_empty() && !live.is_empty());
        let mut all = [files, live].concat();
        all.sort_unstable();
        assert_eq!(all, (0..put).collect::<Vec<_>>(), "in round {round}");
    }
    assert!(both > 0, "commits and pending records were seen together");
    rig.until_settled(60 * 7).await;
    assert_eq!(seen(&rig).await.1, Vec::<i64>::new());
}

#[tokio::test]
async fn a_table_that_is_upserted_into_or_is_not_to_be_live_shows_its_files_only() {
    let rig = with_table().await;
    rig.flow.create(&id(), &spec(&["id"], Duration::from_secs(60))).await.unwrap();
    rig.put(0, (0..3).map(json)).await;
    assert_eq!(seen(&rig).await, (vec![], vec![]));
    rig.clock.advance(Duration::from_secs(61));
    rig.until_settled(3).await;
    let mut silent = spec(&[], Duration::from_secs(60));
    silent.live = false;
    rig.flow.update(&id(), &silent).await.unwrap();
    rig.put(0, (3..5).map(json)).await;
    let (files, live) = seen(&rig).await;
    assert_eq!((files.len(), live.len()), (3, 0));
}

#[tokio::test]
async fn asking_for_a_table_that_is_gone_does_not_make_it_again() {
    let rig = with_table().await;
    rig.flow.create(&id(), &spec(&[], Duration::from_secs(60))).await.unwrap();
    rig.put(0, [json(0)]).await;
    let table = rig.lake.catalog().table(&scope(), "db", "events").await.unwrap();
    rig.lake.catalog().delete_table(&scope(), "db", "events").await.unwrap();
    assert!(rig.lake.iceberg_snapshot(&scope(), &table).await.is_err());
    assert!(rig.lake.catalog().table(&scope(), "db", "events").await.is_err());
}
