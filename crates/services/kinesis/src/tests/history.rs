use futures::FutureExt;

use super::*;

const LARGE: usize = 700 << 10;

/// A stream whose records are on disk only.
async fn on_disk(records: usize) -> World {
    let world = World::with(LogSettings { tail_cache_bytes: 0, ..LogSettings::default() }).await;
    world.create("s", 1).await;
    for _ in 0..records {
        world.put("s", "k", &"x".repeat(LARGE)).await;
    }
    world
}

#[tokio::test]
async fn a_page_of_history_is_small_while_somebody_writes_and_whole_when_nobody_does() {
    let world = on_disk(4).await;
    let iterator = world.iterator("s", SHARD_0, "TRIM_HORIZON", json!({})).await;
    let page = world.ok("GetRecords", json!({"ShardIterator": iterator})).await;
    assert_eq!(page["Records"].as_array().unwrap().len(), 1);
    world.clock.advance(Duration::from_millis(100));
    assert_eq!(world.read(text(&page["NextShardIterator"])).await.len(), 3);
}

#[tokio::test]
async fn beside_a_writer_one_reads_history_at_a_time_and_then_nobody_for_as_long() {
    let world = on_disk(1).await;
    let turn = || Box::pin(world.kinesis.history.turn(&world.kinesis.rt, &world.log));
    let first = turn().await.unwrap();
    let mut second = turn();
    assert!(second.as_mut().now_or_never().is_none());
    world.clock.advance(Duration::from_millis(30));
    drop(first);
    world.clock.advance(Duration::from_millis(29));
    assert!(second.as_mut().now_or_never().is_none());
    world.clock.advance(Duration::from_millis(1));
    assert!(second.await.is_ok());
}
