use super::*;

#[tokio::test]
async fn a_stream_is_active_and_described_once_it_was_created() {
    let world = World::start().await;
    world.create("flights", 2).await;
    let description =
        world.ok("DescribeStream", json!({"StreamName": "flights"})).await["StreamDescription"].take();
    assert_eq!(description["StreamStatus"], "ACTIVE");
    assert_eq!(description["StreamARN"], format!("{ARN}flights"));
    assert_eq!(description["RetentionPeriodHours"], 24);
    assert_eq!(description["EncryptionType"], "NONE");
    assert_eq!(description["StreamModeDetails"], json!({"StreamMode": "PROVISIONED"}));
    assert_eq!(description["StreamCreationTimestamp"], START.as_millis() / 1000);
    assert_eq!(description["HasMoreShards"], false);
    let shards = &description["Shards"];
    let half = (1u128 << 127).to_string();
    assert_eq!(
        shards[0]["HashKeyRange"],
        json!({"StartingHashKey": "0", "EndingHashKey": ((1u128 << 127) - 1).to_string()})
    );
    assert_eq!(
        shards[1]["HashKeyRange"],
        json!({"StartingHashKey": half, "EndingHashKey": u128::MAX.to_string()})
    );
    assert_eq!(shards[1]["ShardId"], "shardId-000000000001");
    assert_eq!(shards[1].get("ParentShardId"), None);
    assert!(text(&shards[0]["SequenceNumberRange"]["StartingSequenceNumber"]).starts_with("49"));
    assert_eq!(shards[0]["SequenceNumberRange"].get("EndingSequenceNumber"), None);

    let summary = world.ok("DescribeStreamSummary", json!({"StreamARN": format!("{ARN}flights")})).await;
    let summary = &summary["StreamDescriptionSummary"];
    assert_eq!((&summary["OpenShardCount"], &summary["ConsumerCount"]), (&json!(2), &json!(0)));
    assert_eq!((&summary["StreamStatus"], &summary["MaxRecordSizeInKiB"]), (&json!("ACTIVE"), &json!(1024)));
}

#[tokio::test]
async fn on_demand_streams_start_with_four_shards() {
    let world = World::start().await;
    let mode = json!({"StreamMode": "ON_DEMAND"});
    world
        .ok("CreateStream", json!({"StreamName": "s", "StreamModeDetails": mode, "Tags": {"team": "data"}}))
        .await;
    let summary = world.ok("DescribeStreamSummary", json!({"StreamName": "s"})).await;
    assert_eq!(summary["StreamDescriptionSummary"]["OpenShardCount"], 4);
    assert_eq!(summary["StreamDescriptionSummary"]["StreamModeDetails"], mode);
    let limits = world.ok("DescribeLimits", json!({})).await;
    assert_eq!((&limits["OpenShardCount"], &limits["OnDemandStreamCount"]), (&json!(4), &json!(1)));
    assert_eq!((&limits["ShardLimit"], &limits["OnDemandStreamCountLimit"]), (&json!(20_000), &json!(50)));
    let tags = world.ok("ListTagsForStream", json!({"StreamName": "s"})).await;
    assert_eq!(tags["Tags"], json!([{"Key": "team", "Value": "data"}]));
}

#[tokio::test]
async fn contradictory_or_excessive_streams_are_refused() {
    let world = World::start().await;
    world.create("s", 1).await;
    let again = world.refusal("CreateStream", json!({"StreamName": "s", "ShardCount": 1})).await;
    assert_eq!(again, "ResourceInUseException: Stream s under account 123456789012 already exists.");
    let none = world.refusal("CreateStream", json!({"StreamName": "t"})).await;
    assert_eq!(none, "ValidationException: ShardCount must be specified for streams in PROVISIONED mode.");
    let both = json!({"StreamName": "t", "ShardCount": 1, "StreamModeDetails": {"StreamMode": "ON_DEMAND"}});
    assert!(world.refusal("CreateStream", both).await.starts_with("ValidationException: ShardCount cannot"));
    let many = world.refusal("CreateStream", json!({"StreamName": "t", "ShardCount": 10_001})).await;
    assert!(many.starts_with("LimitExceededException"), "{many}");
    world.create("a", 10_000).await;
    let full = world.refusal("CreateStream", json!({"StreamName": "t", "ShardCount": 10_000})).await;
    assert!(full.starts_with("LimitExceededException: This request would exceed the shard limit"), "{full}");
}

