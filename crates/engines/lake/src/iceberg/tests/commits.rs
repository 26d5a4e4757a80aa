use std::time::Duration;

use meta::Key;
use objects::ListRequest;

use super::*;

#[tokio::test]
async fn appended_rows_are_read_at_every_snapshot() {
    let world = World::new().await;
    world.create(&[("id", "bigint"), ("name", "string")], &[]).await;
    let mut expected = Vec::new();
    let mut snapshots = Vec::new();
    for id in 0..3 {
        world.clock.advance(Duration::from_secs(60));
        let table = world.append(&[&format!(r#"{{"id":{id},"name":"n{id}"}}"#)]).await;
        expected.push(format!("{id}|n{id}"));
        snapshots.push((table.snapshot_id().unwrap(), expected.clone()));
    }
    let table = world.load().await;
    for (id, expected) in &snapshots {
        assert_eq!(rows(&table, Some(*id)).await, *expected);
    }
    let infos = table.snapshots();
    let parents: Vec<Option<i64>> = infos.iter().map(|info| info.parent).collect();
    assert_eq!(parents, [None, Some(snapshots[0].0), Some(snapshots[1].0)]);
    let summary = &infos[2].summary;
    for (name, value) in [
        ("added-data-files", "1"),
        ("added-records", "1"),
        ("total-records", "3"),
        ("total-data-files", "3"),
        ("total-delete-files", "0"),
    ] {
        assert_eq!(summary[name], value, "{name}");
    }
    assert_eq!(infos[2].operation, "append");
    assert_eq!(table.metadata().metadata_log().len(), 3);
    assert_eq!(table.metadata().history().len(), 3);
    assert_eq!(table.snapshot_as_of(infos[1].committed), Some(infos[1].id));
    assert_eq!(table.entry.version, 3);
    assert!(table.entry.parameters[METADATA_LOCATION].contains("/metadata/00003-"));
    assert!(table.entry.parameters[PREVIOUS_METADATA_LOCATION].contains("/metadata/00002-"));
}

#[tokio::test]
async fn partitions_get_their_values_and_queries_skip_the_others() {
    let world = World::new().await;
    let columns = [("id", "bigint"), ("at", "timestamp"), ("kind", "string")];
    world.create(&columns, &["day(at)", "bucket(4, id)", "truncate(kind, 2)"]).await;
    let row =
        |id: u32, day: u32| format!(r#"{{"id":{id},"at":"2024-05-{day:02}T10:00:00Z","kind":"abc{id}"}}"#);
    let lines: Vec<String> = (0..8).flat_map(|id| [row(id, 1), row(id, 2)]).collect();
    let table = world.append(&lines.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let all = table.plan(None, None, None).await.unwrap();
    assert!(all.len() > 2, "{} files", all.len());
    assert!(all.iter().all(|task| task.data_file_path.contains("/data/at_day=2024-05-0")));
    let day = ::iceberg::expr::Reference::new("at")
        .less_than(::iceberg::spec::Datum::timestamp_from_str("2024-05-02T00:00:00").unwrap());
    let some = table.plan(None, None, Some(day)).await.unwrap();
    assert_eq!(some.len() * 2, all.len());
    assert_eq!(rows(&table, None).await.len(), 16);
}

#[tokio::test]
async fn bounds_of_columns_let_a_plan_skip_files() {
    let world = World::new().await;
    world.create(&[("id", "bigint"), ("name", "string"), ("price", "decimal(10,2)")], &[]).await;
    let long = "x".repeat(40);
    world.append(&[&format!(r#"{{"id":1,"name":"{long}","price":1.25}}"#), r#"{"id":5,"price":-3}"#]).await;
    let table = world.append(&[r#"{"id":10,"name":"zz","price":7}"#]).await;
    let plan =
        async |filter: ::iceberg::expr::Predicate| table.plan(None, None, Some(filter)).await.unwrap().len();
    use ::iceberg::expr::Reference;
    use ::iceberg::spec::Datum;
    assert_eq!(plan(Reference::new("id").greater_than(Datum::long(5))).await, 1);
    assert_eq!(plan(Reference::new("name").equal_to(Datum::string(&long))).await, 1);
    assert_eq!(plan(Reference::new("name").greater_than(Datum::string("zzz"))).await, 0);
    let price = Datum::decimal_from_str("-3.00").unwrap();
    assert_eq!(plan(Reference::new("price").equal_to(price)).await, 1);
    assert_eq!(plan(Reference::new("name").is_null()).await, 1);
}

#[tokio::test]
async fn an_append_moves_onto_the_snapshot_of_a_faster_writer_and_others_lose() {
    let world = World::new().await;
    let stale = world.create(&[("id", "int")], &[]).await;
    let files = world.write(&stale, &[r#"{"id":1}"#]).await;
    world.append(&[r#"{"id":2}"#]).await;
    let moved = world.commit(stale, files, Change::default()).await.unwrap();
    assert_eq!(rows(&moved, None).await, ["1", "2"]);
    let stale = moved;
    let gone = stale.plan(None, None, None).await.unwrap()[0].data_file_path.clone();
    world.append(&[r#"{"id":3}"#]).await;
    let removal = Change { removed: [gone].into(), ..Change::default() };
    let error = world.commit(stale, Vec::new(), removal).await.unwrap_err();
    assert!(matches!(error, IcebergError::Conflict { .. }), "{error}");
    assert_eq!(rows(&world.load().await, None).await, ["1", "2", "3"]);
}

#[tokio::test]
async fn a_commit_happens_with_the_callers_changes_or_not_at_all() {
    let world = World::new().await;
    let table = world.create(&[("id", "int")], &[]).await;
    let files = world.write(&table, &[r#"{"id":1}"#]).await;
    let (staged, added): (Vec<_>, Vec<_>) = files
        .into_iter()
        .map(|NewFile { staged, file, spec_id }| (staged, AddedFile { file, spec_id }))
        .unzip();
    let mine = Key::global("test").with("offset");
    let with = Txn::new().require_present(mine);
    let error =
        world.iceberg().commit(&world.scope, table, &Change::append(added), staged, with).await.unwrap_err();
    assert!(matches!(error, IcebergError::Conflict { .. }), "{error}");
    assert_eq!(world.load().await.snapshot_id(), None);
    let request = ListRequest { prefix: "orders/".into(), delimiter: None, start_after: None, limit: 10 };
    let left = world.lake.objects().list("lake", &request).await.unwrap().objects;
    assert_eq!(left.len(), 1, "the first metadata file alone: {left:?}");
}

#[tokio::test]
async fn many_small_commits_keep_manifests_few() {
    let world = World::new().await;
    world.create(&[("id", "int")], &[]).await;
    let mut most = 0;
    for id in 0..60 {
        let table = world.append(&[&format!(r#"{{"id":{id}}}"#)]).await;
        most = most.max(manifests::of_snapshot(&table, None).await.unwrap().len());
    }
    assert!(most <= 25, "{most} manifests");
    assert_eq!(rows(&world.load().await, None).await.len(), 60);
}

#[tokio::test]
async fn removed_files_leave_the_table_and_their_old_snapshots_keep_them() {
    let world = World::new().await;
    world.create(&[("id", "int")], &[]).await;
    world.append(&[r#"{"id":1}"#, r#"{"id":2}"#]).await;
    let table = world.append(&[r#"{"id":3}"#]).await;
    let before = table.snapshot_id();
    let first = table.plan(None, None, None).await.unwrap();
    let gone = first.iter().find(|task| task.record_count == Some(2)).unwrap().data_file_path.clone();
    let files = world.write(&table, &[r#"{"id":9}"#]).await;
    let change = Change { removed: [gone].into(), ..Change::default() };
    let table = world.commit(table, files, change).await.unwrap();
    assert_eq!(rows(&table, None).await, ["3", "9"]);
    assert_eq!(rows(&table, before).await, ["1", "2", "3"]);
    let last = table.snapshots().pop().unwrap();
    assert_eq!(last.operation, "overwrite");
    assert_eq!(last.summary["deleted-records"], "2");
    assert_eq!(last.summary["total-records"], "2");
}

#[tokio::test]
async fn rows_beyond_the_memory_go_to_further_row_groups_of_the_same_files() {
    let world = World::new().await;
    let table = world.create(&[("id", "int"), ("day", "string")], &["day"]).await;
    let settings = DataSettings { memory_bytes_max: 1, ..DataSettings::default() };
    let mut writer = world.iceberg().data_writer(&table, settings).unwrap();
    let decoder = Decoder::new(writer.schema().clone(), JsonOptions::default()).unwrap();
    let mut expected = Vec::new();
    for id in 0..5 {
        let records = ["mon", "tue"].map(|day| Bytes::from(format!(r#"{{"id":{id},"day":"{day}"}}"#)));
        expected.extend(["mon", "tue"].map(|day| format!("{id}|{day}")));
        writer.write(decoder.decode(&records).batch).await.unwrap();
        assert!(writer.memory_size() <= 1);
    }
    let files = writer.finish().await.unwrap();
    assert_eq!(files.iter().map(|new| new.file.record_count()).collect::<Vec<_>>(), [5, 5]);
    assert!(files.iter().all(|new| new.file.split_offsets().is_some_and(|offsets| offsets.len() == 5)));
    world.commit(table, files, Change::default()).await.unwrap();
    expected.sort();
    assert_eq!(rows(&world.load().await, None).await, expected);
}
