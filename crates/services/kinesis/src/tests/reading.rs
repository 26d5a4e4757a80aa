use super::*;

#[tokio::test]
async fn a_reader_follows_a_shard_page_by_page() {
    let world = World::start().await;
    world.create("s", 1).await;
    for data in ["a", "b", "c"] {
        world.put("s", "key", data).await;
        world.clock.advance(Duration::from_millis(1500));
    }
    let iterator = world.iterator("s", SHARD_0, "TRIM_HORIZON", json!({})).await;
    let page = world.ok("GetRecords", json!({"ShardIterator": iterator, "Limit": 2})).await;
    let records = page["Records"].as_array().unwrap();
    assert_eq!(records.iter().map(|record| from_base64(&record["Data"])).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(records[0]["PartitionKey"], "key");
    assert_eq!(records[1]["ApproximateArrivalTimestamp"], (START.as_millis() + 1500) as f64 / 1000.0);
    assert_eq!(page["MillisBehindLatest"], 3000);
    let rest = world.ok("GetRecords", json!({"ShardIterator": page["NextShardIterator"]})).await;
    assert_eq!((&rest["MillisBehindLatest"], rest["Records"].as_array().unwrap().len()), (&json!(0), 1));
    let next = text(&rest["NextShardIterator"]);
    assert!(world.read(next.clone()).await.is_empty());
    world.put("s", "key", "d").await;
    assert_eq!(world.read(next).await, ["d"]);
}

#[tokio::test]
async fn a_page_holds_10_mebibytes_at_most() {
    let world = World::start().await;
    world.create("s", 1).await;
    for _ in 0..12 {
        world.put("s", "k", &"x".repeat((1 << 20) - 1)).await;
    }
    let iterator = world.iterator("s", SHARD_0, "TRIM_HORIZON", json!({})).await;
    let page = world.ok("GetRecords", json!({"ShardIterator": iterator})).await;
    assert_eq!(page["Records"].as_array().unwrap().len(), 10);
    assert_eq!(world.read(text(&page["NextShardIterator"])).await.len(), 2);
}

#[tokio::test]
async fn an_iterator_is_good_for_five_minutes_and_across_a_restart() {
    let world = World::start().await;
    world.create("s", 1).await;
    world.put("s", "k", "a").await;
    let iterator = world.iterator("s", SHARD_0, "TRIM_HORIZON", json!({})).await;
    assert!(iterator.len() <= 512);
    world.clock.advance(Duration::from_secs(300));
    let world = world.restart().await;
    assert_eq!(world.read(iterator.clone()).await, ["a"]);
    world.clock.advance(Duration::from_millis(1));
    let expired = world.refusal("GetRecords", json!({"ShardIterator": iterator})).await;
    assert!(expired.starts_with("ExpiredIteratorException: Iterator expired. The iterator was created at time Sun Nov 22 08:50:13 UTC 2026"), "{expired}");
}

#[tokio::test]
async fn an_iterator_that_was_touched_or_is_of_another_stream_is_refused() {
    let world = World::start().await;
    world.create("s", 1).await;
    world.create("t", 1).await;
    let iterator = world.iterator("s", SHARD_0, "LATEST", json!({})).await;
    let mut touched = iterator.clone().into_bytes();
    touched[9] ^= 1;
    for token in [String::from_utf8(touched).unwrap(), "AAAA".to_owned(), iterator[..20].to_owned()] {
        let refusal = world.refusal("GetRecords", json!({"ShardIterator": token})).await;
        assert_eq!(refusal, "InvalidArgumentException: Invalid ShardIterator.");
    }
    let other = json!({"ShardIterator": iterator, "StreamARN": format!("{ARN}t")});
    assert!(
        world.refusal("GetRecords", other).await.starts_with("InvalidArgumentException: The ShardIterator")
    );
    let own = json!({"ShardIterator": iterator, "StreamARN": format!("{ARN}s")});
    assert!(world.call("GetRecords", own).await.is_ok());
    let longest = "x".repeat(128);
    world.create(&longest, 1).await;
    assert!(world.iterator(&longest, SHARD_0, "LATEST", json!({})).await.len() <= 512);
}
