use super::*;
use crate::Position;

fn small() -> LogSettings {
    LogSettings { segment_bytes: 4200, ..settings() }
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn records_over_their_time_are_not_read_and_their_segments_go() {
    let mut bench = Bench::with(small()).await;
    let id = bench.topic("t", 1).await;
    for number in 0..48 {
        bench.append(&id, 0, &[&number.to_string()]).await;
        bench.clock.advance(HOUR);
    }
    let page = bench.read(&id, 0, 0).await;
    assert_eq!((page.oldest, page.records[0].offset), (24, 24));
    assert_eq!(bench.log.locate(&id, 0, Position::Oldest).await.expect("a position"), 24);
    assert_eq!(bench.log.locate(&id, 0, Position::At(START)).await.expect("a position"), 24);
    assert_eq!(bench.log.topic(&id).await.expect("the topic").partitions[0].oldest, 24);
    let before = bench.log.stats().segments;
    assert!(bench.log.retain().await.expect("a pass") > 0);
    assert!(bench.log.stats().segments < before);
    bench.reopen().await;
    assert_eq!(bench.read(&id, 0, 0).await.records[0].offset, 24);
}

#[tokio::test]
async fn offsets_are_not_given_twice_when_everything_has_expired() {
    let mut bench = Bench::with(small()).await;
    let id = bench.topic("t", 2).await;
    for _ in 0..5 {
        bench.append(&id, 0, &["a"]).await;
    }
    bench.append(&id, 1, &["other"]).await;
    bench.clock.advance(DAY + HOUR);
    bench.reopen().await;
    bench.log.retain().await.expect("a pass");
    assert_eq!(bench.log.stats().segments, 0);
    bench.reopen().await;
    let page = bench.read(&id, 0, 0).await;
    assert_eq!((page.oldest, page.next, page.tail), (5, 5, 5));
    assert_eq!(bench.append(&id, 0, &["b"]).await.first, 5);
    assert_eq!(bench.contents(&id, 0).await, [(5, "b".to_owned())]);
}

#[tokio::test]
async fn a_segment_stays_while_any_partition_keeps_records_in_it() {
    let bench = Bench::with(small()).await;
    let (short, long) = (bench.topic("short", 1).await, bench.topic("long", 1).await);
    bench.log.set_retention(&long, 10 * DAY).await.expect("a longer retention");
    bench.append(&short, 0, &["a"]).await;
    bench.append(&long, 0, &["b"]).await;
    bench.append(&long, 0, &["c"]).await;
    bench.clock.advance(2 * DAY);
    bench.append(&short, 0, &["d"]).await;
    bench.log.retain().await.expect("a pass");
    assert_eq!(bench.contents(&short, 0).await, [(1, "d".to_owned())]);
    assert_eq!(bench.contents(&long, 0).await, numbered(&["b", "c"]));
    bench.log.delete_topic(&long).await.expect("a deletion");
    assert!(bench.log.retain().await.expect("a pass") > 0);
    assert_eq!(bench.contents(&short, 0).await, [(1, "d".to_owned())]);
}

#[tokio::test]
async fn a_longer_retention_brings_nothing_back_and_a_shorter_one_takes_effect_at_once() {
    let mut bench = Bench::new().await;
    let id = bench.topic("t", 1).await;
    for number in 0..4 {
        bench.append(&id, 0, &[&number.to_string()]).await;
        bench.clock.advance(12 * HOUR);
    }
    assert_eq!(bench.read(&id, 0, 0).await.oldest, 2);
    bench.log.set_retention(&id, 7 * DAY).await.expect("a longer retention");
    assert_eq!(bench.read(&id, 0, 0).await.oldest, 2);
    bench.log.set_retention(&id, 13 * HOUR).await.expect("a shorter retention");
    assert_eq!(bench.read(&id, 0, 0).await.oldest, 3);
    bench.reopen().await;
    assert_eq!(bench.log.topic(&id).await.expect("the topic").retention, 13 * HOUR);
}

#[tokio::test]
async fn trimming_releases_what_was_delivered() {
    let mut bench = Bench::with(small()).await;
    let id = bench.topic("t", 1).await;
    for number in 0..10 {
        bench.append(&id, 0, &[&number.to_string()]).await;
    }
    bench.log.trim(&id, 0, 7).await.expect("a trim");
    bench.log.trim(&id, 0, 3).await.expect("going back is no error");
    let page = bench.read(&id, 0, 0).await;
    assert_eq!((page.oldest, page.records[0].offset), (7, 7));
    assert!(bench.log.retain().await.expect("a pass") > 0);
    bench.reopen().await;
    assert_eq!(bench.read(&id, 0, 0).await.oldest, 7);
    bench.log.trim(&id, 0, 1000).await.expect("beyond the tail is the tail");
    assert_eq!(bench.read(&id, 0, 0).await.next, 10);
    assert_eq!(bench.append(&id, 0, &["ten"]).await.first, 10);
    assert_eq!(bench.contents(&id, 0).await, [(10, "ten".to_owned())]);
}

#[tokio::test]
async fn retention_looks_by_itself() {
    let bench = Bench::with(LogSettings { retention_interval: HOUR, ..small() }).await;
    let id = bench.topic("t", 1).await;
    bench
        .append(
            &id,
            0,
            &[
                "a",
                "long enough to fill the segment, which is closed by the next append after it, as one wishes",
            ],
        )
        .await;
    bench.append(&id, 0, &["b"]).await;
    bench.append(&id, 0, &["c"]).await;
    assert!(bench.log.stats().segments > 1);
    bench.log.delete_topic(&id).await.expect("a deletion");
    // The closed segments go at the next look, which the clock starts.
    while bench.log.stats().segments > 1 {
        bench.clock.advance(HOUR);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_expired_while_the_log_was_closed_goes_soon_after_it_is_opened() {
    let delay = Duration::from_millis(500);
    let mut bench = Bench::with(LogSettings { retention_delay: delay, ..settings() }).await;
    let id = bench.topic("t", 1).await;
    bench.append(&id, 0, &["a"]).await;
    bench.log.close().await;
    bench.clock.advance(2 * DAY);
    bench.reopen().await;
    assert_eq!(bench.log.stats().segments, 1);
    while bench.log.stats().segments > 0 {
        bench.clock.advance(delay);
        tokio::task::yield_now().await;
    }
}
