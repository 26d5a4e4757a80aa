use std::time::Duration;

use bytes::Bytes;
use lake::PartitionFilter;
use rt::Timestamp;

use super::rig::*;
use crate::{Compression, Encode, FlowError, FlowSettings, Phase, Start};

fn texts(range: std::ops::Range<usize>) -> Vec<Bytes> {
    range.map(|index| Bytes::from(format!("record {index}"))).collect()
}

#[tokio::test]
async fn records_are_delivered_as_they_are_with_the_delimiter_after_each() {
    let rig = Rig::new().await;
    rig.topic(1).await;
    rig.put(0, texts(0..2)).await;
    rig.flow.create(&id(), &raw_spec()).await.unwrap();
    rig.until_settled(2).await;
    let objects = rig.objects("").await;
    let (key, bytes) = objects.first_key_value().unwrap();
    assert_eq!(&bytes[..], b"record 0\nrecord 1\n");
    assert!(key.starts_with("events/2024/01/31/22/events-1-2024-01-31-22-59-30-"), "{key}");
    assert_eq!(objects.len(), 1);
}

#[tokio::test]
async fn gzip_objects_hold_the_same_records() {
    let rig = Rig::new().await;
    rig.topic(1).await;
    rig.put(0, texts(0..1000)).await;
    let mut spec = raw_spec();
    let Encode::Raw(raw) = &mut spec.encode else { unreachable!() };
    raw.compression = Compression::Gzip;
    spec.sink.suffix = ".gz".to_owned();
    rig.flow.create(&id(), &spec).await.unwrap();
    rig.until_settled(1000).await;
    let objects = rig.objects("").await;
    let (key, bytes) = objects.first_key_value().unwrap();
    assert!(key.ends_with(".gz"));
    assert_eq!(gunzip(bytes).lines().count(), 1000);
}

#[tokio::test]
async fn json_becomes_parquet_and_its_partition_is_in_the_table() {
    let rig = Rig::new().await;
    rig.topic(2).await;
    rig.table(&["day"]).await;
    rig.put(0, (0..10).map(json)).await;
    rig.put(1, (10..20).map(json)).await;
    rig.flow.create(&id(), &parquet_spec()).await.unwrap();
    let status = rig.until_settled(20).await;
    assert_eq!(rig.delivered_ids().await, (0..20).collect::<Vec<_>>());
    assert_eq!((status.ledger.delivered_records, status.ledger.rejected_records), (20, 0));
    let none: Option<&PartitionFilter> = None;
    let page = lake::PageRequest::first(10);
    let partitions = rig.lake.catalog().partitions(&scope(), "db", "events", none, &page).await.unwrap();
    assert_eq!(partitions.items.len(), 1);
    assert_eq!(partitions.items[0].values, ["2024-01-31"]);
    let location = partitions.items[0].storage.location.as_deref();
    assert_eq!(location, Some("s3://lake/events/day=2024-01-31/"));
}

