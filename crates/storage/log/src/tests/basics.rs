use std::sync::atomic::Ordering;

use super::*;
use crate::Position;

#[tokio::test]
async fn what_was_appended_is_read_back_in_order_with_key_offset_and_time() {
    let bench = Bench::new().await;
    let id = bench.topic("t", 2).await;
    let first = bench.append(&id, 1, &["a", "b"]).await;
    bench.clock.advance(Duration::from_secs(5));
    let second = bench.append(&id, 1, &["c"]).await;
    assert_eq!(first, Appended { partition: 1, first: 0, count: 2, at: START });
    assert_eq!(second, Appended { partition: 1, first: 2, count: 1, at: START.plus(Duration::from_secs(5)) });

    let page = bench.read(&id, 1, 0).await;
    assert_eq!((page.next, page.tail, page.oldest), (3, 3, 0));
    let seen: Vec<_> = page
        .records
        .iter()
        .map(|record| (record.offset, record.at, &record.key[..], &record.data[..]))
        .collect();
    assert_eq!(
        seen,
        [(0, START, &b"key"[..], &b"a"[..]), (1, START, b"key", b"b"), (2, second.at, b"key", b"c")]
    );
    assert_eq!(bench.read(&id, 0, 0).await.records, []);
}

#[tokio::test]
async fn a_read_stops_at_its_limits_but_returns_at_least_one_record() {
    let bench = Bench::new().await;
    let id = bench.topic("t", 1).await;
    bench.append(&id, 0, &["aaaa", "bbbb"]).await;
    bench.append(&id, 0, &["cccc", "dddd"]).await;
    let read = async |from, records, bytes| {
        let page = bench.log.read(&id, 0, from, ReadLimit { records, bytes }).await.expect("a read");
        (page.records.len(), page.next)
    };
    assert_eq!(read(0, 3, 1000).await, (3, 3));
    assert_eq!(read(1, 100, 14).await, (2, 3));
    assert_eq!(read(1, 100, 13).await, (1, 2));
    assert_eq!(read(2, 0, 0).await, (1, 3));
    assert_eq!(read(4, 100, 100).await, (0, 4));
    assert_eq!(read(9, 100, 100).await, (0, 9));
}

#[tokio::test]
async fn everything_is_there_after_a_shutdown_and_offsets_go_on() {
    let mut bench = Bench::new().await;
    let id = bench.topic("t", 2).await;
    bench.append(&id, 0, &["a", "b"]).await;
    bench.append(&id, 1, &["x"]).await;
    bench.reopen().await;
    assert_eq!(bench.contents(&id, 0).await, numbered(&["a", "b"]));
    assert_eq!(bench.append(&id, 0, &["c"]).await.first, 2);
    assert_eq!(bench.contents(&id, 0).await, numbered(&["a", "b", "c"]));
    assert_eq!(bench.contents(&id, 1).await, numbered(&["x"]));
}

#[tokio::test]
async fn a_topic_of_a_deleted_ones_name_starts_empty() {
    let mut bench = Bench::new().await;
    let id = bench.topic("t", 1).await;
    let before = bench.log.topic(&id).await.expect("the topic").incarnation;
    bench.append(&id, 0, &["old"]).await;
    bench.log.delete_topic(&id).await.expect("a deletion");
    assert!(matches!(bench.log.read(&id, 0, 0, ALL).await, Err(LogError::NoSuchTopic(_))));
    assert!(matches!(bench.log.delete_topic(&id).await, Err(LogError::NoSuchTopic(_))));
    bench.topic("t", 1).await;
    assert_ne!(bench.log.topic(&id).await.expect("the topic").incarnation, before);
    assert_eq!(bench.contents(&id, 0).await, []);
    assert_eq!(bench.append(&id, 0, &["new"]).await.first, 0);
    bench.reopen().await;
    assert_eq!(bench.contents(&id, 0).await, numbered(&["new"]));
}

