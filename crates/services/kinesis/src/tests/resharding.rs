use futures::future::join_all;

use super::*;

impl World {
    async fn shards(&self, stream: &str) -> Vec<Value> {
        let page = self.ok("ListShards", json!({"StreamName": stream})).await;
        page["Shards"].as_array().unwrap().clone()
    }

    /// Indexes of the shards that a filter lets through.
    async fn filtered(&self, filter: Value) -> Vec<u32> {
        let page = self.ok("ListShards", json!({"StreamName": "s", "ShardFilter": filter})).await;
        let id = |shard: &Value| crate::shard::parse(shard["ShardId"].as_str().unwrap()).unwrap();
        page["Shards"].as_array().unwrap().iter().map(id).collect()
    }

    async fn split(&self, stream: &str, shard: u32, at: u128) {
        let input = json!({"StreamName": stream, "ShardToSplit": crate::shard::id(shard), "NewStartingHashKey": at.to_string()});
        self.ok("SplitShard", input).await;
    }

    async fn merge(&self, stream: &str, one: u32, other: u32) {
        let [one, other] = [one, other].map(crate::shard::id);
        let input = json!({"StreamName": stream, "ShardToMerge": one, "AdjacentShardToMerge": other});
        self.ok("MergeShards", input).await;
    }

    async fn scale(&self, target: u32) -> Value {
        let input = json!({"StreamName": "s", "TargetShardCount": target, "ScalingType": "UNIFORM_SCALING"});
        self.ok("UpdateShardCount", input).await
    }

    async fn refused_scale(&self, target: u32) -> String {
        let input = json!({"StreamName": "s", "TargetShardCount": target, "ScalingType": "UNIFORM_SCALING"});
        self.refusal("UpdateShardCount", input).await
    }
}

const MIDDLE: u128 = 1 << 127;

#[tokio::test]
async fn a_split_shard_ends_and_its_children_go_on() {
    let world = World::start().await;
    world.create("s", 1).await;
    let (_, before) = world.put("s", "a", "1").await;
    world.split("s", 0, MIDDLE).await;
    let (low, after) = world.put("s", "a", "2").await;
    let (high, _) = world.put("s", "b", "3").await;
    assert_eq!((low.as_str(), high.as_str()), ("shardId-000000000001", "shardId-000000000002"));
    assert!(before < after, "one key's numbers grow across the split");

    let shards = world.shards("s").await;
    let range =
        |shard: &Value, end: &str| text(&shard["SequenceNumberRange"][format!("{end}SequenceNumber")]);
    assert!(
        before < range(&shards[0], "Ending") && range(&shards[0], "Ending") < range(&shards[1], "Starting")
    );
    assert_eq!(shards[1]["SequenceNumberRange"].get("EndingSequenceNumber"), None);
    assert_eq!(
        (&shards[1]["ParentShardId"], shards[1].get("AdjacentParentShardId")),
        (&json!(SHARD_0), None)
    );
    assert_eq!(shards[2]["HashKeyRange"]["StartingHashKey"], MIDDLE.to_string());

    let iterator = world.iterator("s", SHARD_0, "TRIM_HORIZON", json!({})).await;
    let page = world.ok("GetRecords", json!({"ShardIterator": iterator})).await;
    assert_eq!(page["Records"].as_array().unwrap().len(), 1);
    assert_eq!((page.get("NextShardIterator"), &page["MillisBehindLatest"]), (None, &json!(0)));
    assert_eq!(
        page["ChildShards"][0],
        json!({"ShardId": low, "ParentShards": [SHARD_0], "HashKeyRange": shards[1]["HashKeyRange"]})
    );
    assert_eq!(page["ChildShards"].as_array().unwrap().len(), 2);
    for kind in ["LATEST", "TRIM_HORIZON"] {
        let iterator = world.iterator("s", &low, kind, json!({})).await;
        let page = world.ok("GetRecords", json!({"ShardIterator": iterator})).await;
        assert!(page.get("NextShardIterator").is_some() && page.get("ChildShards").is_none());
    }
}