#[tokio::test]
async fn a_deleted_stream_is_gone_with_its_records_and_tags() {
    let world = World::start().await;
    world.create("s", 1).await;
    world.ok("AddTagsToStream", json!({"StreamName": "s", "Tags": {"a": "b"}})).await;
    world.put("s", "k", "old").await;
    let stale = world.iterator("s", SHARD_0, "TRIM_HORIZON", json!({})).await;
    world.ok("DeleteStream", json!({"StreamName": "s", "EnforceConsumerDeletion": true})).await;
    let missing = "ResourceNotFoundException: Stream s under account 123456789012 not found.";
    for operation in
        ["DescribeStream", "DescribeStreamSummary", "DeleteStream", "ListShards", "ListTagsForStream"]
    {
        assert_eq!(world.refusal(operation, json!({"StreamName": "s"})).await, missing);
    }
    assert_eq!(world.refusal("GetRecords", json!({"ShardIterator": stale})).await, missing);
    world.create("s", 1).await;
    let iterator = world.iterator("s", SHARD_0, "TRIM_HORIZON", json!({})).await;
    assert!(world.read(iterator).await.is_empty());
    let other = world.refusal("GetRecords", json!({"ShardIterator": stale})).await;
    assert!(
        other.starts_with("ResourceNotFoundException: Shard shardId-000000000000 in stream s"),
        "{other}"
    );
    assert_eq!(world.ok("ListTagsForStream", json!({"StreamName": "s"})).await["Tags"], json!([]));
}

#[tokio::test]
async fn streams_are_named_by_name_by_arn_or_by_both() {
    let world = World::start().await;
    world.create("s", 1).await;
    let describe = |input| world.call("DescribeStreamSummary", input);
    let arn = format!("{ARN}s");
    assert!(describe(json!({"StreamName": "s", "StreamARN": arn})).await.is_ok());
    let refusal = async |input| describe(input).await.unwrap_err().to_string();
    assert!(refusal(json!({})).await.starts_with("InvalidArgumentException: Either StreamName or StreamARN"));
    let both = refusal(json!({"StreamName": "t", "StreamARN": arn})).await;
    assert!(both.starts_with("InvalidArgumentException: StreamName t and StreamARN"), "{both}");
    let region = refusal(json!({"StreamARN": "arn:aws:kinesis:eu-west-1:123456789012:stream/s"})).await;
    assert!(
        region.starts_with("InvalidArgumentException") && region.ends_with("is not in region us-east-1.")
    );
    let account = refusal(json!({"StreamARN": "arn:aws:kinesis:us-east-1:999999999999:stream/s"})).await;
    assert!(
        account.starts_with("AccessDeniedException: User: arn:aws:iam::123456789012:root is not authorized")
    );
    let other = world.call_in("eu-west-1", "DescribeStreamSummary", json!({"StreamName": "s"})).await;
    assert_eq!(other.unwrap_err().code(), "ResourceNotFoundException");
}

#[tokio::test]
async fn streams_are_listed_in_pages() {
    let world = World::start().await;
    for name in ["c", "a", "b"] {
        world.create(name, 1).await;
    }
    let page = world.ok("ListStreams", json!({"Limit": 2})).await;
    assert_eq!((&page["StreamNames"], &page["HasMoreStreams"]), (&json!(["a", "b"]), &json!(true)));
    assert_eq!(page["StreamSummaries"][0]["StreamARN"], format!("{ARN}a"));
    assert_eq!(page["StreamSummaries"][0]["StreamModeDetails"]["StreamMode"], "PROVISIONED");
    let rest = world.ok("ListStreams", json!({"NextToken": page["NextToken"]})).await;
    assert_eq!((&rest["StreamNames"], &rest["HasMoreStreams"]), (&json!(["c"]), &json!(false)));
    assert_eq!(rest.get("NextToken"), None);
    let after = world.ok("ListStreams", json!({"ExclusiveStartStreamName": "a", "Limit": 1})).await;
    assert_eq!((&after["StreamNames"], &after["HasMoreStreams"]), (&json!(["b"]), &json!(true)));
    let invalid = world.refusal("ListStreams", json!({"NextToken": "no token"})).await;
    assert_eq!(invalid, "InvalidArgumentException: Invalid NextToken.");
    assert_eq!(world.call_in("eu-west-1", "ListStreams", json!({})).await.unwrap()["StreamNames"], json!([]));
}

fn shard_ids(page: &Value) -> Vec<u32> {
    let shards = page["Shards"].as_array().unwrap();
    shards.iter().map(|shard| crate::shard::parse(shard["ShardId"].as_str().unwrap()).unwrap()).collect()
}

