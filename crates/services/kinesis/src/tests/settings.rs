use super::*;

async fn summary(world: &World) -> Value {
    world.ok("DescribeStreamSummary", json!({"StreamName": "s"})).await["StreamDescriptionSummary"].take()
}

#[tokio::test]
async fn a_larger_record_size_holds_from_the_next_put_on() {
    let world = World::start().await;
    world.create("s", 1).await;
    let put = |kib: usize| json!({"StreamName": "s", "PartitionKey": "k", "Data": base64(&"x".repeat(kib * 1024 - 1))});
    let size = |kib: i32| json!({"StreamARN": format!("{ARN}s"), "MaxRecordSizeInKiB": kib});
    assert!(world.refusal("PutRecord", put(1025)).await.starts_with("InvalidArgumentException: Record size"));
    world.ok("UpdateMaxRecordSize", size(10_240)).await;
    world.ok("PutRecord", put(10_240)).await;
    assert_eq!(summary(&world).await["MaxRecordSizeInKiB"], 10_240);
    let world = world.restart().await;
    world.ok("PutRecord", put(2000)).await;
    world.ok("UpdateMaxRecordSize", size(1024)).await;
    assert!(world.refusal("PutRecord", put(1025)).await.starts_with("InvalidArgumentException: Record size"));
    for wrong in [1023, 10_241] {
        assert!(world.refusal("UpdateMaxRecordSize", size(wrong)).await.starts_with("ValidationException"));
    }
}

#[tokio::test]
async fn the_mode_changes_and_the_shards_stay() {
    let world = World::start().await;
    world.create("s", 2).await;
    let mode =
        |mode: &str| json!({"StreamARN": format!("{ARN}s"), "StreamModeDetails": {"StreamMode": mode}});
    world.ok("UpdateStreamMode", mode("ON_DEMAND")).await;
    let after = summary(&world).await;
    assert_eq!(
        (&after["StreamModeDetails"]["StreamMode"], &after["OpenShardCount"]),
        (&json!("ON_DEMAND"), &json!(2))
    );
    assert_eq!(world.ok("DescribeLimits", json!({})).await["OnDemandStreamCount"], 1);
    world.ok("UpdateStreamMode", mode("PROVISIONED")).await;
    assert!(world.kinesis.on_demand.lock().is_empty());
}

#[tokio::test]
async fn warm_throughput_needs_a_commitment_and_then_brings_shards() {
    let world = World::start().await;
    let mode = json!({"StreamMode": "ON_DEMAND"});
    world.ok("CreateStream", json!({"StreamName": "s", "StreamModeDetails": mode})).await;
    let warm = |mibps: i32| json!({"StreamName": "s", "WarmThroughputMiBps": mibps});
    let refused = world.refusal("UpdateStreamWarmThroughput", warm(8)).await;
    assert!(refused.starts_with("ValidationException: Warm throughput needs"), "{refused}");
    let status = world.ok("DescribeAccountSettings", json!({})).await;
    assert_eq!(status["MinimumThroughputBillingCommitment"], json!({"Status": "DISABLED"}));
    let enable = json!({"MinimumThroughputBillingCommitment": {"Status": "ENABLED"}});
    let status = world.ok("UpdateAccountSettings", enable).await["MinimumThroughputBillingCommitment"].take();
    let start = START.as_millis() / 1000;
    assert_eq!(
        status,
        json!({"Status": "ENABLED", "StartedAt": start, "EarliestAllowedEndAt": start + 86_400})
    );
    let answer = world.ok("UpdateStreamWarmThroughput", warm(10)).await;
    assert_eq!(answer["WarmThroughput"], json!({"TargetMiBps": 10, "CurrentMiBps": 10}));
    assert_eq!(summary(&world).await["OpenShardCount"], 10);
    let mut scaling = crate::scaling::Scaling::default();
    for _ in 0..100 {
        world.clock.advance(crate::scaling::ROUND);
        world.kinesis.scale(&mut scaling).await;
    }
    assert_eq!(summary(&world).await["OpenShardCount"], 10, "warm shards are not merged");
    let create = json!({"StreamName": "t", "StreamModeDetails": mode, "WarmThroughputMiBps": 6});
    world.ok("CreateStream", create).await;
    let other = world.ok("DescribeStreamSummary", json!({"StreamName": "t"})).await;
    assert_eq!(other["StreamDescriptionSummary"]["OpenShardCount"], 6);
}