#[tokio::test]
async fn a_reader_gets_to_the_end_of_a_closed_shard_from_any_position() {
    let world = World::start().await;
    world.create("s", 1).await;
    let mut numbers = Vec::new();
    for data in ["1", "2", "3"] {
        numbers.push(world.put("s", "a", data).await.1);
    }
    world.split("s", 0, MIDDLE).await;
    let world = world.restart().await;
    let end = text(&world.shards("s").await[0]["SequenceNumberRange"]["EndingSequenceNumber"]);
    let from = async |kind: &str, number: &str| {
        let iterator = world.iterator("s", SHARD_0, kind, json!({"StartingSequenceNumber": number})).await;
        let page = world.ok("GetRecords", json!({"ShardIterator": iterator})).await;
        (page["Records"].as_array().unwrap().len(), page.get("NextShardIterator").is_none())
    };
    assert_eq!(from("AT_SEQUENCE_NUMBER", &numbers[1]).await, (2, true));
    assert_eq!(from("AFTER_SEQUENCE_NUMBER", &numbers[2]).await, (0, true));
    assert_eq!(from("AT_SEQUENCE_NUMBER", &end).await, (0, true));
    let first = world.iterator("s", SHARD_0, "TRIM_HORIZON", json!({})).await;
    let page = world.ok("GetRecords", json!({"ShardIterator": first, "Limit": 2})).await;
    assert!(page.get("ChildShards").is_none(), "children are told at the end");
    assert_eq!(world.read(text(&page["NextShardIterator"])).await, ["3"]);
}

#[tokio::test]
async fn merged_shards_have_one_child_with_two_parents() {
    let world = World::start().await;
    world.create("s", 3).await;
    let (_, before) = world.put("s", "c", "1").await;
    world.merge("s", 1, 0).await;
    let (child, after) = world.put("s", "c", "2").await;
    assert!(before < after);
    let shards = world.shards("s").await;
    assert_eq!(shards[3]["ShardId"], child);
    assert_eq!(shards[3]["ParentShardId"], "shardId-000000000001");
    assert_eq!(shards[3]["AdjacentParentShardId"], SHARD_0);
    assert_eq!(shards[3]["HashKeyRange"]["StartingHashKey"], "0");
    assert_eq!(shards[3]["HashKeyRange"]["EndingHashKey"], shards[1]["HashKeyRange"]["EndingHashKey"]);
    let summary = world.ok("DescribeStreamSummary", json!({"StreamName": "s"})).await;
    assert_eq!(summary["StreamDescriptionSummary"]["OpenShardCount"], 2);
    assert_eq!(summary["StreamDescriptionSummary"]["StreamStatus"], "ACTIVE");
}

#[tokio::test]
async fn what_cannot_be_split_or_merged_is_refused() {
    let world = World::start().await;
    world.create("s", 3).await;
    world.split("s", 0, 1000).await;
    let split = async |shard: u32, at: &str| {
        let input =
            json!({"StreamName": "s", "ShardToSplit": crate::shard::id(shard), "NewStartingHashKey": at});
        world.refusal("SplitShard", input).await
    };
    let closed = split(0, "500").await;
    assert_eq!(
        closed,
        "ResourceInUseException: Shard shardId-000000000000 in stream s under account 123456789012 has already been merged or split, and thus is not eligible for merging or splitting."
    );
    assert_eq!(
        split(9, "500").await,
        "ResourceNotFoundException: Could not find shard shardId-000000000009 in stream s under account 123456789012."
    );
    for at in ["0", "1", "999", "1000", "340282366920938463463374607431768211456"] {
        let outside = split(3, at).await;
        assert!(
            outside.starts_with(&format!(
                "InvalidArgumentException: NewStartingHashKey {at} used in SplitShard()"
            )),
            "{outside}"
        );
    }
    let merge = async |one: u32, other: u32| {
        let [one, other] = [one, other].map(crate::shard::id);
        world
            .refusal(
                "MergeShards",
                json!({"StreamName": "s", "ShardToMerge": one, "AdjacentShardToMerge": other}),
            )
            .await
    };
    for (one, other) in [(3, 1), (1, 1), (2, 4)] {
        let apart = merge(one, other).await;
        assert!(apart.ends_with("are not an adjacent pair of shards eligible for merging."), "{apart}");
    }
    assert!(merge(0, 1).await.starts_with("ResourceInUseException"));
    let mode = json!({"StreamMode": "ON_DEMAND"});
    world.ok("UpdateStreamMode", json!({"StreamARN": format!("{ARN}s"), "StreamModeDetails": mode})).await;
    let on_demand = split(1, "500").await;
    assert!(on_demand.starts_with("ValidationException: SplitShard is not supported"), "{on_demand}");
    assert!(
        world.refused_scale(2).await.starts_with("ValidationException: UpdateShardCount is not supported")
    );
}

