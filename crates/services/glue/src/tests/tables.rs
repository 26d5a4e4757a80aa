use std::time::Duration;

use serde_json::json;

use super::*;

#[tokio::test]
async fn every_storable_field_of_a_table_comes_back_as_given() {
    let world = World::new().await;
    world.ok("CreateDatabase", json!({"DatabaseInput": {"Name": "air"}})).await;
    let storage = json!({
        "Columns": [{"Name": "Delay", "Type": "struct<a:int>", "Comment": "c", "Parameters": {"p": "q"}}, {"Name": "untyped"}],
        "Location": "s3://lake/t", "AdditionalLocations": ["s3://lake/u"],
        "InputFormat": "in", "OutputFormat": "out", "Compressed": true, "NumberOfBuckets": -1,
        "SerdeInfo": {"Name": "n", "SerializationLibrary": "lib", "Parameters": {"serialization.format": "1"}},
        "BucketColumns": ["Delay"], "SortColumns": [{"Column": "Delay", "SortOrder": 1}], "Parameters": {"s": "t"},
        "SkewedInfo": {"SkewedColumnNames": ["Delay"], "SkewedColumnValues": ["1"], "SkewedColumnValueLocationMaps": {"1": "x"}},
        "StoredAsSubDirectories": true,
    });
    let mut table = json!({
        "Name": "t", "Description": "d", "Owner": "o", "LastAccessTime": 5, "LastAnalyzedTime": 6.5, "Retention": 7,
        "StorageDescriptor": storage, "PartitionKeys": [{"Name": "Day", "Type": "string"}],
        "ViewOriginalText": "v", "ViewExpandedText": "w", "TableType": "VIRTUAL_VIEW",
        "Parameters": {"EXTERNAL": "TRUE", "empty": ""},
    });
    world.ok("CreateTable", json!({"DatabaseName": "AIR", "TableInput": table})).await;
    let found = world.ok("GetTable", json!({"DatabaseName": "air", "Name": "T"})).await;
    for (name, value) in [
        ("DatabaseName", json!("air")),
        ("CreateTime", json!(1_795_337_413)),
        ("UpdateTime", json!(1_795_337_413)),
        ("CreatedBy", json!("arn:aws:iam::123456789012:root")),
        ("IsRegisteredWithLakeFormation", json!(false)),
        ("CatalogId", json!(ACCOUNT)),
        ("VersionId", json!("0")),
    ] {
        table[name] = value;
    }
    assert_eq!(found["Table"], table);
}

#[tokio::test]
async fn a_table_of_its_name_alone_has_the_defaults() {
    let world = World::with_flights().await;
    world.ok("CreateTable", json!({"DatabaseName": "air", "TableInput": {"Name": "bare"}})).await;
    let found = world.ok("GetTable", json!({"DatabaseName": "air", "Name": "bare"})).await;
    let table = &found["Table"];
    assert_eq!((&table["Retention"], &table["PartitionKeys"]), (&json!(0), &json!([])));
    for absent in ["StorageDescriptor", "Parameters", "TableType", "Owner"] {
        assert_eq!(table.get(absent), None, "{absent}");
    }
    let found = world.ok("GetTable", json!({"DatabaseName": "air", "Name": "flights"})).await;
    let storage = &found["Table"]["StorageDescriptor"];
    assert_eq!(storage["Compressed"], json!(false));
    assert_eq!((&storage["NumberOfBuckets"], &storage["SortColumns"]), (&json!(0), &json!([])));
}

