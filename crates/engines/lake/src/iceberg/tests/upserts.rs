use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn row(id: u8, value: u16) -> (String, RowOperation) {
    (format!(r#"{{"id":{id},"value":{value}}}"#), RowOperation::Upsert)
}

fn deletion(id: u8) -> (String, RowOperation) {
    (format!(r#"{{"id":{id}}}"#), RowOperation::Delete)
}

#[tokio::test]
async fn the_last_row_of_a_key_stays_within_and_across_commits() {
    let world = World::new().await;
    world.create(&[("id", "bigint"), ("value", "int")], &[]).await;
    let iceberg = world.iceberg();
    world.upsert(iceberg, &[vec![row(1, 10), row(2, 20), row(1, 11)], vec![row(2, 21)]]).await.unwrap();
    let first = world.upsert(iceberg, &[vec![row(3, 30), deletion(2), row(1, 12)]]).await.unwrap();
    assert_eq!(rows(&first, None).await, ["1|12", "3|30"]);
    let last = world.upsert(iceberg, &[vec![deletion(3), deletion(1), deletion(9)]]).await.unwrap();
    assert_eq!(rows(&last, None).await, Vec::<String>::new());
    assert_eq!(rows(&last, first.snapshot_id()).await, ["1|12", "3|30"]);
    let summary = &last.snapshots().pop().unwrap().summary;
    assert_eq!(summary["total-data-files"], "0", "files without a row left are gone: {summary:?}");
    assert_eq!(summary["total-delete-files"], "0");
}

#[tokio::test]
async fn a_data_file_has_at_most_one_file_of_deletes() {
    let world = World::new().await;
    world.create(&[("id", "bigint"), ("value", "int")], &[]).await;
    let iceberg = world.iceberg();
    world.upsert(iceberg, &[(0..20).map(|id| row(id, 0)).collect()]).await.unwrap();
    let mut table = world.load().await;
    for id in 0..10 {
        table = world.upsert(iceberg, &[vec![row(id, 1)]]).await.unwrap();
    }
    let tasks = table.plan(None, None, None).await.unwrap();
    assert_eq!(tasks.len(), 11);
    assert!(tasks.iter().all(|task| task.deletes.len() <= 1), "{tasks:?}");
    assert_eq!(table.snapshots().pop().unwrap().summary["total-delete-files"], "1");
    assert_eq!(rows(&table, None).await.len(), 20);
}

#[tokio::test]
async fn another_writer_between_reading_and_commit_is_seen() {
    let world = World::new().await;
    world.create(&[("id", "bigint"), ("value", "int")], &[]).await;
    let iceberg = world.iceberg();
    world.upsert(iceberg, &[vec![row(1, 1)]]).await.unwrap();
    let stale = world.load().await;
    let (upserts, staged) = world.upserts(iceberg, &stale, &[vec![row(1, 3), row(2, 3)]]).await;
    world.append(&[r#"{"id":2,"value":2}"#]).await;
    let table = iceberg.commit_upserts(&world.scope, stale, upserts, staged, Txn::new()).await.unwrap();
    assert_eq!(rows(&table, None).await, ["1|3", "2|3"]);
}

#[tokio::test]
async fn a_lost_race_does_not_cost_the_index_and_those_not_used_for_longest_make_room() {
    let world = World::new().await;
    let iceberg = world.iceberg();
    let first = world.create(&[("id", "bigint"), ("value", "int")], &[]).await;
    let table = world.upsert(iceberg, &[(0..9).map(|id| row(id, 1)).collect()]).await.unwrap();
    let (upserts, staged) = world.upserts(iceberg, &table, &[vec![row(1, 2)]]).await;
    let lost = iceberg.plan_upserts(&table, &upserts).await.unwrap();
    drop((lost, staged));
    let (_, _, kept) = iceberg.plan_upserts(&table, &upserts).await.unwrap();
    let known = iceberg.indexes().get(&table.metadata().uuid().as_u128()).cloned().unwrap();
    assert!(kept.is_of(&known), "it is still there");

    let columns = [Column::new("id", "bigint")];
    let creation = Creation::new("shop", "more", "s3://lake/more", &columns).unwrap();
    let other = iceberg.create(&world.scope, creation).await.unwrap();
    iceberg.keep_index(&other, Arc::default(), 9);
    assert_eq!(iceberg.indexes().len(), 2, "there is room for both");
    iceberg.keep_index(&other, Arc::default(), 8);
    assert!(!iceberg.indexes().contains_key(&first.metadata().uuid().as_u128()));
    let table = world.upsert(iceberg, &[vec![deletion(1)]]).await.unwrap();
    assert_eq!(rows(&table, None).await.len(), 8, "what was forgotten is read again");
}

#[derive(Debug, Clone)]
enum Step {
    /// One commit of several chunks; `None` deletes.
    Commit(Vec<Vec<(u8, Option<u16>)>>),
    /// The process dies after it has written its files and before they are published.
    DieWriting(Vec<(u8, Option<u16>)>),
    Restart,
    /// Another engine adds rows with keys that are not there yet.
    Foreign,
    Compact,
}

fn step() -> impl Strategy<Value = Step> {
    let event = || (0..12_u8, proptest::option::weighted(0.75, 0..1_000_u16));
    let chunk = || proptest::collection::vec(event(), 0..8);
    prop_oneof![
        6 => proptest::collection::vec(chunk(), 1..4).prop_map(Step::Commit),
        1 => chunk().prop_map(Step::DieWriting),
        1 => Just(Step::Restart),
        1 => Just(Step::Foreign),
        1 => Just(Step::Compact),
    ]
}

fn events(chunk: &[(u8, Option<u16>)]) -> Vec<(String, RowOperation)> {
    chunk.iter().map(|(id, value)| value.map_or_else(|| deletion(*id), |value| row(*id, value))).collect()
}

async fn history_equals_its_model(steps: Vec<Step>, by: &[&str]) {
    let world = World::new().await;
    world.create(&[("id", "bigint"), ("value", "int")], by).await;
    let mut iceberg = world.restarted();
    let mut model: BTreeMap<u32, u32> = BTreeMap::new();
    let mut snapshots: Vec<(i64, BTreeMap<u32, u32>)> = Vec::new();
    for (at, step) in steps.into_iter().enumerate() {
        let table = match step {
            Step::Commit(chunks) => {
                for (id, value) in chunks.iter().flatten() {
                    match value {
                        Some(value) => model.insert(u32::from(*id), u32::from(*value)),
                        None => model.remove(&u32::from(*id)),
                    };
                }
                let chunks: Vec<_> = chunks.iter().map(|chunk| events(chunk)).collect();
                world.upsert(&iceberg, &chunks).await.unwrap()
            }
            Step::DieWriting(chunk) => {
                let table = iceberg.load(&world.scope, "shop", "orders").await.unwrap();
                let (upserts, staged) = world.upserts(&iceberg, &table, &[events(&chunk)]).await;
                let planned = iceberg.plan_upserts(&table, &upserts).await.unwrap();
                drop((staged, planned));
                iceberg = world.restarted();
                continue;
            }
            Step::Restart => {
                iceberg = world.restarted();
                continue;
            }
            Step::Compact => {
                let settings = CompactSettings { files_min: 2, ..CompactSettings::default() };
                iceberg.compact(&world.scope, "shop", "orders", &settings).await.unwrap();
                iceberg.load(&world.scope, "shop", "orders").await.unwrap()
            }
            Step::Foreign => {
                let id = 1_000 + u32::try_from(at).unwrap();
                model.insert(id, 7);
                world.append(&[&format!(r#"{{"id":{id},"value":7}}"#)]).await
            }
        };
        if let Some(id) = table.snapshot_id() {
            snapshots.push((id, model.clone()));
        }
    }
    let table = world.load().await;
    for (id, model) in snapshots {
        let mut expected: Vec<String> = model.iter().map(|(id, value)| format!("{id}|{value}")).collect();
        expected.sort();
        assert_eq!(rows(&table, Some(id)).await, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_history_equals_its_model_at_every_snapshot(
        steps in proptest::collection::vec(step(), 1..12),
        partitioned: bool,
    ) {
        let by: &[&str] = if partitioned { &["bucket(3, id)"] } else { &[] };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(history_equals_its_model(steps, by));
    }
}
