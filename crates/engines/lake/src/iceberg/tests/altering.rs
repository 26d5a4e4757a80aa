use futures::TryStreamExt;

use super::*;
use crate::iceberg::{ColumnChange, Place, altered};
use crate::model::Column;

async fn alter(world: &World, changes: &[ColumnChange]) -> Result<IcebergTable, String> {
    let table = world.load().await;
    let schema = altered(table.metadata(), changes).map_err(|error| error.to_string())?;
    Ok(world.commit(table, Vec::new(), Change { schema: Some(schema), ..Change::default() }).await.unwrap())
}

fn change(name: &str, to: (&str, &str), place: Option<Place>) -> ColumnChange {
    ColumnChange::Change { name: name.to_owned(), to: Column::new(to.0, to.1), place }
}

/// The rows by the columns of now, which is what the last snapshot of iceberg's own scan is not after a change of the
/// schema alone.
async fn rows_now(table: &IcebergTable) -> Vec<String> {
    let tasks = table.plan(None, None, None).await.unwrap().into_iter().map(Ok);
    let read = table.table.reader_builder().build().read(Box::pin(futures::stream::iter(tasks))).unwrap();
    lines(read.stream().try_collect().await.unwrap())
}

/// Ids, names and types.
fn columns(table: &IcebergTable) -> Vec<String> {
    let fields = table.metadata().current_schema().as_struct().fields();
    fields.iter().map(|field| format!("{} {} {}", field.id, field.name, field.field_type)).collect()
}

#[tokio::test]
async fn columns_keep_their_ids_and_new_ones_get_ids_that_nobody_had() {
    let world = World::new().await;
    world.create(&[("id", "int"), ("name", "string"), ("price", "decimal(5,2)")], &[]).await;
    let before = world.append(&[r#"{"id":1,"name":"a","price":1.25}"#]).await;
    let table = alter(
        &world,
        &[
            change("ID", ("number", "bigint"), None),
            change("price", ("price", "decimal(12,2)"), Some(Place::First)),
            ColumnChange::Drop("name".into()),
            ColumnChange::Add(Column::new("name", "struct<first:string,all:array<string>>")),
        ],
    )
    .await
    .unwrap();
    let expected = ["3 price decimal(12, 2)", "1 number long"];
    let found = columns(&table);
    assert_eq!(found[..2], expected);
    assert!(found[2].starts_with("4 name struct"), "{found:?}");
    assert_eq!(rows(&table, before.snapshot_id()).await, ["1|a|1.25"]);
    world.append(&[r#"{"price":2,"number":3000000000,"name":{"first":"b","all":["c"]}}"#]).await;
    // The file of before has nothing of the new column, though one of its name.
    let settings = CompactSettings { files_min: 2, ..CompactSettings::default() };
    world.iceberg().compact(&world.scope, "shop", "orders", &settings).await.unwrap();
    let table = world.load().await;
    assert_eq!(rows(&table, None).await, ["1.25|1|", "2.00|3000000000|{first: b, all: [c]}"]);
    assert_eq!(table.metadata().last_column_id(), 7);
    assert_eq!(table.entry.columns[1].type_, "bigint");
}

#[tokio::test]
async fn a_rewrite_after_a_change_of_the_schema_alone_keeps_every_value_in_its_column() {
    let world = World::new().await;
    world.create(&[("id", "int"), ("a", "string"), ("b", "string"), ("gone", "int")], &[]).await;
    for id in 0..4 {
        world.append(&[&format!(r#"{{"id":{id},"a":"a{id}","b":"b{id}","gone":7}}"#)]).await;
    }
    let table = alter(
        &world,
        &[
            change("b", ("b2", "string"), Some(Place::First)),
            ColumnChange::Drop("gone".into()),
            ColumnChange::Add(Column::new("gone", "int")),
            change("id", ("id", "bigint"), None),
        ],
    )
    .await
    .unwrap();
    let expected: Vec<String> = (0..4).map(|id| format!("b{id}|{id}|a{id}|")).collect();
    assert_eq!(rows_now(&table).await, expected);
    let settings = CompactSettings { files_min: 2, ..CompactSettings::default() };
    let done = world.iceberg().compact(&world.scope, "shop", "orders", &settings).await.unwrap();
    assert_eq!((done.files_before, done.files_after), (4, 1));
    let table = world.load().await;
    assert_eq!(rows_now(&table).await, expected);
    assert_eq!(rows(&table, None).await, expected);
}

#[tokio::test]
async fn changes_that_rows_could_not_follow_are_refused() {
    let world = World::new().await;
    world.create(&[("id", "int"), ("at", "timestamp"), ("d", "decimal(5,2)")], &["day(at)"]).await;
    for (changes, reason) in [
        (vec![ColumnChange::Drop("at".into())], "column at cannot be dropped: rows are partitioned by it"),
        (vec![ColumnChange::Drop("none".into())], "column none is not in the table"),
        (vec![ColumnChange::Add(Column::new("ID", "int"))], "column ID is in the table already"),
        (vec![change("id", ("at", "int"), None)], "column at is in the table already"),
        (vec![change("id", ("id", "string"), None)], "column id cannot become string from int"),
        (vec![change("d", ("d", "decimal(12,3)"), None)], "cannot become decimal(12,3) from decimal(5,2)"),
        (vec![change("d", ("d", "decimal(4,2)"), None)], "cannot become decimal(4,2)"),
        (vec![change("id", ("id", "int"), Some(Place::After("none".into())))], "column none is not in"),
    ] {
        let error = alter(&world, &changes).await.unwrap_err();
        assert!(error.contains(reason), "{changes:?}: {error}");
    }
}

#[tokio::test]
async fn properties_are_set_and_forgotten() {
    let world = World::new().await;
    world.create(&[("id", "int")], &[]).await;
    let properties = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let set = Change { properties: properties(&[("a", "1"), ("b", "2")]), ..Change::default() };
    world.commit(world.load().await, Vec::new(), set).await.unwrap();
    let unset = Change { unset: vec!["a".into(), "never".into()], ..Change::default() };
    let table = world.commit(world.load().await, Vec::new(), unset).await.unwrap();
    let found = table.metadata().properties();
    assert_eq!((found.get("a"), found.get("b").map(String::as_str)), (None, Some("2")));
}
