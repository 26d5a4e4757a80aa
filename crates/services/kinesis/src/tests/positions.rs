use super::*;

#[tokio::test]
async fn all_five_positions_are_exact() {
    let mut world = World::start().await;
    world.create("s", 1).await;
    let mut numbers = Vec::new();
    for data in ["a", "b", "c"] {
        numbers.push(world.put("s", "k", data).await.1);
        world.clock.advance(Duration::from_secs(10));
    }
    let shards = world.ok("ListShards", json!({"StreamName": "s"})).await;
    let start = text(&shards["Shards"][0]["SequenceNumberRange"]["StartingSequenceNumber"]);
    let second = START.as_millis() / 1000;
    for _ in 0..2 {
        let read =
            async |kind: &str, more: Value| world.read(world.iterator("s", SHARD_0, kind, more).await).await;
        let number = |number: &str| json!({"StartingSequenceNumber": number});
        assert_eq!(read("TRIM_HORIZON", json!({})).await, ["a", "b", "c"]);
        assert!(read("LATEST", json!({})).await.is_empty());
        assert_eq!(read("AT_SEQUENCE_NUMBER", number(&numbers[1])).await, ["b", "c"]);
        assert_eq!(read("AFTER_SEQUENCE_NUMBER", number(&numbers[1])).await, ["c"]);
        assert!(read("AFTER_SEQUENCE_NUMBER", number(&numbers[2])).await.is_empty());
        assert_eq!(read("AT_SEQUENCE_NUMBER", number(&start)).await, ["a", "b", "c"]);
        assert_eq!(read("AFTER_SEQUENCE_NUMBER", number(&start)).await, ["a", "b", "c"]);
        assert_eq!(read("AT_TIMESTAMP", json!({"Timestamp": second - 60})).await, ["a", "b", "c"]);
        assert_eq!(read("AT_TIMESTAMP", json!({"Timestamp": second + 10})).await, ["b", "c"]);
        assert_eq!(read("AT_TIMESTAMP", json!({"Timestamp": second as f64 + 10.001})).await, ["c"]);
        assert!(read("AT_TIMESTAMP", json!({"Timestamp": second + 30})).await.is_empty());
        world = world.restart().await;
    }
}

#[tokio::test]
async fn latest_is_the_end_at_the_time_of_asking() {
    let world = World::start().await;
    world.create("s", 1).await;
    world.put("s", "k", "before").await;
    let iterator = world.iterator("s", SHARD_0, "LATEST", json!({})).await;
    world.put("s", "k", "after").await;
    assert_eq!(world.read(iterator).await, ["after"]);
}

#[tokio::test]
async fn expired_records_are_not_read_whatever_the_position() {
    let world = World::start().await;
    world.create("s", 1).await;
    let (_, number) = world.put("s", "k", "old").await;
    let old = world.iterator("s", SHARD_0, "TRIM_HORIZON", json!({})).await;
    world.clock.advance(24 * HOUR + Duration::from_secs(1));
    world.put("s", "k", "new").await;
    let iterator =
        world.iterator("s", SHARD_0, "AT_SEQUENCE_NUMBER", json!({"StartingSequenceNumber": number})).await;
    assert_eq!(world.read(iterator).await, ["new"]);
    assert!(world.refusal("GetRecords", json!({"ShardIterator": old})).await.starts_with("ExpiredIterator"));
}

#[tokio::test]
async fn contradictory_positions_are_refused() {
    let world = World::start().await;
    world.create("s", 1).await;
    world.create("t", 2).await;
    let (_, own) = world.put("s", "k", "x").await;
    let refusal = async |shard: &str, kind: &str, more: Value| {
        let mut input = json!({"StreamName": "s", "ShardId": shard, "ShardIteratorType": kind});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        world.refusal("GetShardIterator", input).await
    };
    let both = refusal(SHARD_0, "LATEST", json!({"StartingSequenceNumber": own})).await;
    assert!(both.starts_with("InvalidArgumentException: Must either specify"), "{both}");
    assert!(both.ends_with("Request specified LATEST and a starting sequence number."), "{both}");
    for kind in ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER", "AT_TIMESTAMP"] {
        assert!(refusal(SHARD_0, kind, json!({})).await.starts_with("InvalidArgumentException: Must either"));
    }
    let future = refusal(SHARD_0, "AT_TIMESTAMP", json!({"Timestamp": START.as_millis() / 1000 + 1})).await;
    assert!(future.contains("cannot be greater than the currentTimestampInMillis"), "{future}");
    let (_, foreign) = world.put("t", "e", "x").await;
    for number in [foreign.as_str(), "0", "49"] {
        let invalid = refusal(SHARD_0, "AT_SEQUENCE_NUMBER", json!({"StartingSequenceNumber": number})).await;
        assert!(invalid.contains("is invalid because it did not come from this stream"), "{invalid}");
    }
    for shard in ["shardId-000000000001", "shard"] {
        let missing = refusal(shard, "LATEST", json!({})).await;
        assert_eq!(
            missing,
            format!(
                "ResourceNotFoundException: Shard {shard} in stream s under account 123456789012 does not exist"
            )
        );
    }
}