#[tokio::test]
async fn topics_are_listed_by_scope_and_space_and_survive_a_restart() {
    let mut bench = Bench::new().await;
    bench.topic("b", 1).await;
    let id = bench.topic("a", 3).await;
    assert!(matches!(bench.log.create_topic(&id, 1, DAY).await, Err(LogError::TopicExists(_))));
    let other = TopicId::new(id.scope.clone(), "delivery", "c");
    bench.log.create_topic(&other, 1, DAY).await.expect("a topic of another space");
    let before = bench.log.topic(&id).await.expect("the topic");
    bench.reopen().await;
    let names: Vec<_> = bench.log.topics(&id.scope, "stream").await.into_iter().map(|id| id.name).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(bench.log.topic(&id).await.expect("the topic"), before);
    assert_eq!(before.route(u128::MAX).map(|partition| partition.index), Some(2));
    assert_eq!(before.route(0).map(|partition| partition.index), Some(0));
}

#[tokio::test]
async fn a_missing_partition_and_a_record_over_the_limit_are_refused() {
    let bench = Bench::with(LogSettings { record_bytes: 10, ..settings() }).await;
    let id = bench.topic("t", 1).await;
    let missing = bench.log.append(&id, vec![batch(1, ["a"])]).await;
    assert!(matches!(missing, Err(LogError::NoSuchPartition { partition: 1, .. })));
    let large = bench.log.append(&id, vec![batch(0, ["a"]), batch(0, ["eight by"])]).await;
    assert!(matches!(large, Err(LogError::RecordTooLarge { size: 11, limit: 10 })));
    assert_eq!(bench.contents(&id, 0).await, []);
}

#[tokio::test]
async fn empty_batches_take_no_offset() {
    let bench = Bench::new().await;
    let id = bench.topic("t", 1).await;
    let none: [&str; 0] = [];
    assert_eq!(bench.append(&id, 0, &none).await.count, 0);
    let both = bench
        .log
        .append(&id, vec![batch(0, none), batch(0, ["a"]), batch(0, none)])
        .await
        .expect("an append");
    assert_eq!(
        both.iter().map(|appended| (appended.first, appended.count)).collect::<Vec<_>>(),
        [(1, 0), (0, 1), (1, 0)]
    );
}

#[tokio::test]
async fn one_append_may_name_a_partition_twice_and_keeps_the_order() {
    let bench = Bench::new().await;
    let id = bench.topic("t", 2).await;
    let batches = vec![batch(1, ["a"]), batch(0, ["x"]), batch(1, ["b", "c"])];
    let appended = bench.log.append(&id, batches).await.expect("an append");
    assert_eq!(appended.iter().map(|appended| appended.first).collect::<Vec<_>>(), [0, 0, 1]);
    assert_eq!(bench.contents(&id, 1).await, numbered(&["a", "b", "c"]));
}

#[tokio::test]
async fn a_long_batch_is_cut_into_frames_and_reads_as_one() {
    let mut bench = Bench::with(LogSettings { frame_bytes: 100, ..settings() }).await;
    let id = bench.topic("t", 1).await;
    let data: Vec<_> = (0..50).map(|number| format!("record {number}")).collect();
    let appended = bench.log.append(&id, vec![batch(0, &data)]).await.expect("an append")[0];
    assert_eq!((appended.first, appended.count), (0, 50));
    bench.reopen().await;
    let read: Vec<_> = bench.contents(&id, 0).await.into_iter().map(|(_, data)| data).collect();
    assert_eq!(read, data);
}

#[tokio::test]
async fn a_reader_at_the_tail_does_not_touch_the_disk_and_gets_slices() {
    let mut bench = Bench::new().await;
    let id = bench.topic("t", 1).await;
    bench.append(&id, 0, &["a", "b"]).await;
    let reads = bench.faults.reads.load(Ordering::SeqCst);
    let (one, two) = (bench.read(&id, 0, 0).await, bench.read(&id, 0, 0).await);
    assert_eq!(bench.faults.reads.load(Ordering::SeqCst), reads);
    assert_eq!(one.records[1].data.as_ptr(), two.records[1].data.as_ptr());
    bench.reopen().await;
    let reads = bench.faults.reads.load(Ordering::SeqCst);
    bench.read(&id, 0, 0).await;
    assert!(bench.faults.reads.load(Ordering::SeqCst) > reads, "the first read after a restart is from disk");
}