#[tokio::test]
async fn shards_are_described_and_listed_in_pages() {
    let world = World::start().await;
    world.create("s", 5).await;
    let page = world
        .ok("DescribeStream", json!({"StreamName": "s", "Limit": 2, "ExclusiveStartShardId": SHARD_0}))
        .await;
    let description = &page["StreamDescription"];
    assert_eq!((shard_ids(description), &description["HasMoreShards"]), (vec![1, 2], &json!(true)));

    let page = world.ok("ListShards", json!({"StreamName": "s", "MaxResults": 3})).await;
    assert_eq!(shard_ids(&page), [0, 1, 2]);
    let token = &page["NextToken"];
    let rest = world.ok("ListShards", json!({"NextToken": token, "StreamARN": format!("{ARN}s")})).await;
    assert_eq!((shard_ids(&rest), rest.get("NextToken")), (vec![3, 4], None));
    let both = world.refusal("ListShards", json!({"NextToken": token, "StreamName": "s"})).await;
    assert_eq!(both, "InvalidArgumentException: NextToken and StreamName cannot be provided together.");
    world.clock.advance(Duration::from_secs(301));
    let late = world.refusal("ListShards", json!({"NextToken": token})).await;
    assert!(late.starts_with("ExpiredNextTokenException"), "{late}");
}

#[tokio::test]
async fn shards_are_filtered() {
    let world = World::start().await;
    world.create("s", 3).await;
    let list = async |filter: Value| {
        let input = json!({"StreamName": "s", "ShardFilter": filter});
        world.call("ListShards", input).await.map(|page| shard_ids(&page)).map_err(|error| error.to_string())
    };
    let seconds = START.as_millis() / 1000;
    for kind in ["AT_TRIM_HORIZON", "FROM_TRIM_HORIZON", "AT_LATEST"] {
        assert_eq!(list(json!({"Type": kind})).await, Ok(vec![0, 1, 2]));
    }
    assert_eq!(list(json!({"Type": "AFTER_SHARD_ID", "ShardId": SHARD_0})).await, Ok(vec![1, 2]));
    assert_eq!(list(json!({"Type": "AT_TIMESTAMP", "Timestamp": seconds})).await, Ok(vec![0, 1, 2]));
    assert_eq!(list(json!({"Type": "AT_TIMESTAMP", "Timestamp": seconds - 60})).await, Ok(vec![]));
    assert_eq!(list(json!({"Type": "FROM_TIMESTAMP", "Timestamp": seconds - 60})).await, Ok(vec![0, 1, 2]));
    let lacking = list(json!({"Type": "AFTER_SHARD_ID"})).await.unwrap_err();
    assert_eq!(
        lacking,
        "InvalidArgumentException: ShardId must be specified with ShardFilter type AFTER_SHARD_ID."
    );
    let extra = list(json!({"Type": "AT_LATEST", "Timestamp": 1})).await.unwrap_err();
    assert!(extra.starts_with("InvalidArgumentException: Timestamp cannot be specified"), "{extra}");
    let created = json!({"StreamName": "s", "StreamCreationTimestamp": seconds});
    assert_eq!(shard_ids(&world.ok("ListShards", created).await).len(), 3);
    let other = json!({"StreamName": "s", "StreamCreationTimestamp": seconds - 5});
    assert!(world.refusal("ListShards", other).await.starts_with("ResourceNotFoundException"));
}

#[tokio::test]
async fn retention_goes_up_and_down_within_its_limits() {
    let world = World::start().await;
    world.create("s", 1).await;
    let input = |hours: i32| json!({"StreamName": "s", "RetentionPeriodHours": hours});
    world.ok("IncreaseStreamRetentionPeriod", input(48)).await;
    world.put("s", "k", "old").await;
    world.clock.advance(30 * HOUR);
    let iterator = world.iterator("s", SHARD_0, "TRIM_HORIZON", json!({})).await;
    assert_eq!(world.read(iterator).await, ["old"]);
    let shorter = world.refusal("IncreaseStreamRetentionPeriod", input(24)).await;
    assert!(shorter.contains("can not be shorter than existing retention period (48 hours)"), "{shorter}");
    let longer = world.refusal("DecreaseStreamRetentionPeriod", input(72)).await;
    assert!(longer.contains("can not be longer than existing retention period (48 hours)"), "{longer}");
    assert!(world.refusal("DecreaseStreamRetentionPeriod", input(23)).await.contains("Minimum allowed"));
    assert!(world.refusal("IncreaseStreamRetentionPeriod", input(8761)).await.contains("Maximum allowed"));
    world.ok("DecreaseStreamRetentionPeriod", input(24)).await;
    let iterator = world.iterator("s", SHARD_0, "TRIM_HORIZON", json!({})).await;
    assert!(world.read(iterator).await.is_empty());
    let world = world.restart().await;
    let summary = world.ok("DescribeStreamSummary", json!({"StreamName": "s"})).await;
    assert_eq!(summary["StreamDescriptionSummary"]["RetentionPeriodHours"], 24);
}
