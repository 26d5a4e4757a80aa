use std::collections::HashMap;
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::iceberg::spec::{DataContentType, DataFileBuilder, DataFileFormat, Struct};
use arrow::array::{ArrayRef, Int64Array, StringArray};
use futures::FutureExt;
use futures::future::BoxFuture;
use meta::faults::Faults;
use objects::{ListRequest, PutOptions};

use super::*;
use crate::parquet::{ParquetSettings, write};

fn row(id: u32) -> (String, RowOperation) {
    (format!(r#"{{"id":{id},"value":{id}}}"#), RowOperation::Upsert)
}

async fn files(world: &World) -> usize {
    let request = ListRequest { prefix: "orders/".into(), delimiter: None, start_after: None, limit: 1_000 };
    world.lake.objects().list("lake", &request).await.unwrap().objects.len()
}

#[tokio::test]
async fn small_files_become_one_and_deleted_rows_go() {
    let world = World::new().await;
    world.create(&[("id", "bigint"), ("value", "int")], &[]).await;
    let iceberg = world.iceberg();
    for id in 0..12 {
        world.upsert(iceberg, &[vec![row(id), row(id / 2)]]).await.unwrap();
    }
    let before = world.load().await;
    let expected = rows(&before, None).await;
    let done = iceberg.compact(&world.scope, "shop", "orders", &CompactSettings::default()).await.unwrap();
    assert_eq!(done.files_after, 1, "{done:?}");
    assert!(done.files_before > 5 && done.deletes_applied > 0, "{done:?}");
    let table = world.load().await;
    let tasks = table.plan(None, None, None).await.unwrap();
    assert!(tasks.len() == 1 && tasks[0].deletes.is_empty(), "{tasks:?}");
    assert_eq!(rows(&table, None).await, expected);
    assert_eq!(rows(&table, before.snapshot_id()).await, expected);
    let last = table.snapshots().pop().unwrap();
    assert_eq!((last.operation.as_str(), last.summary["total-records"].as_str()), ("replace", "12"));
    assert_eq!(last.summary["total-delete-files"], "0");
    let again = iceberg.compact(&world.scope, "shop", "orders", &CompactSettings::default()).await.unwrap();
    assert_eq!(again, Compacted::default());
}

#[tokio::test]
async fn upserts_find_their_rows_after_a_rewrite() {
    let world = World::new().await;
    world.create(&[("id", "bigint"), ("value", "int")], &["bucket(2, id)"]).await;
    let iceberg = world.iceberg();
    for id in 0..20 {
        world.upsert(iceberg, &[vec![row(id), row(id / 3)]]).await.unwrap();
    }
    iceberg.compact(&world.scope, "shop", "orders", &CompactSettings::default()).await.unwrap();
    let gone: Vec<_> = (0..20).step_by(3).map(|id| (row(id).0, RowOperation::Delete)).collect();
    let table = world.upsert(iceberg, &[gone]).await.unwrap();
    let mut expected: Vec<String> = (0..20).filter(|id| id % 3 != 0).map(|id| format!("{id}|{id}")).collect();
    expected.sort();
    assert_eq!(rows(&table, None).await, expected);
}

#[tokio::test]
async fn old_snapshots_go_with_the_files_that_only_they_had() {
    let world = World::new().await;
    world.create(&[("id", "bigint"), ("value", "int")], &[]).await;
    let iceberg = world.iceberg();
    for id in 0..6 {
        world.clock.advance(Duration::from_secs(3600));
        world.upsert(iceberg, &[vec![row(id)]]).await.unwrap();
    }
    iceberg.compact(&world.scope, "shop", "orders", &CompactSettings::default()).await.unwrap();
    let kept = world.load().await;
    let before = files(&world).await;
    let settings = ExpireSettings { age_max: Duration::from_secs(90 * 60), ..ExpireSettings::default() };
    let done = iceberg.expire(&world.scope, "shop", "orders", &settings).await.unwrap();
    // The rewrite and the two last commits are young enough, and the last two have all of the data files.
    assert_eq!((done.snapshots, done.files), (4, 4));
    assert_eq!(files(&world).await as u64, before as u64 - done.files + 1);
    let table = world.load().await;
    for snapshot in table.snapshots() {
        assert_eq!(rows(&table, Some(snapshot.id)).await, rows(&kept, Some(snapshot.id)).await);
    }
    assert_eq!(rows(&table, None).await.len(), 6);
    let again = iceberg.expire(&world.scope, "shop", "orders", &settings).await.unwrap();
    assert_eq!(again, Expired::default());
    world.clock.advance(Duration::from_secs(24 * 3600));
    let last = iceberg.expire(&world.scope, "shop", "orders", &settings).await.unwrap();
    // Two manifest lists, six data files and the manifests that named them.
    assert_eq!((last.snapshots, last.files), (2, 14));
    assert_eq!(rows(&world.load().await, None).await.len(), 6);
}

#[tokio::test]
async fn a_file_that_another_engine_took_back_stays_with_the_snapshot_that_has_it() {
    let world = World::new().await;
    let table = world.create(&[("id", "bigint"), ("value", "int")], &[]).await;
    let mut written = world.write(&table, &[r#"{"id":1,"value":1}"#]).await;
    let file = AddedFile { file: written[0].file.clone(), spec_id: 0 };
    let location = file.file.file_path().to_owned();
    let gone = Change { removed: [location].into(), ..Change::default() };
    let back =
        Change { summary: [("engine-name".to_owned(), "spark".to_owned())].into(), ..Change::append([file]) };
    let first = world.commit(table, vec![written.remove(0)], Change::default()).await.unwrap();
    world.append(&[r#"{"id":2,"value":2}"#]).await;
    world.clock.advance(Duration::from_secs(3600));
    world.commit(world.load().await, Vec::new(), gone.clone()).await.unwrap();
    let middle = world.commit(world.load().await, Vec::new(), back).await.unwrap();
    world.commit(world.load().await, Vec::new(), gone).await.unwrap();
    let settings = ExpireSettings { age_max: Duration::from_secs(60), ..ExpireSettings::default() };
    let done = world.iceberg().expire(&world.scope, "shop", "orders", &settings).await.unwrap();
    assert_eq!(done.snapshots, 2);
    let table = world.load().await;
    assert!(table.metadata().snapshot_by_id(first.snapshot_id().unwrap()).is_none());
    assert_eq!(rows(&table, middle.snapshot_id()).await, ["1|1", "2|2"]);
    assert_eq!(rows(&table, None).await, ["2|2"]);
}

#[tokio::test]
async fn nothing_is_forgotten_of_a_table_whose_own_rule_cannot_be_understood() {
    let world = World::new().await;
    world.create(&[("id", "bigint"), ("value", "int")], &[]).await;
    let iceberg = world.iceberg();
    for id in 0..3 {
        world.clock.advance(Duration::from_secs(3600));
        world.upsert(iceberg, &[vec![row(id)]]).await.unwrap();
    }
    let rule = HashMap::from([("history.expire.min-snapshots-to-keep".to_owned(), "many".to_owned())]);
    let change = Change { properties: rule, ..Change::default() };
    world.commit(world.load().await, Vec::new(), change).await.unwrap();
    let settings = ExpireSettings { age_max: Duration::from_secs(60), ..ExpireSettings::default() };
    let error = iceberg.expire(&world.scope, "shop", "orders", &settings).await.unwrap_err();
    assert!(error.to_string().contains("min-snapshots-to-keep is no number: many"), "{error}");
    assert_eq!(world.load().await.snapshots().len(), 3);
}

#[tokio::test]
async fn branches_and_tags_are_told_by_name() {
    let world = World::new().await;
    let table = world.create(&[("id", "bigint"), ("value", "int")], &[]).await;
    assert!(references(table.metadata()).unwrap().is_empty());
    let table = world.append(&[r#"{"id":1,"value":1}"#]).await;
    let found = references(table.metadata()).unwrap();
    assert_eq!(found["main"].snapshot_id, table.snapshot_id().unwrap());
}

#[tokio::test]
async fn only_old_files_that_nobody_has_are_orphans() {
    let world = World::new().await;
    world.create(&[("id", "bigint"), ("value", "int")], &[]).await;
    let iceberg = world.iceberg();
    let put = async |key: &str| {
        world.lake.objects().put("lake", key, Bytes::from_static(b"x"), PutOptions::default()).await.unwrap();
    };
    put("orders/data/lost.parquet").await;
    put("orders/elsewhere/notes.txt").await;
    world.append(&[r#"{"id":1,"value":1}"#]).await;
    world.clock.advance(Duration::from_secs(4 * 24 * 3600));
    put("orders/data/young.parquet").await;
    let table = world.append(&[r#"{"id":2,"value":2}"#]).await;
    let removed =
        iceberg.remove_orphans(&world.scope, "shop", "orders", &ExpireSettings::default()).await.unwrap();
    assert_eq!(removed, 1);
    for (key, there) in [
        ("orders/data/lost.parquet", false),
        ("orders/data/young.parquet", true),
        ("orders/elsewhere/notes.txt", true),
    ] {
        assert_eq!(world.lake.objects().head("lake", key).await.is_ok(), there, "{key}");
    }
    for snapshot in table.snapshots() {
        rows(&table, Some(snapshot.id)).await;
    }
}

#[tokio::test]
async fn a_round_looks_after_tables_that_were_committed_to_unless_they_refuse() {
    let world = World::new().await;
    world.create(&[("id", "bigint"), ("value", "int")], &[]).await;
    for id in 0..6 {
        world.append(&[&format!(r#"{{"id":{id},"value":1}}"#)]).await;
    }
    let iceberg = world.iceberg();
    let refuse =
        Change { properties: [(UPKEEP_PROPERTY.to_owned(), "false".to_owned())].into(), ..Change::default() };
    world.commit(world.load().await, Vec::new(), refuse).await.unwrap();
    iceberg.upkeep_round(&UpkeepSettings::default()).await;
    assert_eq!(world.load().await.plan(None, None, None).await.unwrap().len(), 6);
    let allow =
        Change { properties: [(UPKEEP_PROPERTY.to_owned(), "true".to_owned())].into(), ..Change::default() };
    world.commit(world.load().await, Vec::new(), allow).await.unwrap();
    iceberg.upkeep_round(&UpkeepSettings::default()).await;
    assert_eq!(world.load().await.plan(None, None, None).await.unwrap().len(), 1);
    let status = &iceberg.upkeep_status()[0].3;
    assert_eq!((status.rounds, status.compacted.files_before), (2, 6));
    assert_eq!(status.last_error, None);
}

/// A commit of another engine that deletes these positions, in one file that says nothing of what it names.
async fn delete_as_others_do(world: &World, places: &[(&str, i64)]) -> IcebergTable {
    let table = world.load().await;
    let paths: ArrayRef = Arc::new(StringArray::from_iter_values(places.iter().map(|(path, _)| path)));
    let positions: ArrayRef = Arc::new(Int64Array::from_iter_values(places.iter().map(|(_, at)| *at)));
    let rows = RecordBatch::try_new(super::super::deletes::schema(), vec![paths, positions]).unwrap();
    let bytes = write(rows.schema(), &ParquetSettings::default(), &[rows]).unwrap();
    let location = format!("s3://lake/orders/data/{}.parquet", world.rt.uuid());
    let staged = world.iceberg().stage(&location, bytes).await.unwrap();
    let file = DataFileBuilder::default()
        .content(DataContentType::PositionDeletes)
        .file_path(location)
        .file_format(DataFileFormat::Parquet)
        .partition(Struct::empty())
        .partition_spec_id(0)
        .record_count(places.len() as u64)
        .file_size_in_bytes(staged.size())
        .build()
        .unwrap();
    world.commit(table, vec![NewFile { staged, file, spec_id: 0 }], Change::default()).await.unwrap()
}

#[tokio::test]
async fn files_that_other_engines_deleted_from_are_rewritten_too() {
    let world = World::new().await;
    world.create(&[("id", "bigint"), ("value", "int")], &[]).await;
    let iceberg = world.iceberg();
    for id in 0..8 {
        world.upsert(iceberg, &[vec![row(id), row(100 + id)]]).await.unwrap();
    }
    let tasks = world.load().await.plan(None, None, None).await.unwrap();
    let path = |at: usize| tasks[at].data_file_path.as_str();
    delete_as_others_do(&world, &[(path(0), 1)]).await;
    delete_as_others_do(&world, &[(path(1), 0), (path(2), 1)]).await;
    let before = world.upsert(iceberg, &[vec![row(200)]]).await.unwrap();
    let expected = rows(&before, None).await;
    assert_eq!(expected.len(), 14);
    let done = iceberg.compact(&world.scope, "shop", "orders", &CompactSettings::default()).await.unwrap();
    assert_eq!((done.files_before, done.files_after, done.deletes_applied), (9, 1, 1));
    assert_eq!(rows(&world.load().await, None).await, expected);
    let again: Vec<_> = (0..8).flat_map(|id| [row(id), row(100 + id)]).collect();
    let table = world.upsert(iceberg, &[again]).await.unwrap();
    assert_eq!(rows(&table, None).await.len(), 17, "each key has one row, wherever it was");
}

#[tokio::test]
async fn a_round_spends_its_budget_on_those_that_waited_longest_and_the_others_wait() {
    let world = World::new().await;
    let iceberg = world.iceberg();
    let columns = [Column::new("id", "bigint")];
    for name in ["b", "a"] {
        let creation = Creation::new("shop", name, format!("s3://lake/{name}"), &columns).unwrap();
        iceberg.create(&world.scope, creation).await.unwrap();
        for id in 0..6 {
            world.clock.advance(Duration::from_secs(1));
            world.append_to(name, &[&format!(r#"{{"id":{id}}}"#)]).await;
        }
    }
    let files = async |name: &str| {
        let table = iceberg.load(&world.scope, "shop", name).await.unwrap();
        table.plan(None, None, None).await.unwrap().len()
    };
    let settings = UpkeepSettings { round_bytes_max: 1, ..UpkeepSettings::default() };
    iceberg.upkeep_round(&settings).await;
    assert_eq!((files("b").await, files("a").await), (1, 6));
    world.clock.advance(Duration::from_secs(60));
    let told: Vec<_> = iceberg
        .upkeep_status()
        .into_iter()
        .map(|(_, _, table, status)| {
            let lag = status.pending.map(|since| world.rt.now().saturating_since(since).as_secs());
            (table, status.compacted.commits, status.compacted.files_before, lag, status.running)
        })
        .collect();
    // The rewrite of one is a commit that the next round looks after.
    assert_eq!(told, [("a".to_owned(), 0, 0, Some(65), false), ("b".to_owned(), 1, 6, Some(60), false)]);
    iceberg.upkeep_round(&settings).await;
    assert_eq!(files("a").await, 1);
}

/// Counts what is read and written.
#[derive(Default)]
struct Count(AtomicU64);

impl Faults for Count {
    fn before(&self, _operation: &'static str) -> BoxFuture<'_, std::io::Result<()>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        ready(Ok(())).boxed()
    }

    fn after(&self, _operation: &'static str) -> BoxFuture<'_, std::io::Result<()>> {
        ready(Ok(())).boxed()
    }
}

#[tokio::test]
async fn a_commit_and_a_round_of_upkeep_do_as_much_with_many_snapshots_as_with_few() {
    let world = World::new().await;
    world.create(&[("id", "bigint"), ("value", "int")], &[]).await;
    let count = Arc::new(Count::default());
    let lake = Lake::new(
        world.meta.with_faults(count.clone()),
        world.lake.objects().with_faults(count.clone()),
        world.rt.clone(),
    );
    let settings = |keep_max| UpkeepSettings {
        expire: ExpireSettings { keep_max, ..ExpireSettings::default() },
        ..UpkeepSettings::default()
    };
    // The most operations that ten commits and a round of upkeep take.
    let tens = async |count: &Count, keep_max: usize, tens: usize| {
        let mut most = 0;
        for _ in 0..tens {
            let before = count.0.load(Ordering::SeqCst);
            for _ in 0..10 {
                world.clock.advance(Duration::from_secs(60));
                let table = lake.iceberg().load(&world.scope, "shop", "orders").await.unwrap();
                let files = world.write(&table, &[r#"{"id":1,"value":1}"#]).await;
                let (staged, added): (Vec<_>, Vec<_>) = files
                    .into_iter()
                    .map(|new| (new.staged, AddedFile { file: new.file, spec_id: new.spec_id }))
                    .unzip();
                let change = Change::append(added);
                lake.iceberg().commit(&world.scope, table, &change, staged, Txn::new()).await.unwrap();
            }
            lake.iceberg().upkeep_round(&settings(keep_max)).await;
            most = most.max(count.0.load(Ordering::SeqCst) - before);
        }
        most
    };
    // The first rounds look for orphans and have nothing to merge or expire.
    tens(&count, 10, 4).await;
    let few = tens(&count, 10, 4).await;
    tens(&count, 100, 12).await;
    assert!(world.load().await.snapshots().len() >= 100);
    let many = tens(&count, 100, 4).await;
    assert!(many <= few * 5 / 4, "{many} operations with 100 snapshots, {few} with 10");
}
