use bytes::Bytes;
use meta::Meta;
use names::{AccountId, Region};
use objects::{Objects, PutOptions};
use rt::Rt;

use super::*;
use crate::model::{Column, Database};

struct World {
    lake: Lake,
    scope: Scope,
    table: Table,
    _dir: tempfile::TempDir,
}

/// A lake with one table at `s3://lake/flights`, by day and origin, and these objects.
async fn world(keys: &[&str]) -> World {
    let (rt, _) = Rt::manual(Timestamp::from_millis(0), 3);
    let dir = tempfile::tempdir().unwrap();
    let meta = Meta::in_memory(rt.clone()).await;
    let objects = Objects::open(dir.path(), meta.clone(), rt.clone()).await.unwrap();
    let scope = Scope::new(AccountId::new("000000000000").unwrap(), Region::new("us-east-1").unwrap());
    objects.create_bucket("lake", &scope).await.unwrap();
    for key in keys {
        let body = if key.ends_with("empty") { Bytes::new() } else { Bytes::from_static(b"rows") };
        objects.put("lake", key, body, PutOptions::default()).await.unwrap();
    }
    let lake = Lake::new(meta, objects, rt);
    lake.catalog().create_database(&scope, Database::new("air")).await.unwrap();
    let mut table = Table::new("air", "flights");
    table.partition_keys = vec![Column::new("day", "date"), Column::new("origin", "string")];
    table.storage.location = Some("s3://lake/flights".into());
    let table = lake.catalog().create_table(&scope, table).await.unwrap();
    World { lake, scope, table, _dir: dir }
}

fn keys(files: &[DataFile]) -> Vec<&str> {
    files.iter().map(|file| file.key.as_str()).collect()
}

#[tokio::test]
async fn discovery_adds_each_new_partition_folder_once() {
    let world = world(&[
        "flights/day=2024-01-01/origin=ICN/a",
        "flights/day=2024-01-01/origin=ICN/b",
        "flights/DAY=2024-01-02/origin=S%C3%A3o%2FPaulo/c",
        "flights/day=2024-01-03/unrelated/d",
        "flights/origin=ICN/day=2024-01-01/e",
        "flights/readme",
        "flights2/day=2024-01-09/origin=ICN/f",
    ])
    .await;
    let found = world.lake.discover_partitions(&world.scope, &world.table).await.unwrap();
    assert_eq!(found, [["2024-01-02", "São/Paulo"], ["2024-01-01", "ICN"]]);
    assert!(world.lake.discover_partitions(&world.scope, &world.table).await.unwrap().is_empty());

    let files = world.lake.files(&world.scope, &world.table, &|_| true).await.unwrap();
    assert_eq!(
        keys(&files),
        [
            "flights/day=2024-01-01/origin=ICN/a",
            "flights/day=2024-01-01/origin=ICN/b",
            "flights/DAY=2024-01-02/origin=S%C3%A3o%2FPaulo/c"
        ]
    );
    assert_eq!(files[2].partition_values, ["2024-01-02", "São/Paulo"]);
    let one_day =
        world.lake.files(&world.scope, &world.table, &|values| values[0] == "2024-01-02").await.unwrap();
    assert_eq!(one_day.len(), 1);
    let filter = PartitionFilter::parse("day = '2024-01-01'", &world.table.partition_keys).unwrap();
    assert_eq!(world.lake.files_where(&world.scope, &world.table, &filter).await.unwrap().len(), 2);
}

#[tokio::test]
async fn hidden_and_empty_objects_and_those_of_sibling_folders_are_no_data() {
    let mut world = world(&[
        "flights/_SUCCESS",
        "flights/.part",
        "flights/_temporary/0/x",
        "flights/empty",
        "flights/deep/er/rows",
        "flights/rows",
        "flights-old/rows",
    ])
    .await;
    world.table.partition_keys.clear();
    let files = world.lake.files(&world.scope, &world.table, &|_| true).await.unwrap();
    assert_eq!(keys(&files), ["flights/deep/er/rows", "flights/rows"]);
    assert_eq!((files[0].size, files[0].partition_values.len()), (4, 0));
}

#[tokio::test]
async fn a_partition_without_a_location_lies_at_its_default_place() {
    let world = world(&["flights/day=2024-01-01/origin=A%3AB/x", "else/where/y"]).await;
    let mut elsewhere = Partition::new(vec!["2024-01-02".into(), "C".into()], Default::default());
    elsewhere.storage.location = Some("s3://lake/else/where".into());
    let batch = vec![Partition::new(vec!["2024-01-01".into(), "A:B".into()], Default::default()), elsewhere];
    world.lake.catalog().add_partitions_if_absent(&world.scope, "air", "flights", batch).await.unwrap();
    let files = world.lake.files(&world.scope, &world.table, &|_| true).await.unwrap();
    assert_eq!(keys(&files), ["flights/day=2024-01-01/origin=A%3AB/x", "else/where/y"]);
    let default = Partition::at_default(&world.table, vec!["2024-01-01".into(), "A:B".into()]).unwrap();
    assert_eq!(default.storage.location.as_deref(), Some("s3://lake/flights/day=2024-01-01/origin=A%3AB/"));
}

#[tokio::test]
async fn a_table_that_cannot_be_listed_says_why() {
    let mut world = world(&[]).await;
    world.table.storage.location = Some("s3://nowhere/x".into());
    world.table.partition_keys.clear();
    let error = world.lake.files(&world.scope, &world.table, &|_| true).await.unwrap_err();
    assert!(matches!(error, LakeError::Objects(ObjectError::NoSuchBucket { .. })));
    world.table.storage.location = None;
    let error = world.lake.files(&world.scope, &world.table, &|_| true).await.unwrap_err();
    assert_eq!(error.to_string(), "table flights has no location");
}