#[tokio::test]
async fn bad_records_go_to_the_error_output_with_reason_bytes_and_arrival() {
    let rig = Rig::new().await;
    rig.topic(1).await;
    rig.table(&[]).await;
    let bad = [Bytes::from_static(b"{oops"), Bytes::from_static(br#"{"id":"seven"}"#)];
    rig.put(0, [json(1), bad[0].clone(), json(2), bad[1].clone()]).await;
    rig.flow.create(&id(), &parquet_spec()).await.unwrap();
    let status = rig.until_settled(4).await;
    assert_eq!((status.ledger.delivered_records, status.ledger.rejected_records), (2, 2));
    assert_eq!(status.ledger.rejected_bytes, (bad[0].len() + bad[1].len()) as u64);
    assert_eq!(rig.delivered_ids().await, [1, 2]);
    let lines = rig.error_lines().await;
    assert_eq!(lines.len(), 2);
    for (line, (bad, position)) in lines.iter().zip(bad.iter().zip(["0:1", "0:3"])) {
        assert_eq!(line["data"], base64_simd::STANDARD.encode_to_string(bad));
        assert_eq!(line["position"], position);
        assert_eq!(line["arrival"], START.as_millis());
        assert!(!line["reason"].as_str().unwrap().is_empty());
    }
    let keys = rig.objects("errors/").await;
    assert!(keys.keys().all(|key| key.starts_with("errors/format-conversion-failed/events-1-")));
}

#[tokio::test]
async fn a_batch_without_a_good_record_makes_no_data_object() {
    let rig = Rig::new().await;
    rig.topic(1).await;
    rig.table(&["day"]).await;
    rig.put(0, [Bytes::from_static(b"bad")]).await;
    rig.flow.create(&id(), &parquet_spec()).await.unwrap();
    let status = rig.until_settled(1).await;
    assert_eq!((status.ledger.rejected_records, status.ledger.objects), (1, 1));
    assert!(rig.objects("events/").await.is_empty());
    assert_eq!(rig.error_lines().await.len(), 1);
}

#[tokio::test]
async fn a_batch_waits_for_its_interval() {
    let rig = Rig::new().await;
    rig.topic(1).await;
    let mut spec = raw_spec();
    spec.buffer.interval = Duration::from_secs(20);
    rig.flow.create(&id(), &spec).await.unwrap();
    rig.put(0, texts(0..3)).await;
    rig.clock.advance(Duration::from_secs(19));
    rig.put(0, texts(3..5)).await;
    let before = rig.flow.status(&id()).await.unwrap();
    assert_eq!((before.pending_records, before.ledger.batches), (5, 0));
    rig.clock.advance(Duration::from_secs(1));
    let after = rig.until_settled(5).await;
    assert_eq!((after.ledger.batches, after.ledger.objects), (1, 1));
    assert_eq!(after.freshness, Some(Duration::from_secs(20)));
}

#[tokio::test]
async fn a_full_buffer_does_not_wait_and_bounds_each_object() {
    let rig = Rig::new().await;
    rig.topic(3).await;
    let mut spec = raw_spec();
    spec.buffer.interval = Duration::from_secs(900);
    spec.buffer.bytes = 200_000;
    rig.flow.create(&id(), &spec).await.unwrap();
    for partition in 0..3 {
        rig.put(partition, (0..400).map(|_| Bytes::from(vec![b'x'; 1000]))).await;
    }
    let status = rig.until(|status| status.ledger.batches == 6).await;
    assert_eq!(status.pending_records, 0);
    let sizes: Vec<usize> = rig.objects("").await.values().map(Bytes::len).collect();
    assert_eq!(sizes, [200 * 1001; 6]);
}

#[tokio::test]
async fn no_object_holds_records_of_two_folders() {
    let rig = Rig::new().await;
    rig.topic(2).await;
    let mut spec = raw_spec();
    spec.buffer.interval = Duration::from_secs(120);
    rig.flow.create(&id(), &spec).await.unwrap();
    rig.put(0, texts(0..2)).await;
    rig.clock.set(Timestamp::from_utc("2024-01-31T23:00:00Z".parse().unwrap()));
    rig.put(0, texts(2..4)).await;
    rig.put(1, texts(4..5)).await;
    rig.clock.advance(Duration::from_secs(120));
    rig.until_settled(5).await;
    let objects = rig.objects("").await;
    let content: Vec<(&str, &[u8])> = objects.iter().map(|(key, bytes)| (&key[..20], &bytes[..])).collect();
    assert_eq!(
        content,
        [
            ("events/2024/01/31/22", &b"record 0\nrecord 1\n"[..]),
            ("events/2024/01/31/23", &b"record 2\nrecord 3\nrecord 4\n"[..]),
        ]
    );
}

#[tokio::test]
async fn deliveries_of_zero_interval_keep_their_spacing() {
    let settings = FlowSettings { batch_spacing: Duration::from_secs(1), ..FlowSettings::default() };
    let rig = Rig::with(settings).await;
    rig.topic(1).await;
    rig.flow.create(&id(), &raw_spec()).await.unwrap();
    rig.put(0, texts(0..1)).await;
    rig.until_settled(1).await;
    rig.put(0, texts(1..2)).await;
    rig.put(0, texts(2..3)).await;
    rig.clock.advance(Duration::from_secs(1));
    let status = rig.until_settled(3).await;
    assert!(status.ledger.batches <= 3);
}

#[tokio::test]
async fn a_delivery_that_starts_at_the_latest_misses_nothing_that_comes_after_its_creation() {
    let rig = Rig::new().await;
    rig.topic(2).await;
    rig.put(0, texts(0..5)).await;
    let mut spec = raw_spec();
    spec.source.start = Start::Latest;
    rig.flow.create(&id(), &spec).await.unwrap();
    rig.put(0, texts(5..6)).await;
    rig.put(1, texts(6..7)).await;
    let status = rig.until_settled(2).await;
    assert_eq!(status.received_records, 2);
    let all: Vec<u8> = rig.objects("").await.into_values().flatten().collect();
    let mut lines: Vec<&str> = std::str::from_utf8(&all).unwrap().lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["record 5", "record 6"]);
}

#[tokio::test]
async fn a_source_that_is_only_ours_is_trimmed_after_delivery() {
    let rig = Rig::new().await;
    rig.topic(1).await;
    let mut spec = raw_spec();
    spec.source.trim = true;
    rig.flow.create(&id(), &spec).await.unwrap();
    rig.put(0, texts(0..5)).await;
    rig.until_settled(5).await;
    rig.put(0, texts(5..6)).await;
    rig.until_settled(6).await;
    // The first batch is trimmed before the second is planned.
    let oldest = rig.log.topic(&topic()).await.unwrap().partitions[0].oldest;
    assert!(oldest >= 5, "{oldest}");
}

#[tokio::test]
async fn an_update_holds_from_the_next_batch_on() {
    let rig = Rig::new().await;
    rig.topic(1).await;
    rig.flow.create(&id(), &raw_spec()).await.unwrap();
    rig.put(0, texts(0..1)).await;
    rig.until_settled(1).await;
    let mut spec = raw_spec();
    spec.sink.prefix = "other/".to_owned();
    rig.flow.update(&id(), &spec).await.unwrap();
    rig.put(0, texts(1..2)).await;
    rig.until_settled(2).await;
    assert_eq!(rig.objects("events/").await.len(), 1);
    assert_eq!(rig.objects("other/").await.len(), 1);
}

#[tokio::test]
async fn a_deleted_delivery_leaves_what_it_delivered_and_no_state() {
    let rig = Rig::new().await;
    rig.topic(1).await;
    rig.flow.create(&id(), &raw_spec()).await.unwrap();
    assert!(matches!(rig.flow.create(&id(), &raw_spec()).await, Err(FlowError::FlowExists(_))));
    rig.put(0, texts(0..1)).await;
    rig.until_settled(1).await;
    rig.flow.delete(&id()).await.unwrap();
    assert!(matches!(rig.flow.status(&id()).await, Err(FlowError::NoSuchFlow(_))));
    assert!(matches!(rig.flow.delete(&id()).await, Err(FlowError::NoSuchFlow(_))));
    assert_eq!(rig.objects("").await.len(), 1);
    let left = rig.meta.scan(&meta::Key::scoped(&scope(), "flow"), None, 10).await.unwrap();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(rig.flow.resume_all().await.unwrap(), 0);
}

#[tokio::test]
async fn shutdown_ends_every_task_and_a_later_process_goes_on() {
    let mut rig = Rig::new().await;
    rig.topic(1).await;
    rig.flow.create(&id(), &raw_spec()).await.unwrap();
    rig.put(0, texts(0..1)).await;
    rig.until_settled(1).await;
    rig.flow.stop_all().await;
    assert_eq!(rig.flow.status(&id()).await.unwrap().phase, Phase::Stopped);
    rig.put(0, texts(1..3)).await;
    rig.restart().await;
    let status = rig.until_settled(3).await;
    assert_eq!(status.ledger.delivered_records, 3);
}

#[tokio::test]
async fn aggregates_are_delivered_as_the_records_in_them_that_belong_to_the_partition() {
    use crate::aggregate::tests::aggregate;
    let rig = Rig::new().await;
    rig.topic(2).await;
    let low = Some(5);
    let broken = Bytes::from_static(b"\xf3\x89\x9a\xc2 not an aggregate");
    let mixed = aggregate(&[("a", low, b"one"), ("b", Some(u128::MAX), b"elsewhere"), ("c", low, b"two")]);
    rig.put(0, [Bytes::from_static(b"plain"), mixed, broken.clone()]).await;
    rig.put(1, [aggregate(&[("a", low, b"all elsewhere")])]).await;
    let mut spec = raw_spec();
    spec.source.aggregates = true;
    rig.flow.create(&id(), &spec).await.unwrap();
    let status = rig.until(|status| status.pending_records == 0).await;
    assert_eq!((status.ledger.delivered_records, status.ledger.missing_records), (4, 0));
    let objects = rig.objects("").await;
    let bytes: Vec<u8> = objects.values().flat_map(|bytes| bytes.to_vec()).collect();
    assert_eq!(bytes, [b"plain\none\ntwo\n", &broken[..], b"\n"].concat());
}

#[tokio::test]
async fn without_being_asked_for_aggregates_pass_as_they_are() {
    use crate::aggregate::tests::aggregate;
    let rig = Rig::new().await;
    rig.topic(1).await;
    let record = aggregate(&[("a", None, b"one"), ("b", None, b"two")]);
    rig.put(0, [record.clone()]).await;
    rig.flow.create(&id(), &raw_spec()).await.unwrap();
    rig.until_settled(1).await;
    let objects = rig.objects("").await;
    assert_eq!(objects.values().next().unwrap()[..], [&record[..], b"\n"].concat());
}