#[tokio::test]
async fn what_the_tail_cache_has_given_up_is_read_from_disk() {
    let bench = Bench::with(LogSettings { tail_cache_bytes: 600, ..settings() }).await;
    let id = bench.topic("t", 2).await;
    let data: Vec<_> = (0..20).map(|number| number.to_string()).collect();
    for text in &data {
        bench.append(&id, 0, &[text]).await;
        bench.append(&id, 1, &["other"]).await;
    }
    let texts: Vec<_> = data.iter().map(String::as_str).collect();
    assert_eq!(bench.contents(&id, 0).await, numbered(&texts));
    let reads = bench.faults.reads.load(Ordering::SeqCst);
    assert_eq!(bench.read(&id, 0, 19).await.records.len(), 1);
    assert_eq!(bench.faults.reads.load(Ordering::SeqCst), reads);
}

#[tokio::test]
async fn segments_roll_and_reading_goes_across_them() {
    let settings = LogSettings {
        segment_bytes: 4200,
        index_cache_bytes: 1,
        open_files: 1,
        tail_cache_bytes: 0,
        ..settings()
    };
    let mut bench = Bench::with(settings).await;
    let id = bench.topic("t", 1).await;
    let data: Vec<_> = (0..30).map(|number| format!("record {number}")).collect();
    for text in &data {
        bench.append(&id, 0, &[text]).await;
    }
    assert!(bench.log.stats().segments > 10);
    let texts: Vec<_> = data.iter().map(String::as_str).collect();
    assert_eq!(bench.contents(&id, 0).await, numbered(&texts));
    bench.reopen().await;
    assert_eq!(bench.contents(&id, 0).await, numbered(&texts));
    assert_eq!(bench.read(&id, 0, 17).await.records[0].offset, 17);
}

