use super::*;

async fn limited() -> World {
    let world = World::limited(LogSettings::default(), Throughput::Aws).await;
    world.create("s", 2).await;
    world
}

fn records(count: usize, key: &str, bytes: usize) -> Value {
    let data = base64(&"x".repeat(bytes));
    json!((0..count).map(|_| json!({"PartitionKey": key, "Data": data})).collect::<Vec<_>>())
}

#[tokio::test]
async fn a_shard_takes_a_thousand_records_a_second_and_the_rest_is_refused_one_by_one() {
    let world = limited().await;
    let put = |key: &str, count| {
        world.ok("PutRecords", json!({"StreamName": "s", "Records": records(count, key, 10)}))
    };
    assert_eq!(put("a", 500).await["FailedRecordCount"], 0);
    assert_eq!(put("a", 499).await["FailedRecordCount"], 0);
    let answer = put("a", 3).await;
    assert_eq!(answer["FailedRecordCount"], 2);
    assert!(answer["Records"][0].get("SequenceNumber").is_some());
    assert_eq!(
        answer["Records"][1],
        json!({"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "Rate exceeded for shard shardId-000000000000 in stream s under account 123456789012."})
    );
    assert_eq!(put("b", 10).await["FailedRecordCount"], 0, "the other shard has its own thousand");
    let one = json!({"StreamName": "s", "PartitionKey": "a", "Data": ""});
    let refused = world.refusal("PutRecord", one.clone()).await;
    assert_eq!(
        refused,
        "ProvisionedThroughputExceededException: Rate exceeded for shard shardId-000000000000 in stream s under account 123456789012."
    );
    world.clock.advance(Duration::from_millis(2));
    world.ok("PutRecord", one).await;
    let iterator = world.iterator("s", SHARD_0, "TRIM_HORIZON", json!({})).await;
    assert_eq!(world.read(iterator).await.len(), 1001, "what was refused was not stored");
}

#[tokio::test]
async fn a_shard_takes_a_mebibyte_a_second() {
    let world = limited().await;
    let put = |count| {
        world.ok("PutRecords", json!({"StreamName": "s", "Records": records(count, "a", 100 * 1024 - 1)}))
    };
    assert_eq!(put(12).await["FailedRecordCount"], 2);
    world.clock.advance(Duration::from_millis(500));
    assert_eq!(put(10).await["FailedRecordCount"], 5);
}

#[tokio::test]
async fn a_shard_is_read_five_times_and_two_mebibytes_a_second() {
    let world = limited().await;
    for _ in 0..11 {
        world.ok("PutRecords", json!({"StreamName": "s", "Records": records(1, "a", (1 << 20) - 1)})).await;
        world.clock.advance(Duration::from_secs(1));
    }
    let iterator = world.iterator("s", SHARD_0, "TRIM_HORIZON", json!({})).await;
    let page = world.ok("GetRecords", json!({"ShardIterator": iterator})).await;
    assert_eq!(page["Records"].as_array().unwrap().len(), 10);
    let again = json!({"ShardIterator": page["NextShardIterator"]});
    let rate = "ProvisionedThroughputExceededException: Rate exceeded for shard shardId-000000000000 in stream s under account 123456789012.";
    assert_eq!(world.refusal("GetRecords", again.clone()).await, rate);
    world.clock.advance(Duration::from_millis(4999));
    assert_eq!(world.refusal("GetRecords", again.clone()).await, rate);
    world.clock.advance(Duration::from_millis(1));
    let next = text(&world.ok("GetRecords", again).await["NextShardIterator"]);
    for _ in 0..4 {
        world.ok("GetRecords", json!({"ShardIterator": next})).await;
    }
    assert_eq!(world.refusal("GetRecords", json!({"ShardIterator": next})).await, rate);
}

#[tokio::test]
async fn scalings_and_changes_of_mode_are_counted_over_a_day() {
    let world = limited().await;
    let scale = |target: u32| json!({"StreamName": "s", "TargetShardCount": target, "ScalingType": "UNIFORM_SCALING"});
    for round in 0..10 {
        world.ok("UpdateShardCount", scale(if round % 2 == 0 { 4 } else { 2 })).await;
    }
    assert!(world.refusal("UpdateShardCount", scale(4)).await.starts_with("LimitExceededException"));
    world.clock.advance(HOUR * 24);
    world.ok("UpdateShardCount", scale(4)).await;
    let mode =
        |mode: &str| json!({"StreamARN": format!("{ARN}s"), "StreamModeDetails": {"StreamMode": mode}});
    world.ok("UpdateStreamMode", mode("ON_DEMAND")).await;
    world.ok("UpdateStreamMode", mode("PROVISIONED")).await;
    assert!(world.refusal("UpdateStreamMode", mode("ON_DEMAND")).await.starts_with("LimitExceededException"));
}

#[tokio::test]
async fn by_default_the_machine_is_the_limit() {
    let world = World::start().await;
    world.create("s", 1).await;
    for _ in 0..5 {
        let answer =
            world.ok("PutRecords", json!({"StreamName": "s", "Records": records(500, "a", 10)})).await;
        assert_eq!(answer["FailedRecordCount"], 0);
    }
}

#[tokio::test]
async fn an_on_demand_stream_follows_its_load_up_and_down() {
    let world = World::start().await;
    let mode = json!({"StreamMode": "ON_DEMAND"});
    world.ok("CreateStream", json!({"StreamName": "s", "StreamModeDetails": mode})).await;
    let mut scaling = crate::scaling::Scaling::default();
    let open = async || {
        let summary = world.ok("DescribeStreamSummary", json!({"StreamName": "s"})).await;
        summary["StreamDescriptionSummary"]["OpenShardCount"].as_i64().unwrap()
    };
    let mut round = async |bytes: usize| {
        if bytes > 0 {
            // A tenth each, all to one shard.
            for _ in 0..10 {
                world
                    .ok("PutRecords", json!({"StreamName": "s", "Records": records(1, "a", bytes / 10)}))
                    .await;
            }
        }
        world.clock.advance(crate::scaling::ROUND);
        world.kinesis.scale(&mut scaling).await;
    };
    for _ in 0..2 {
        round(8 << 20).await;
    }
    assert_eq!(open().await, 4, "two rounds are too few");
    round(8 << 20).await;
    assert_eq!(open().await, 5);
    // Three cold rounds of the shards beside are over.
    for _ in 0..86 {
        round(0).await;
    }
    assert_eq!(open().await, 5, "it stays for a quarter of an hour");
    round(0).await;
    assert_eq!(open().await, 4);
    for _ in 0..200 {
        round(0).await;
    }
    assert_eq!(open().await, 4, "four shards are the least");
    let world = world.restart().await;
    world.kinesis.start().await.unwrap();
    assert_eq!(world.kinesis.on_demand.lock().len(), 1, "it is still followed after a restart");
}