#[tokio::test]
async fn a_stream_scales_evenly_in_one_step() {
    let world = World::start().await;
    world.create("s", 2).await;
    let (_, first) = world.put("s", "c", "1").await;
    let scaled = world.scale(3).await;
    assert_eq!((&scaled["CurrentShardCount"], &scaled["TargetShardCount"]), (&json!(2), &json!(3)));
    let (_, second) = world.put("s", "c", "2").await;
    let open: Vec<Value> = world
        .shards("s")
        .await
        .into_iter()
        .filter(|shard| shard["SequenceNumberRange"].get("EndingSequenceNumber").is_none())
        .collect();
    let mut ends: Vec<u128> = open
        .iter()
        .map(|shard| shard["HashKeyRange"]["EndingHashKey"].as_str().unwrap().parse().unwrap())
        .collect();
    ends.sort_unstable();
    let third = u128::MAX / 3;
    assert_eq!(ends.len(), 3);
    assert!(ends[0].abs_diff(third) < 10 && ends[1].abs_diff(third * 2) < 10 && ends[2] == u128::MAX);
    assert!(first < second);
    world.scale(6).await;
    world.scale(3).await;
    let (_, third) = world.put("s", "c", "3").await;
    assert!(second < third, "many generations in one instant still grow");
    let up = world.refused_scale(7).await;
    assert_eq!(
        up,
        "InvalidArgumentException: UpdateShardCount cannot scale up over double your current open shard count. Current open shard count: 3 Target shard count: 7"
    );
    assert!(world.refused_scale(1).await.contains("cannot scale down below half"));
}

#[tokio::test]
async fn shards_are_listed_as_they_were_at_a_time() {
    let world = World::start().await;
    world.create("s", 2).await;
    world.clock.advance(HOUR);
    world.split("s", 0, 1000).await;
    world.clock.advance(HOUR);
    world.merge("s", 2, 3).await;
    world.clock.advance(HOUR);
    let hours = |hours: i64| json!(START.as_millis() / 1000 + hours * 3600 + 1800);
    let at = async |time| world.filtered(json!({"Type": "AT_TIMESTAMP", "Timestamp": time})).await;
    assert_eq!(
        [at(hours(0)).await, at(hours(1)).await, at(hours(2)).await],
        [vec![0, 1], vec![1, 2, 3], vec![1, 4]]
    );
    let since = async |time| world.filtered(json!({"Type": "FROM_TIMESTAMP", "Timestamp": time})).await;
    assert_eq!(
        [since(hours(0)).await, since(hours(1)).await, since(hours(2)).await],
        [vec![0, 1, 2, 3, 4], vec![1, 2, 3, 4], vec![1, 4]]
    );
    assert_eq!(world.filtered(json!({"Type": "AT_LATEST"})).await, [1, 4]);
    assert_eq!(world.filtered(json!({"Type": "AT_TRIM_HORIZON"})).await, [0, 1]);
    assert_eq!(world.filtered(json!({"Type": "FROM_TRIM_HORIZON"})).await, [0, 1, 2, 3, 4]);
    assert_eq!(
        world.filtered(json!({"Type": "AFTER_SHARD_ID", "ShardId": "shardId-000000000002"})).await,
        [3, 4]
    );
    world.clock.advance(HOUR * 22 + HOUR / 2);
    assert_eq!(world.filtered(json!({"Type": "AT_TRIM_HORIZON"})).await, [1, 2, 3]);
    assert_eq!(
        world.filtered(json!({"Type": "FROM_TRIM_HORIZON"})).await,
        [1, 2, 3, 4],
        "the first parent's time is over"
    );
    let long_ago = json!(START.as_millis() / 1000 - 86_400 * 30);
    assert_eq!(since(long_ago).await, [1, 2, 3, 4], "no further back than the trim horizon");
}

