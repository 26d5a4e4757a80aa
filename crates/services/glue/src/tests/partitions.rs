use serde_json::json;

use super::*;

fn at(extra: &Value) -> Value {
    let mut input = json!({"DatabaseName": "air", "TableName": "flights"});
    for (name, value) in extra.as_object().unwrap() {
        input[name] = value.clone();
    }
    input
}

async fn with_days(days: &[(&str, &str)]) -> World {
    let world = World::with_flights().await;
    let inputs: Vec<Value> = days.iter().map(|(day, hour)| json!({"Values": [day, hour]})).collect();
    let errors = world.ok("BatchCreatePartition", at(&json!({"PartitionInputList": inputs}))).await;
    assert_eq!(errors["Errors"], json!([]));
    world
}

#[tokio::test]
async fn a_partition_comes_back_as_given() {
    let world = World::with_flights().await;
    let input = json!({
        "Values": ["2024-01-01", "1"], "LastAccessTime": 5, "LastAnalyzedTime": 6,
        "Parameters": {"numRows": "3"},
        "StorageDescriptor": {
            "Columns": [{"Name": "delay", "Type": "int"}], "Location": "s3://lake/elsewhere", "Compressed": false,
            "NumberOfBuckets": 0, "SortColumns": [], "StoredAsSubDirectories": false,
            "SkewedInfo": {"SkewedColumnNames": ["delay"]},
        },
    });
    world.ok("CreatePartition", at(&json!({"PartitionInput": input}))).await;
    let found = world.ok("GetPartition", at(&json!({"PartitionValues": ["2024-01-01", "1"]}))).await;
    let mut expected = input;
    for (name, value) in [
        ("DatabaseName", json!("air")),
        ("TableName", json!("flights")),
        ("CreationTime", json!(1_795_337_413)),
        ("CatalogId", json!(ACCOUNT)),
    ] {
        expected[name] = value;
    }
    assert_eq!(found["Partition"], expected);
    let again =
        world.fails("CreatePartition", at(&json!({"PartitionInput": {"Values": ["2024-01-01", "1"]}}))).await;
    assert_eq!(again, error("AlreadyExistsException", "Partition already exists."));
    let few =
        world.fails("CreatePartition", at(&json!({"PartitionInput": {"Values": ["2024-01-01"]}}))).await;
    assert_eq!(few.0, "InvalidInputException");
    let absent = world.fails("GetPartition", at(&json!({"PartitionValues": ["2024-01-01", "2"]}))).await;
    assert_eq!(absent, error("EntityNotFoundException", "Cannot find partition."));
    let nowhere = json!({"DatabaseName": "air", "TableName": "x", "PartitionValues": ["1", "2"]});
    assert_eq!(
        world.fails("GetPartition", nowhere).await,
        error("EntityNotFoundException", "Table x not found.")
    );
}

