use std::collections::BTreeMap;

use bytes::Bytes;

use super::rig::*;
use crate::{Extract, FlowSettings, FlowSpec, Operator, Partitioning};

/// Parquet by the key `name`.
fn spec(partitions_max: u32) -> FlowSpec {
    let mut spec = parquet_spec();
    spec.sink.prefix = "events/name=!{partitionKeyFromQuery:name}/day=!{timestamp:yyyy-MM-dd}/".to_owned();
    spec.operators = vec![Operator::Extract(Extract { query: "{name}".to_owned() })];
    spec.partitioning = Some(Partitioning { partitions_max });
    spec
}

fn event(id: i64, name: &str) -> Bytes {
    format!(r#"{{"id":{id},"name":"{name}"}}"#).into()
}

/// The ids by folder.
async fn delivered(rig: &Rig) -> BTreeMap<String, Vec<i64>> {
    let mut folders: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (key, bytes) in rig.objects("events/").await {
        let (folder, _) = key.rsplit_once('/').unwrap();
        folders.entry(folder.to_owned()).or_default().extend(ids_of(bytes));
    }
    folders.values_mut().for_each(|ids| ids.sort_unstable());
    folders
}

#[tokio::test]
async fn rows_go_to_the_partition_their_key_names_and_partitions_are_registered() {
    let rig = Rig::new().await;
    rig.topic(1).await;
    rig.table(&["name", "day"]).await;
    rig.put(0, (0..30).map(|id| event(id, ["a", "b", "c"][id as usize % 3]))).await;
    rig.flow.create(&id(), &spec(500)).await.unwrap();
    rig.until_settled(30).await;
    let status = rig.flow.status(&id()).await.unwrap();
    assert_eq!((status.partitions, status.partitions_exceeded), (3, false));
    let folders = delivered(&rig).await;
    let expected = |rest: i64| (0..30).filter(|id| id % 3 == rest).collect::<Vec<i64>>();
    assert_eq!(
        folders,
        BTreeMap::from([
            ("events/name=a/day=2024-01-31".to_owned(), expected(0)),
            ("events/name=b/day=2024-01-31".to_owned(), expected(1)),
            ("events/name=c/day=2024-01-31".to_owned(), expected(2)),
        ])
    );
    for name in ["a", "b", "c"] {
        let values = vec![name.to_owned(), "2024-01-31".to_owned()];
        let partition = rig.lake.catalog().partition(&scope(), "db", "events", &values).await.unwrap();
        let location = format!("s3://lake/events/name={name}/day=2024-01-31/");
        assert_eq!(partition.storage.location, Some(location));
    }
}

#[tokio::test]
async fn records_without_a_value_for_a_key_are_rejected_with_the_reason() {
    let rig = Rig::new().await;
    rig.topic(1).await;
    rig.table(&[]).await;
    let records = [
        r#"{"id":1,"name":"a"}"#,
        r#"{"id":2,"name":""}"#,
        r#"{"id":3,"name":null}"#,
        r#"{"id":4}"#,
        r#"[5]"#,
        "six",
    ];
    rig.put(0, records.map(Bytes::from)).await;
    rig.flow.create(&id(), &spec(500)).await.unwrap();
    let status = rig.until_settled(6).await;
    assert_eq!((status.ledger.delivered_records, status.ledger.rejected_records), (1, 5));
    assert!(status.ledger.balances());
    let lines = rig.error_lines().await;
    let reasons: Vec<&str> = lines.iter().map(|line| line["reason"].as_str().unwrap()).collect();
    let empty = "partitionKeys values must not be null or empty";
    assert_eq!(reasons[..3], [empty; 3]);
    assert!(reasons[3].contains("the query failed"), "{reasons:?}");
    assert!(reasons[4].contains("no JSON document"), "{reasons:?}");
    assert!(rig.objects("errors/").await.keys().all(|key| key.starts_with("errors/processing-failed/")));
}

#[tokio::test]
async fn a_key_too_long_for_an_object_is_rejected_alone() {
    let rig = Rig::new().await;
    rig.topic(1).await;
    rig.table(&[]).await;
    rig.put(0, [event(1, "a"), event(2, &"x".repeat(1_000)), event(3, &"x".repeat(600))]).await;
    rig.flow.create(&id(), &spec(500)).await.unwrap();
    let status = rig.until_settled(3).await;
    assert_eq!((status.ledger.delivered_records, status.ledger.rejected_records), (2, 1));
    assert!(rig.error_lines().await[0]["reason"].as_str().unwrap().contains("longer than 1024 bytes"));
}

#[tokio::test]
async fn partitions_beyond_the_limit_go_to_the_error_output() {
    let rig = Rig::new().await;
    rig.topic(1).await;
    rig.table(&[]).await;
    rig.put(0, (0..100).map(|id| event(id, &format!("n{}", id % 10)))).await;
    rig.flow.create(&id(), &spec(4)).await.unwrap();
    let status = rig.until_settled(100).await;
    let folders = delivered(&rig).await;
    assert_eq!(folders.len(), 4);
    assert_eq!(folders.values().map(Vec::len).sum::<usize>(), 40);
    assert_eq!((status.ledger.delivered_records, status.ledger.rejected_records), (40, 60));
    assert_eq!((status.partitions, status.partitions_exceeded), (4, true));
    assert!(status.ledger.balances());
    for line in rig.error_lines().await {
        assert_eq!(line["reason"], "The number of active partitions has exceeded the configured limit");
    }
}

#[tokio::test]
async fn many_partitions_are_written_row_group_by_row_group_when_the_budget_is_small() {
    let rig = Rig::with(FlowSettings {
        batch_spacing: std::time::Duration::ZERO,
        partition_bytes: 1,
        ..FlowSettings::default()
    })
    .await;
    rig.topic(1).await;
    rig.table(&["name", "day"]).await;
    // More than one chunk.
    rig.put(0, (0..40_000).map(|id| event(id, &format!("n{}", id % 5)))).await;
    rig.flow.create(&id(), &spec(500)).await.unwrap();
    let status = rig.until_settled(40_000).await;
    let folders = delivered(&rig).await;
    assert_eq!(folders.len(), 5);
    assert_eq!(folders.values().map(Vec::len).sum::<usize>(), 40_000);
    let objects = rig.objects("events/name=n0/").await;
    assert_eq!(objects.len(), 1, "{:?}", objects.keys());
    let file = objects.into_values().next().unwrap();
    assert_eq!(row_groups(file), 3, "one a chunk");
    assert_eq!(status.ledger.batches, 1);
}

#[tokio::test]
async fn of_many_partitions_some_end_their_objects_before_too_many_files_are_open() {
    let settings = FlowSettings { partition_bytes: 1, ..FlowSettings::default() };
    let rig = Rig::with(settings).await;
    rig.topic(1).await;
    rig.table(&["name", "day"]).await;
    rig.put(0, (0..40_000).map(|id| event(id, &format!("n{}", id % 410)))).await;
    rig.flow.create(&id(), &spec(500)).await.unwrap();
    rig.until_settled(40_000).await;
    let mut ids: Vec<i64> = delivered(&rig).await.into_values().flatten().collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..40_000).collect::<Vec<_>>());
    // Three chunks: the ten that find no room make an object of each.
    assert_eq!(rig.objects("events/").await.len(), 400 + 10 * 3);
}

