use super::*;
use crate::iceberg::evolved;

fn records(lines: &[&str]) -> Vec<Bytes> {
    lines.iter().map(|line| Bytes::copy_from_slice(line.as_bytes())).collect()
}

async fn evolve(world: &World, lines: &[&str]) -> IcebergTable {
    let table = world.load().await;
    let current = table.metadata().current_schema().clone();
    let Some(schema) = evolved(table.metadata(), &current, &records(lines)).unwrap() else { return table };
    let settings = DataSettings::default();
    let mut writer = world.iceberg().data_writer_with(&table, Arc::new(schema.clone()), settings).unwrap();
    let decoder = Decoder::new(writer.schema().clone(), JsonOptions::default()).unwrap();
    let decoded = decoder.decode(&records(lines));
    assert_eq!(decoded.rejected, []);
    writer.write(decoded.batch).await.unwrap();
    let files = writer.finish().await.unwrap();
    world.commit(table, files, Change { schema: Some(schema), ..Change::default() }).await.unwrap()
}

fn types(table: &IcebergTable) -> Vec<String> {
    table.entry.columns.iter().map(|column| format!("{}:{}", column.name, column.type_)).collect()
}

#[tokio::test]
async fn a_new_field_becomes_a_column_and_old_rows_have_none_of_it() {
    let world = World::new().await;
    world.create(&[("id", "int"), ("name", "string")], &[]).await;
    let before = world.append(&[r#"{"id":1,"name":"a"}"#]).await;
    let table = evolve(&world, &[r#"{"id":2,"Colour":"red"}"#, r#"{"id":3,"size":1.5,"colour":null}"#]).await;
    assert_eq!(types(&table), ["id:int", "name:string", "colour:string", "size:double"]);
    assert_eq!(rows(&table, None).await, ["1|a||", "2||red|", "3|||1.5"]);
    assert_eq!(rows(&table, before.snapshot_id()).await, ["1|a"]);
    assert_eq!(table.metadata().schemas_iter().len(), 2);
    let snapshot = table.metadata().current_snapshot().unwrap();
    assert_eq!(snapshot.schema_id(), Some(table.metadata().current_schema_id()));
}

#[tokio::test]
async fn types_are_the_narrowest_that_hold_all_values() {
    let world = World::new().await;
    world.create(&[("id", "int")], &[]).await;
    let line = [
        r#"{"id":1,"n":1,"f":1,"mixed":1,"o":{"a":1,"b":[1,2]},"when":"2024-01-01T00:00:00Z","void":null,"none":{}}"#,
        r#"{"id":2,"n":2,"f":2.5,"mixed":"x","o":{"a":2.5,"c":true}}"#,
    ];
    let table = evolve(&world, &line).await;
    let expected = [
        "id:int",
        "f:double",
        "mixed:string",
        "n:bigint",
        "o:struct<a:double,b:array<bigint>,c:boolean>",
        "when:string",
    ];
    let mut found = types(&table);
    found[1..].sort();
    assert_eq!(found, expected);
    assert_eq!(rows(&table, None).await.len(), 2);
}

#[tokio::test]
async fn an_int_that_gets_too_large_values_becomes_a_long() {
    let world = World::new().await;
    world.create(&[("id", "int"), ("ratio", "float")], &[]).await;
    world.append(&[r#"{"id":1,"ratio":0.5}"#]).await;
    let table = evolve(&world, &[r#"{"id":3000000000,"ratio":1e300}"#]).await;
    assert_eq!(types(&table), ["id:bigint", "ratio:double"]);
    assert_eq!(rows(&table, None).await, ["1|0.5", "3000000000|1e300"]);
    let current = table.metadata().current_schema().clone();
    let known = evolved(table.metadata(), &current, &records(&[r#"{"ID":5,"ratio":2}"#, "no json"]));
    assert!(known.unwrap().is_none());
}