#[tokio::test]
async fn the_memory_of_all_but_the_newest_complete_segment_is_given_back() {
    let bench = Bench::with(LogSettings { segment_bytes: 4200, tail_cache_bytes: 0, ..settings() }).await;
    let id = bench.topic("t", 1).await;
    let texts = ["x".repeat(5000), "y".repeat(5000), "z".repeat(5000)];
    for text in &texts {
        bench.append(&id, 0, &[text]).await;
    }
    // Closes the third, and waits for all that was to be done.
    bench.log.close().await;
    assert_eq!(bench.faults.let_go.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn large_frames_of_old_segments_pass_memory_by_for_who_reads_them_alone() {
    let mut bench = Bench::with(LogSettings { segment_bytes: 4200, tail_cache_bytes: 0, ..settings() }).await;
    let id = bench.topic("t", 1).await;
    let texts = ["x", "y", "z"].map(|letter| letter.repeat(300_000));
    for text in &texts {
        bench.append(&id, 0, &[text]).await;
    }
    bench.reopen().await;
    let limit = ReadLimit { records: 10, bytes: 10_000_000 };
    let shared = bench.log.read(&id, 0, 0, limit).await.expect("a page");
    assert_eq!(bench.faults.once.load(Ordering::SeqCst), 0);
    let alone = bench.log.read_once(&id, 0, 0, limit).await.expect("a page");
    assert_eq!(bench.faults.once.load(Ordering::SeqCst), 3);
    assert_eq!(alone.records, shared.records);
    assert!(alone.records.iter().map(|record| &record.data[..]).eq(texts.iter().map(String::as_bytes)));
}

#[tokio::test]
async fn a_watch_resolves_when_the_tail_moves_past_its_offset_and_not_before() {
    let bench = Bench::new().await;
    let id = bench.topic("t", 1).await;
    bench.append(&id, 0, &["a"]).await;
    let mut watch = bench.log.tail(&id, 0).await.expect("a watch");
    assert_eq!((watch.current(), watch.past(0).await), (1, 1));
    let (tail, _) = tokio::join!(watch.past(1), async {
        tokio::task::yield_now().await;
        bench.append(&id, 0, &["b", "c"]).await
    });
    assert_eq!(tail, 3);
    let (tail, deleted) = tokio::join!(watch.past(7), bench.log.delete_topic(&id));
    assert!(deleted.is_ok() && tail == 3, "a deleted topic lets its watchers go");
}

#[tokio::test]
async fn positions_in_time_are_found_across_segments_and_restarts() {
    let mut bench = Bench::with(LogSettings { segment_bytes: 4200, ..settings() }).await;
    let id = bench.topic("t", 1).await;
    for number in 0..10 {
        bench.append(&id, 0, &[&number.to_string(), "second"]).await;
        bench.clock.advance(Duration::from_secs(10));
    }
    for _ in 0..2 {
        let at = async |seconds: i64| {
            let time = Timestamp::from_millis(START.as_millis() + seconds * 1000);
            bench.log.locate(&id, 0, Position::At(time)).await.expect("a position")
        };
        assert_eq!(
            [at(-5).await, at(0).await, at(1).await, at(10).await, at(45).await, at(90).await, at(91).await],
            [0, 0, 2, 2, 10, 18, 20]
        );
        assert_eq!(bench.log.locate(&id, 0, Position::Oldest).await.expect("a position"), 0);
        assert_eq!(bench.log.locate(&id, 0, Position::Latest).await.expect("a position"), 20);
        bench.reopen().await;
    }
}

#[tokio::test]
async fn time_does_not_go_backwards_in_a_partition() {
    let mut bench = Bench::new().await;
    let id = bench.topic("t", 1).await;
    let first = bench.append(&id, 0, &["a"]).await;
    bench.clock.set(START.minus(Duration::from_secs(60)));
    assert_eq!(bench.append(&id, 0, &["b"]).await.at, first.at);
    bench.reopen().await;
    assert_eq!(bench.append(&id, 0, &["c"]).await.at, first.at);
}

#[tokio::test]
async fn reset_leaves_nothing_and_the_log_works_on() {
    let mut bench = Bench::new().await;
    let id = bench.topic("t", 1).await;
    bench.append(&id, 0, &["a"]).await;
    bench.log.reset().await.expect("a reset");
    assert!(matches!(bench.log.topic(&id).await, Err(LogError::NoSuchTopic(_))));
    assert_eq!(bench.log.stats().segments, 0);
    bench.topic("t", 1).await;
    bench.append(&id, 0, &["b"]).await;
    bench.reopen().await;
    assert_eq!(bench.contents(&id, 0).await, numbered(&["b"]));
}

#[tokio::test]
async fn a_closed_log_refuses_appends() {
    let bench = Bench::new().await;
    let id = bench.topic("t", 1).await;
    bench.append(&id, 0, &["a"]).await;
    bench.log.close().await;
    assert!(matches!(bench.log.append(&id, vec![batch(0, ["b"])]).await, Err(LogError::Closed)));
    assert_eq!(bench.contents(&id, 0).await, numbered(&["a"]));
}

#[tokio::test]
async fn a_directory_opens_once() {
    let bench = Bench::new().await;
    let second =
        Log::open(bench.dir.path(), bench.meta.clone(), bench.rt.clone(), LogSettings::default()).await;
    assert!(matches!(second, Err(OpenError::InUse(_))));
}

#[tokio::test]
async fn what_the_owner_keeps_comes_and_goes_with_the_topic() {
    let bench = Bench::new().await;
    let id = topic_id("t");
    let own = meta::Key::scoped(&id.scope, "owner").with("t");
    let write = || meta::Txn::new().put(own.clone(), "mode");
    bench.log.create_topic_with(&id, 1, DAY, write()).await.expect("a new topic");
    assert!(bench.meta.get(&own).await.expect("a read").is_some());
    bench.log.delete_topic_with(&id, meta::Txn::new().delete(own.clone())).await.expect("a deletion");
    assert!(bench.meta.get(&own).await.expect("a read").is_none());
    assert!(bench.log.delete_topic_with(&id, write()).await.is_err());
    assert!(bench.meta.get(&own).await.expect("a read").is_none());
}