#[tokio::test]
async fn each_partition_has_the_buffer_to_itself() {
    let rig = Rig::new().await;
    rig.topic(1).await;
    rig.table(&["name", "day"]).await;
    let mut spec = spec(500);
    // The buffer is less than one chunk, of which each partition gets the fifth part.
    let record = event(10_000, "n0").len() as u64;
    spec.buffer.bytes = record * 2_000;
    rig.put(0, (10_000..10_010).map(|id| event(id, &format!("n{}", id % 5)))).await;
    rig.flow.create(&id(), &spec).await.unwrap();
    rig.clock.advance(std::time::Duration::from_secs(900));
    rig.until_settled(10).await;
    rig.put(0, (10_010..50_010).map(|id| event(id, &format!("n{}", id % 5)))).await;
    rig.clock.advance(std::time::Duration::from_secs(900));
    let status = rig.until_settled(40_010).await;
    // It now knows of five partitions: 10,000 records are a batch, not 2,000.
    assert!((5..8).contains(&status.ledger.batches), "{} batches", status.ledger.batches);
    let folders = delivered(&rig).await;
    assert_eq!(folders.values().map(Vec::len).collect::<Vec<_>>(), [8_002; 5]);
    for bytes in rig.objects("events/name=n1/").await.into_values() {
        assert!(ids_of(bytes).len() <= 4_000, "an object that fills the buffer is complete");
    }
}

#[tokio::test]
async fn a_partition_that_gets_more_than_its_buffer_has_several_objects() {
    let rig = Rig::new().await;
    rig.topic(1).await;
    rig.table(&["name", "day"]).await;
    let mut spec = spec(500);
    spec.buffer.bytes = event(10_000, "n0").len() as u64 * 10_000;
    rig.put(0, (10_000..10_010).map(|id| event(id, &format!("n{}", id % 5)))).await;
    rig.flow.create(&id(), &spec).await.unwrap();
    rig.clock.advance(std::time::Duration::from_secs(900));
    rig.until_settled(10).await;
    // The batch has room for five partitions, and one of them takes all of it.
    rig.put(0, (10_010..60_010).map(|id| event(id, "n1"))).await;
    rig.clock.advance(std::time::Duration::from_secs(900));
    rig.until_settled(50_010).await;
    let objects = rig.objects("events/name=n1/").await;
    let rows: Vec<usize> = objects.into_values().map(|bytes| ids_of(bytes).len()).collect();
    assert_eq!(rows.iter().sum::<usize>(), 50_002);
    // An object is complete with the chunk that fills it.
    assert!(rows.iter().all(|rows| *rows <= 16 << 10), "{rows:?}");
}
