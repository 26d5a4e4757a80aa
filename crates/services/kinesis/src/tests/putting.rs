use super::*;

fn entry(key: &str, data: &str) -> Value {
    json!({"PartitionKey": key, "Data": base64(data)})
}

#[tokio::test]
async fn keys_go_to_shards_by_their_md5() {
    let world = World::start().await;
    world.create("s", 4).await;
    // MD5 of "a" begins with 0c, of "b" with 92, of "c" with 4a, of "d" with 82, of "k" with 8c, of "e" with e1.
    let shards = [("a", 0), ("c", 1), ("b", 2), ("d", 2), ("k", 2), ("e", 3)];
    for (key, shard) in shards {
        assert_eq!(world.put("s", key, "x").await.0, format!("shardId-{shard:012}"), "{key}");
    }
    let input =
        |hash: &str| json!({"StreamName": "s", "PartitionKey": "a", "ExplicitHashKey": hash, "Data": ""});
    for (hash, shard) in [
        ("0", 0),
        ("85070591730234615865843651857942052864", 1),
        ("340282366920938463463374607431768211455", 3),
    ] {
        assert_eq!(world.ok("PutRecord", input(hash)).await["ShardId"], format!("shardId-{shard:012}"));
    }
    let over = world.refusal("PutRecord", input("340282366920938463463374607431768211456")).await;
    assert!(over.starts_with("InvalidArgumentException: Invalid ExplicitHashKey."), "{over}");
    let octal = world.refusal("PutRecord", input("00")).await;
    assert!(octal.starts_with("ValidationException: 1 validation error detected"), "{octal}");
}

#[tokio::test]
async fn sequence_numbers_grow_and_are_those_that_readers_see() {
    let mut world = World::start().await;
    world.create("s", 1).await;
    let mut numbers = Vec::new();
    for round in 0..3 {
        numbers.push(world.put("s", "k", "x").await.1);
        let records: Vec<_> = (0..5).map(|_| entry("k", "x")).collect();
        let output =
            world.ok("PutRecords", json!({"StreamARN": format!("{ARN}s"), "Records": records})).await;
        assert_eq!(output["FailedRecordCount"], 0);
        numbers.extend(
            output["Records"].as_array().unwrap().iter().map(|record| text(&record["SequenceNumber"])),
        );
        world.clock.advance(Duration::from_millis(700));
        if round == 1 {
            world = world.restart().await;
        }
    }
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
    assert!(numbers.iter().all(|number| number.len() == 56 && number.starts_with("49")));
    let iterator = world.iterator("s", SHARD_0, "TRIM_HORIZON", json!({})).await;
    let page = world.ok("GetRecords", json!({"ShardIterator": iterator})).await;
    let seen: Vec<_> =
        page["Records"].as_array().unwrap().iter().map(|record| text(&record["SequenceNumber"])).collect();
    assert_eq!(seen, numbers);
    let shards = world.ok("ListShards", json!({"StreamName": "s"})).await;
    assert!(text(&shards["Shards"][0]["SequenceNumberRange"]["StartingSequenceNumber"]) < numbers[0]);
}

#[tokio::test]
async fn put_records_answers_in_the_order_of_the_request() {
    let world = World::start().await;
    world.create("s", 2).await;
    let hashes = [u128::MAX, 0, u128::MAX, 0, 0];
    let records: Vec<_> = hashes
        .iter()
        .zip('a'..)
        .map(|(hash, data)| json!({"PartitionKey": "k", "ExplicitHashKey": hash.to_string(), "Data": base64(&data.to_string())}))
        .collect();
    let output = world.ok("PutRecords", json!({"StreamName": "s", "Records": records})).await;
    let shards: Vec<_> =
        output["Records"].as_array().unwrap().iter().map(|record| text(&record["ShardId"])).collect();
    let expected = [1, 0, 1, 0, 0].map(|shard| format!("shardId-{shard:012}"));
    assert_eq!(shards, expected);
    let first = world.iterator("s", SHARD_0, "TRIM_HORIZON", json!({})).await;
    assert_eq!(world.read(first).await, ["b", "d", "e"]);
    let second = world.iterator("s", &expected[0], "TRIM_HORIZON", json!({})).await;
    assert_eq!(world.read(second).await, ["a", "c"]);
}

#[tokio::test]
async fn requests_that_are_not_plain_are_read_by_the_generated_decoder() {
    let world = World::start().await;
    world.create("s", 1).await;
    // Quotes are escaped in JSON, so that the key cannot be a slice of the body.
    let input = json!({"StreamName": "s", "Records": [entry("a \"quoted\" key\n", "x")]});
    assert_eq!(world.ok("PutRecords", input).await["FailedRecordCount"], 0);
    world.put("s", "schlüssel\t열쇠", "y").await;
    let iterator = world.iterator("s", SHARD_0, "TRIM_HORIZON", json!({})).await;
    let page = world.ok("GetRecords", json!({"ShardIterator": iterator})).await;
    assert_eq!(page["Records"][0]["PartitionKey"], "a \"quoted\" key\n");
    assert_eq!(page["Records"][1]["PartitionKey"], "schlüssel\t열쇠");
}