#[tokio::test]
async fn what_a_table_cannot_be_is_refused() {
    let world = World::with_flights().await;
    let create = |input: Value| json!({"DatabaseName": "air", "TableInput": input});
    let again = world.fails("CreateTable", create(json!({"Name": "FLIGHTS"}))).await;
    assert_eq!(again, error("AlreadyExistsException", "Table already exists."));
    let nowhere =
        world.fails("CreateTable", json!({"DatabaseName": "sea", "TableInput": {"Name": "x"}})).await;
    assert_eq!(nowhere, error("EntityNotFoundException", "Database sea not found."));
    let iceberg = json!({
        "DatabaseName": "air", "TableInput": {"Name": "x"},
        "OpenTableFormatInput": {"IcebergInput": {"MetadataOperation": "CREATE"}},
    });
    let refused = world.fails("CreateTable", iceberg).await;
    assert!(
        refused.0 == "InvalidInputException" && refused.1.contains("OpenTableFormatInput"),
        "{refused:?}"
    );
    let registry = json!({"Name": "x", "StorageDescriptor": {"SchemaReference": {"SchemaVersionNumber": 1}}});
    let refused = world.fails("CreateTable", create(registry)).await;
    assert!(refused.0 == "InvalidInputException" && refused.1.contains("SchemaReference"), "{refused:?}");
    let missing = world.fails("CreateTable", json!({"DatabaseName": "air"})).await;
    assert_eq!(missing, error("InvalidInputException", "TableInput is missing."));
}

#[tokio::test]
async fn an_update_makes_a_version_that_can_be_read_and_deleted() {
    let world = World::with_flights().await;
    for (description, skip) in [("one", false), ("two", true), ("three", false)] {
        world.clock.advance(Duration::from_secs(1));
        let table = json!({"Name": "flights", "Description": description});
        world
            .ok("UpdateTable", json!({"DatabaseName": "air", "TableInput": table, "SkipArchive": skip}))
            .await;
    }
    let of = |id: &str| json!({"DatabaseName": "air", "TableName": "flights", "VersionId": id});
    let versions = json!({"DatabaseName": "air", "TableName": "flights", "MaxResults": 1});
    let ids = world.pages("GetTableVersions", versions.clone(), "TableVersions", "VersionId").await;
    assert_eq!(ids, ["3", "2", "0"], "version 1 was replaced without archive");
    let old = world.ok("GetTableVersion", of("0")).await;
    assert_eq!(old["TableVersion"]["Table"]["Description"], "departures");
    let newest = world.ok("GetTableVersion", json!({"DatabaseName": "air", "TableName": "flights"})).await;
    assert_eq!(newest["TableVersion"]["VersionId"], "3");
    assert_eq!(newest["TableVersion"]["Table"]["CreateTime"], 1_795_337_413);
    assert_eq!(newest["TableVersion"]["Table"]["UpdateTime"], 1_795_337_416);
    assert_eq!(newest["TableVersion"]["Table"]["CreatedBy"], "arn:aws:iam::123456789012:root");

    world.ok("DeleteTableVersion", of("2")).await;
    let gone = error("EntityNotFoundException", "Version not found.");
    assert_eq!(world.fails("GetTableVersion", of("2")).await, gone);
    assert_eq!(world.fails("DeleteTableVersion", of("2")).await, gone);
    let batch = json!({"DatabaseName": "air", "TableName": "flights", "VersionIds": ["0", "2", "3", "x"]});
    let errors = world.ok("BatchDeleteTableVersion", batch).await;
    let codes: Vec<_> =
        errors["Errors"].as_array().unwrap().iter().map(|one| &one["ErrorDetail"]["ErrorCode"]).collect();
    assert_eq!(codes, ["EntityNotFoundException", "InvalidInputException", "InvalidInputException"]);
    let ids = world.pages("GetTableVersions", versions, "TableVersions", "VersionId").await;
    assert_eq!(ids, ["3"]);
}

#[tokio::test]
async fn an_update_of_an_old_version_is_a_concurrent_modification() {
    let world = World::with_flights().await;
    let update = |id: &str| json!({"DatabaseName": "air", "TableInput": {"Name": "flights"}, "VersionId": id, "SkipArchive": true});
    world.ok("UpdateTable", update("0")).await;
    let late = world.fails("UpdateTable", update("0")).await;
    let expected =
        error("ConcurrentModificationException", "Update table failed due to concurrent modifications.");
    assert_eq!(late, expected);
    world.ok("UpdateTable", update("1")).await;
    assert_eq!(world.fails("UpdateTable", update("new")).await.0, "InvalidInputException");
    let absent = json!({"DatabaseName": "air", "TableInput": {"Name": "x"}});
    let absent = world.fails("UpdateTable", absent).await;
    assert_eq!(absent, error("EntityNotFoundException", "Table x not found."));
}