#[tokio::test]
async fn resource_policies_are_kept_as_they_were_given() {
    let world = World::start().await;
    world.create("s", 1).await;
    let consumer = world
        .ok("RegisterStreamConsumer", json!({"StreamARN": format!("{ARN}s"), "ConsumerName": "app"}))
        .await;
    let policy = r#"{ "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "kinesis:*", "Resource": "*"}] }"#;
    for arn in [format!("{ARN}s"), text(&consumer["Consumer"]["ConsumerARN"])] {
        let named = json!({"ResourceARN": arn});
        assert!(
            world.refusal("GetResourcePolicy", named.clone()).await.starts_with("ResourceNotFoundException")
        );
        world.ok("PutResourcePolicy", json!({"ResourceARN": arn, "Policy": policy})).await;
        assert_eq!(world.ok("GetResourcePolicy", named.clone()).await["Policy"], policy);
        let wrong = world.refusal("PutResourcePolicy", json!({"ResourceARN": arn, "Policy": "{}"})).await;
        assert!(wrong.starts_with("InvalidArgumentException: The resource policy is invalid"), "{wrong}");
        world.ok("DeleteResourcePolicy", named.clone()).await;
        assert!(world.refusal("GetResourcePolicy", named).await.starts_with("ResourceNotFoundException"));
    }
}

#[tokio::test]
async fn shard_level_metrics_are_switched_by_name() {
    let world = World::start().await;
    world.create("s", 1).await;
    let names = |names: Value| json!({"StreamName": "s", "ShardLevelMetrics": names});
    let first = world.ok("EnableEnhancedMonitoring", names(json!(["IncomingBytes"]))).await;
    assert_eq!(
        (&first["CurrentShardLevelMetrics"], &first["DesiredShardLevelMetrics"]),
        (&json!([]), &json!(["IncomingBytes"]))
    );
    let all = world.ok("EnableEnhancedMonitoring", names(json!(["ALL"]))).await;
    assert_eq!(all["DesiredShardLevelMetrics"].as_array().unwrap().len(), 7);
    world.ok("DisableEnhancedMonitoring", names(json!(["IncomingBytes", "OutgoingBytes"]))).await;
    let world = world.restart().await;
    assert_eq!(
        summary(&world).await["EnhancedMonitoring"][0]["ShardLevelMetrics"].as_array().unwrap().len(),
        5
    );
    let none = world.ok("DisableEnhancedMonitoring", names(json!(["ALL"]))).await;
    assert_eq!(none["DesiredShardLevelMetrics"], json!([]));
}

#[tokio::test]
async fn retention_goes_from_a_day_to_a_year() {
    let world = World::start().await;
    world.create("s", 1).await;
    world.ok("IncreaseStreamRetentionPeriod", json!({"StreamName": "s", "RetentionPeriodHours": 8760})).await;
    world.put("s", "k", "old").await;
    world.clock.advance(HOUR * 8759);
    let iterator = world.iterator("s", SHARD_0, "TRIM_HORIZON", json!({})).await;
    assert_eq!(world.read(iterator).await, ["old"]);
    world.ok("DecreaseStreamRetentionPeriod", json!({"StreamName": "s", "RetentionPeriodHours": 24})).await;
    let iterator = world.iterator("s", SHARD_0, "TRIM_HORIZON", json!({})).await;
    assert!(world.read(iterator).await.is_empty());
}