#[tokio::test]
async fn a_shard_whose_time_is_over_is_no_more() {
    let world = World::start().await;
    world.create("s", 1).await;
    world.put("s", "a", "1").await;
    world.split("s", 0, MIDDLE).await;
    world.clock.advance(HOUR * 25);
    world.log.retain().await.unwrap();
    let page = world.ok("DescribeStream", json!({"StreamName": "s"})).await;
    let ids: Vec<_> = page["StreamDescription"]["Shards"]
        .as_array()
        .unwrap()
        .iter()
        .map(|shard| text(&shard["ShardId"]))
        .collect();
    assert_eq!(ids, ["shardId-000000000001", "shardId-000000000002"]);
    let input = json!({"StreamName": "s", "ShardId": SHARD_0, "ShardIteratorType": "LATEST"});
    assert!(world.refusal("GetShardIterator", input).await.starts_with("ResourceNotFoundException"));
    let number =
        text(&page["StreamDescription"]["Shards"][1]["SequenceNumberRange"]["StartingSequenceNumber"]);
    let ordered =
        json!({"StreamName": "s", "PartitionKey": "a", "Data": "", "SequenceNumberForOrdering": number});
    world.ok("PutRecord", ordered).await;
    world.merge("s", 1, 2).await;
    assert_eq!(world.put("s", "a", "2").await.0, "shardId-000000000003");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn puts_that_race_with_reshards_are_stored_once_and_in_order() {
    let world = Arc::new(World::start().await);
    world.create("s", 2).await;
    let writer = |key: String| {
        let world = world.clone();
        async move {
            for number in 0..40 {
                let records: Vec<_> = (0..3)
                    .map(|part| json!({"PartitionKey": key, "Data": base64(&format!("{:03}", number * 3 + part))}))
                    .collect();
                let answer = world.ok("PutRecords", json!({"StreamName": "s", "Records": records})).await;
                assert_eq!(answer["FailedRecordCount"], 0);
            }
        }
    };
    let reshard = async {
        for target in [3, 5, 4, 2, 4, 7] {
            world.scale(target).await;
        }
    };
    let keys: Vec<String> = (0..6).map(|key| format!("key-{key}")).collect();
    tokio::join!(join_all(keys.iter().cloned().map(writer)), reshard);
    let mut seen: std::collections::BTreeMap<String, Vec<(String, String)>> = Default::default();
    for shard in world.shards("s").await {
        let iterator =
            world.iterator("s", shard["ShardId"].as_str().unwrap(), "TRIM_HORIZON", json!({})).await;
        let page = world.ok("GetRecords", json!({"ShardIterator": iterator})).await;
        for record in page["Records"].as_array().unwrap() {
            let entry = (text(&record["SequenceNumber"]), from_base64(&record["Data"]));
            seen.entry(text(&record["PartitionKey"])).or_default().push(entry);
        }
    }
    let all: Vec<String> = (0..120).map(|number| format!("{number:03}")).collect();
    for key in keys {
        let records = &seen[&key];
        assert_eq!(records.iter().map(|(_, data)| data.clone()).collect::<Vec<_>>(), all, "{key}");
        assert!(records.windows(2).all(|pair| pair[0].0 < pair[1].0), "{key}");
    }
}