#[tokio::test]
async fn tables_are_listed_by_pattern_in_pages() {
    let world = World::with_flights().await;
    for name in ["airports", "carriers", "flights_2001", "flights_2002"] {
        world
            .ok("CreateTable", json!({"DatabaseName": "air", "TableInput": {"Name": name, "TableType": "T"}}))
            .await;
    }
    for (expression, names) in [
        (json!("flights*"), json!(["flights", "flights_2001", "flights_2002"])),
        (json!("flights_.*"), json!(["flights_2001", "flights_2002"])),
        (json!("airports|carriers"), json!(["airports", "carriers"])),
        (json!("none"), json!([])),
    ] {
        let input = json!({"DatabaseName": "air", "Expression": expression, "MaxResults": 1});
        let found = world.pages("GetTables", input, "TableList", "Name").await;
        assert_eq!(json!(found), names, "{expression}");
    }
    let all =
        world.pages("GetTables", json!({"DatabaseName": "air", "MaxResults": 2}), "TableList", "Name").await;
    assert_eq!(all.len(), 5);
    let input =
        json!({"DatabaseName": "air", "Expression": "air.*", "AttributesToGet": ["NAME", "TABLE_TYPE"]});
    let brief = world.ok("GetTables", input).await;
    let expected =
        json!([{"Name": "airports", "DatabaseName": "air", "CatalogId": ACCOUNT, "TableType": "T"}]);
    assert_eq!(brief["TableList"], expected);
    let wrong = world.fails("GetTables", json!({"DatabaseName": "air", "Expression": "("})).await;
    assert_eq!(wrong.0, "InvalidInputException");
    let absent = world.fails("GetTables", json!({"DatabaseName": "sea"})).await;
    assert_eq!(absent, error("EntityNotFoundException", "Database sea not found."));
}

#[tokio::test]
async fn deleted_tables_are_gone_and_absent_ones_are_told() {
    let world = World::with_flights().await;
    world.ok("CreateTable", json!({"DatabaseName": "air", "TableInput": {"Name": "x"}})).await;
    let batch = json!({"DatabaseName": "air", "TablesToDelete": ["x", "y"]});
    let errors = world.ok("BatchDeleteTable", batch).await;
    let detail = json!({"ErrorCode": "EntityNotFoundException", "ErrorMessage": "Table y not found."});
    assert_eq!(errors["Errors"], json!([{"TableName": "y", "ErrorDetail": detail}]));
    world.ok("DeleteTable", json!({"DatabaseName": "air", "Name": "Flights"})).await;
    let gone = error("EntityNotFoundException", "Table flights not found.");
    assert_eq!(world.fails("DeleteTable", json!({"DatabaseName": "air", "Name": "flights"})).await, gone);
    assert_eq!(world.fails("GetTable", json!({"DatabaseName": "air", "Name": "flights"})).await, gone);
}

fn statistics(column: &str) -> Value {
    json!({
        "ColumnName": column, "ColumnType": "int", "AnalyzedTime": 5,
        "StatisticsData": {"Type": "LONG", "LongColumnStatisticsData": {"MinimumValue": -3, "NumberOfNulls": 1, "NumberOfDistinctValues": 2}},
    })
}

#[tokio::test]
async fn statistics_are_kept_by_column_and_go_with_the_table() {
    let world = World::with_flights().await;
    let table = json!({"DatabaseName": "air", "TableName": "flights"});
    let with = |name: &str, value: Value| {
        let mut input = table.clone();
        input[name] = value;
        input
    };
    let list = json!([statistics("delay"), statistics("nothing")]);
    let put = world.ok("UpdateColumnStatisticsForTable", with("ColumnStatisticsList", list)).await;
    assert_eq!(put["Errors"][0]["ColumnStatistics"]["ColumnName"], "nothing");
    assert_eq!(put["Errors"].as_array().unwrap().len(), 1);
    let get = with("ColumnNames", json!(["Delay", "origin"]));
    let found = world.ok("GetColumnStatisticsForTable", get.clone()).await;
    assert_eq!(found["ColumnStatisticsList"], json!([statistics("delay")]));
    assert_eq!(found["Errors"][0]["ColumnName"], "origin");
    world.ok("DeleteColumnStatisticsForTable", with("ColumnName", json!("delay"))).await;
    let again = world.fails("DeleteColumnStatisticsForTable", with("ColumnName", json!("delay"))).await;
    assert_eq!(again.0, "EntityNotFoundException");
    assert_eq!(world.ok("GetColumnStatisticsForTable", get).await["ColumnStatisticsList"], json!([]));
}