#[tokio::test]
async fn batches_report_on_each_partition() {
    let world = with_days(&[("2024-01-01", "1")]).await;
    let inputs =
        json!({"PartitionInputList": [{"Values": ["2024-01-01", "1"]}, {"Values": ["2024-01-01", "2"]}]});
    let answer = world.ok("BatchCreatePartition", at(&inputs)).await;
    let detail = json!({"ErrorCode": "AlreadyExistsException", "ErrorMessage": "Partition already exists."});
    assert_eq!(answer["Errors"], json!([{"PartitionValues": ["2024-01-01", "1"], "ErrorDetail": detail}]));

    let both = json!([{"Values": ["2024-01-01", "2"]}, {"Values": ["2024-01-01", "9"]}]);
    let found = world.ok("BatchGetPartition", at(&json!({"PartitionsToGet": both}))).await;
    assert_eq!(found["Partitions"].as_array().unwrap().len(), 1);
    assert_eq!(found["UnprocessedKeys"], json!([]));

    let entry = |hour: &str| json!({"PartitionValueList": ["2024-01-01", hour], "PartitionInput": {"Values": ["2024-01-01", hour], "Parameters": {"x": "y"}}});
    let answer = world.ok("BatchUpdatePartition", at(&json!({"Entries": [entry("2"), entry("9")]}))).await;
    assert_eq!(answer["Errors"][0]["PartitionValueList"], json!(["2024-01-01", "9"]));
    assert_eq!(answer["Errors"][0]["ErrorDetail"]["ErrorCode"], "EntityNotFoundException");
    let found = world.ok("GetPartition", at(&json!({"PartitionValues": ["2024-01-01", "2"]}))).await;
    assert_eq!(found["Partition"]["Parameters"], json!({"x": "y"}));

    let answer = world.ok("BatchDeletePartition", at(&json!({"PartitionsToDelete": both}))).await;
    assert_eq!(answer["Errors"][0]["PartitionValues"], json!(["2024-01-01", "9"]));
    assert_eq!(answer["Errors"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_partition_is_updated_moved_and_deleted() {
    let world = with_days(&[("2024-01-01", "1"), ("2024-01-01", "2")]).await;
    let update = |to: &str| {
        at(
            &json!({"PartitionValueList": ["2024-01-01", "1"], "PartitionInput": {"Values": ["2024-01-01", to]}}),
        )
    };
    assert_eq!(world.fails("UpdatePartition", update("2")).await.0, "AlreadyExistsException");
    world.ok("UpdatePartition", update("3")).await;
    assert_eq!(world.fails("UpdatePartition", update("3")).await.0, "EntityNotFoundException");
    world.ok("DeletePartition", at(&json!({"PartitionValues": ["2024-01-01", "3"]}))).await;
    let gone = world.fails("DeletePartition", at(&json!({"PartitionValues": ["2024-01-01", "3"]}))).await;
    assert_eq!(gone, error("EntityNotFoundException", "Cannot find partition."));
    // Without values of its own an update stays where it is.
    let stay =
        json!({"PartitionValueList": ["2024-01-01", "2"], "PartitionInput": {"Parameters": {"a": "b"}}});
    world.ok("UpdatePartition", at(&stay)).await;
    let found = world.ok("GetPartition", at(&json!({"PartitionValues": ["2024-01-01", "2"]}))).await;
    assert_eq!(found["Partition"]["Parameters"], json!({"a": "b"}));
}

#[tokio::test]
async fn partitions_are_found_by_expression_segment_and_page() {
    let days = [("2024-01-01", "1"), ("2024-01-01", "12"), ("2024-01-02", "2"), ("2024-02-01", "07")];
    let world = with_days(&days).await;
    for (expression, count) in [
        ("", 4),
        ("day = '2024-01-01'", 2),
        ("hour > 2", 2),
        ("(((day >= '2024-01-02') AND (hour IN (2,7))))", 2),
        ("day BETWEEN '2024-01-01' AND '2024-01-31' AND NOT hour = 12", 2),
        ("day LIKE '2024-01%'", 3),
    ] {
        let input = at(&json!({"Expression": expression, "MaxResults": 1}));
        let found = world.pages("GetPartitions", input, "Partitions", "Values").await;
        assert_eq!(found.len(), count, "{expression}");
    }
    let mut found = Vec::new();
    for number in 0..3 {
        let segment = json!({"Segment": {"SegmentNumber": number, "TotalSegments": 3}});
        found.extend(world.pages("GetPartitions", at(&segment), "Partitions", "Values").await);
    }
    assert_eq!(found.len(), 4);
    let beyond = at(&json!({"Segment": {"SegmentNumber": 3, "TotalSegments": 3}}));
    assert_eq!(world.fails("GetPartitions", beyond).await.0, "InvalidInputException");
    let wrong = world.fails("GetPartitions", at(&json!({"Expression": "origin = 'x'"}))).await;
    let message = "Unsupported expression: 'origin' is not a partition key";
    assert_eq!(wrong, error("InvalidInputException", message));
}

#[tokio::test]
async fn columns_can_be_left_out_of_a_listing() {
    let world = World::with_flights().await;
    let storage = json!({"Columns": [{"Name": "delay", "Type": "int"}], "Location": "s3://lake/x"});
    let input = json!({"PartitionInput": {"Values": ["2024-01-01", "1"], "StorageDescriptor": storage}});
    world.ok("CreatePartition", at(&input)).await;
    let with = world.ok("GetPartitions", at(&json!({}))).await;
    assert!(with["Partitions"][0]["StorageDescriptor"]["Columns"].is_array());
    let without = world.ok("GetPartitions", at(&json!({"ExcludeColumnSchema": true}))).await;
    assert_eq!(without["Partitions"][0]["StorageDescriptor"].get("Columns"), None);
    assert_eq!(without["Partitions"][0]["StorageDescriptor"]["Location"], "s3://lake/x");
}