#[tokio::test]
async fn records_over_the_streams_limit_are_refused() {
    let world = World::start().await;
    world.create("s", 1).await;
    let input = |stream: &str, bytes: usize| json!({"StreamName": stream, "PartitionKey": "k", "Data": base64(&"x".repeat(bytes))});
    world.ok("PutRecord", input("s", (1 << 20) - 1)).await;
    let over = world.refusal("PutRecord", input("s", 1 << 20)).await;
    assert_eq!(
        over,
        "InvalidArgumentException: Record size of 1048577 bytes exceeds the maximum record size of 1048576 bytes."
    );
    world
        .ok("CreateStream", json!({"StreamName": "large", "ShardCount": 1, "MaxRecordSizeInKiB": 2048}))
        .await;
    world.ok("PutRecord", input("large", (2 << 20) - 1)).await;
    assert!(
        world.refusal("PutRecord", input("large", 2 << 20)).await.starts_with("InvalidArgumentException")
    );
    world.ok("DeleteStream", json!({"StreamName": "large"})).await;
    world.create("large", 1).await;
    assert!(
        world.refusal("PutRecord", input("large", 1 << 20)).await.starts_with("InvalidArgumentException")
    );
}

#[tokio::test]
async fn a_request_takes_500_records_and_10_mebibytes() {
    let world = World::start().await;
    world.create("s", 1).await;
    let put = |records: Vec<Value>| world.call("PutRecords", json!({"StreamName": "s", "Records": records}));
    assert!(put(vec![entry("k", "x"); 500]).await.is_ok());
    let many = put(vec![entry("k", "x"); 501]).await.unwrap_err().to_string();
    assert!(many.contains("Member must have length less than or equal to 500"), "{many}");
    let data = "x".repeat(1 << 19);
    assert!(put(vec![entry("k", &data); 19]).await.is_ok());
    let large = put(vec![entry("k", &data); 20]).await.unwrap_err().to_string();
    assert_eq!(large, "InvalidArgumentException: Records size exceeds 10 MB limit");
    let long = put(vec![entry(&"k".repeat(257), "x")]).await.unwrap_err().to_string();
    assert!(long.contains("'records.1.member.partitionKey' failed to satisfy constraint"), "{long}");
    let keyless = put(vec![entry("k", "x"), json!({"Data": ""})]).await.unwrap_err().to_string();
    assert_eq!(
        keyless,
        "ValidationException: 1 validation error detected: Value null at 'records.2.member.partitionKey' failed to satisfy constraint: Member must not be null"
    );
}

#[tokio::test]
async fn overload_fails_every_record_so_that_producers_send_it_again() {
    let settings = LogSettings { queue_bytes: 4096, queue_wait: Duration::ZERO, ..LogSettings::default() };
    let world = World::with(settings).await;
    world.create("s", 1).await;
    // Both fit alone; together they are more than may wait.
    let records = vec![entry("k", &"x".repeat(1000)); 2];
    let put = || world.ok("PutRecords", json!({"StreamName": "s", "Records": records}));
    // The disk may be quicker than the second put; not a thousand times in a row.
    let mut refused = None;
    for _ in 0..1000 {
        let (first, second) = tokio::join!(put(), put());
        assert_eq!(first["FailedRecordCount"], 0);
        if second["FailedRecordCount"] == 2 {
            refused = Some(second);
            break;
        }
    }
    assert_eq!(
        refused.expect("an overload")["Records"][1],
        json!({
            "ErrorCode": "ProvisionedThroughputExceededException",
            "ErrorMessage": "Rate exceeded for shard shardId-000000000000 in stream s under account 123456789012.",
        })
    );
    let one = || {
        world.call(
            "PutRecord",
            json!({"StreamName": "s", "PartitionKey": "k", "Data": base64(&"x".repeat(3000))}),
        )
    };
    for _ in 0..1000 {
        let (first, second) = tokio::join!(one(), one());
        assert!(first.is_ok());
        if let Err(error) = second {
            assert_eq!(error.code(), "ProvisionedThroughputExceededException");
            return;
        }
    }
    panic!("no overload");
}

#[tokio::test]
async fn an_order_is_asked_for_with_a_number_of_the_stream() {
    let world = World::start().await;
    world.create("s", 2).await;
    world.clock.advance(Duration::from_secs(1));
    world.create("t", 1).await;
    let input = |number: &str| json!({"StreamName": "s", "PartitionKey": "k", "Data": "", "SequenceNumberForOrdering": number});
    let (_, own) = world.put("s", "a", "x").await;
    let (_, foreign) = world.put("t", "a", "x").await;
    assert!(text(&world.ok("PutRecord", input(&own)).await["SequenceNumber"]) > own);
    for number in [foreign.as_str(), "7"] {
        let refusal = world.refusal("PutRecord", input(number)).await;
        assert!(refusal.contains("ExclusiveMinimumSequenceNumber"), "{refusal}");
    }
}

#[tokio::test]
async fn a_put_to_no_stream_is_refused() {
    let world = World::start().await;
    let missing = "ResourceNotFoundException: Stream s under account 123456789012 not found.";
    let one = json!({"StreamName": "s", "PartitionKey": "k", "Data": ""});
    assert_eq!(world.refusal("PutRecord", one).await, missing);
    let many = json!({"StreamName": "s", "Records": [entry("k", "x")]});
    assert_eq!(world.refusal("PutRecords", many).await, missing);
}