#[tokio::test]
async fn statistics_of_a_partition_are_its_own() {
    let world = World::with_flights().await;
    let at = json!({"DatabaseName": "air", "TableName": "flights", "PartitionValues": ["2024-01-01", "1"]});
    let with = |name: &str, value: Value| {
        let mut input = at.clone();
        input[name] = value;
        input
    };
    let put = with("ColumnStatisticsList", json!([statistics("delay")]));
    let absent = world.fails("UpdateColumnStatisticsForPartition", put.clone()).await;
    assert_eq!(absent, error("EntityNotFoundException", "Cannot find partition."));
    let create = json!({"DatabaseName": "air", "TableName": "flights", "PartitionInput": {"Values": ["2024-01-01", "1"]}});
    world.ok("CreatePartition", create).await;
    world.ok("UpdateColumnStatisticsForPartition", put).await;
    let found = world.ok("GetColumnStatisticsForPartition", with("ColumnNames", json!(["delay"]))).await;
    assert_eq!(found["ColumnStatisticsList"], json!([statistics("delay")]));
    world.ok("DeleteColumnStatisticsForPartition", with("ColumnName", json!("delay"))).await;
    let found = world.ok("GetColumnStatisticsForPartition", with("ColumnNames", json!(["delay"]))).await;
    assert_eq!(found["ColumnStatisticsList"], json!([]));
}

#[tokio::test]
async fn partition_indexes_are_kept_and_always_active() {
    let world = World::with_flights().await;
    let table = json!({"DatabaseName": "air", "TableName": "flights"});
    let index = |name: &str, key: &str| {
        let mut input = table.clone();
        input["PartitionIndex"] = json!({"IndexName": name, "Keys": [key]});
        input
    };
    world.ok("CreatePartitionIndex", index("by_day", "day")).await;
    assert_eq!(
        world.fails("CreatePartitionIndex", index("by_day", "hour")).await.0,
        "AlreadyExistsException"
    );
    assert_eq!(world.fails("CreatePartitionIndex", index("x", "origin")).await.0, "InvalidInputException");
    for name in ["b", "c"] {
        world.ok("CreatePartitionIndex", index(name, "hour")).await;
    }
    let many = world.fails("CreatePartitionIndex", index("d", "hour")).await;
    assert_eq!(many.0, "ResourceNumberLimitExceededException");
    let all = world.ok("GetPartitionIndexes", table.clone()).await;
    let list = all["PartitionIndexDescriptorList"].as_array().unwrap();
    assert_eq!(
        list[1],
        json!({"IndexName": "by_day", "Keys": [{"Name": "day", "Type": "date"}], "IndexStatus": "ACTIVE"})
    );
    assert_eq!(list.len(), 3);
    let by_name = json!({"DatabaseName": "air", "TableName": "flights", "IndexName": "by_day"});
    world.ok("DeletePartitionIndex", by_name.clone()).await;
    let gone = world.fails("DeletePartitionIndex", by_name).await;
    assert_eq!(gone, error("EntityNotFoundException", "Index by_day not found."));

    let create = json!({
        "DatabaseName": "air", "TableInput": {"Name": "t", "PartitionKeys": [{"Name": "k", "Type": "int"}]},
        "PartitionIndexes": [{"IndexName": "i", "Keys": ["k"]}],
    });
    world.ok("CreateTable", create).await;
    let all = world.ok("GetPartitionIndexes", json!({"DatabaseName": "air", "TableName": "t"})).await;
    assert_eq!(all["PartitionIndexDescriptorList"][0]["IndexName"], "i");
}
