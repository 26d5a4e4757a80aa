use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::util::display::array_value_to_string;
use bytes::Bytes;
use futures::TryStreamExt;
use lake::iceberg::{AddedFile, Change, Creation, DataSettings, IcebergTable, NewFile};
use lake::{Column, Database, Lake};

use super::rig::*;
use crate::failpoints::at;
use crate::{Action, Encode, Extract, FlowSpec, IcebergEncode, IcebergTarget, Operator};

pub(super) fn target(table: &str, keys: &[&str]) -> IcebergTarget {
    IcebergTarget {
        database: "db".to_owned(),
        table: table.to_owned(),
        unique_keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        partition_by: Vec::new(),
    }
}

pub(super) fn spec(tables: Vec<IcebergTarget>) -> FlowSpec {
    let encode = IcebergEncode {
        scope: scope(),
        tables,
        append_only: false,
        evolve: false,
        warehouse: None,
        routed: false,
        json: lake::json::JsonOptions::default(),
        parquet: lake::parquet::ParquetSettings::default(),
    };
    let mut spec = raw_spec();
    spec.encode = Encode::Iceberg(Box::new(encode));
    spec.sink.error_prefix = "errors/!{firehose:error-output-type}/".to_owned();
    spec
}

pub(super) fn encode(spec: &mut FlowSpec) -> &mut IcebergEncode {
    let Encode::Iceberg(encode) = &mut spec.encode else { panic!("an iceberg delivery") };
    encode
}

impl Rig {
    async fn database(&self) {
        self.lake.catalog().create_database(&scope(), Database::new("db")).await.unwrap();
    }

    async fn iceberg(&self, name: &str) {
        let columns = [Column::new("id", "bigint"), Column::new("name", "string")];
        let creation = Creation::new("db", name, format!("s3://{BUCKET}/{name}"), &columns).unwrap();
        self.lake.iceberg().create(&scope(), creation).await.unwrap();
    }

    async fn load(&self, name: &str) -> IcebergTable {
        self.lake.iceberg().load(&scope(), "db", name).await.unwrap()
    }

    async fn rows(&self, name: &str) -> Vec<String> {
        let table = self.load(name).await;
        if table.snapshot_id().is_none() {
            return Vec::new();
        }
        let batches: Vec<_> =
            table.table.scan().build().unwrap().to_arrow().await.unwrap().try_collect().await.unwrap();
        let mut rows = Vec::new();
        for batch in &batches {
            let batch: &arrow::array::RecordBatch = batch;
            for row in 0..batch.num_rows() {
                let cells = batch.columns().iter().map(|column| array_value_to_string(column, row).unwrap());
                rows.push(cells.collect::<Vec<_>>().join("|"));
            }
        }
        rows.sort();
        rows
    }
}

/// Another writer adds a row to a table of `id bigint, name string`.
pub(super) async fn append_row(lake: Lake, name: &str, id: i64, value: &str) {
    let iceberg = lake.iceberg();
    let table = iceberg.load(&scope(), "db", name).await.unwrap();
    let mut writer = iceberg.data_writer(&table, DataSettings::default()).unwrap();
    let columns: Vec<ArrayRef> =
        vec![Arc::new(Int64Array::from(vec![id])), Arc::new(StringArray::from(vec![value]))];
    writer.write(RecordBatch::try_new(Arc::clone(writer.schema()), columns).unwrap()).await.unwrap();
    let (mut staged, mut added) = (Vec::new(), Vec::new());
    for NewFile { staged: one, file, spec_id } in writer.finish().await.unwrap() {
        staged.push(one);
        added.push(AddedFile { file, spec_id });
    }
    iceberg.commit(&scope(), table, &Change::append(added), staged, meta::Txn::new()).await.unwrap();
}

fn lines(lines: &[&'static str]) -> Vec<Bytes> {
    lines.iter().map(|line| Bytes::from_static(line.as_bytes())).collect()
}

#[tokio::test]
async fn records_become_rows_and_bad_ones_go_to_the_error_output() {
    let rig = Rig::new().await;
    rig.topic(1).await;
    rig.database().await;
    rig.iceberg("events").await;
    rig.flow.create(&id(), &spec(vec![target("events", &[])])).await.unwrap();
    rig.put(0, lines(&[r#"{"id":1,"name":"a"}"#, "oops", r#"{"id":1,"name":"b"}"#])).await;
    let status = rig.until_settled(3).await;
    assert_eq!((status.ledger.delivered_records, status.ledger.rejected_records), (2, 1));
    assert_eq!(rig.rows("events").await, ["1|a", "1|b"]);
    let errors = rig.objects("errors/iceberg-failed/").await;
    assert_eq!(errors.len(), 1);
    let snapshot = rig.load("events").await.snapshots().pop().unwrap();
    assert_eq!(snapshot.summary["mulgil.delivery"], id().name);
}

#[tokio::test]
async fn records_find_their_tables_and_operations_by_a_query() {
    let rig = Rig::new().await;
    rig.topic(1).await;
    rig.database().await;
    rig.iceberg("events").await;
    rig.iceberg("others").await;
    let mut spec = spec(vec![target("events", &["id"])]);
    encode(&mut spec).routed = true;
    let query = r#"{destinationTableName: .t, destinationDatabaseName: "db", operation: .op}"#;
    spec.operators = vec![Operator::Extract(Extract { query: query.to_owned() })];
    rig.flow.create(&id(), &spec).await.unwrap();
    rig.put(
        0,
        lines(&[
            r#"{"id":1,"name":"a","t":"events","op":"insert"}"#,
            r#"{"id":2,"name":"b","t":"events"}"#,
            r#"{"id":1,"name":"c","t":"events","op":"UPDATE"}"#,
            r#"{"id":2,"t":"events","op":"delete"}"#,
            r#"{"id":1,"name":"x","t":"others"}"#,
            r#"{"id":1,"name":"y","t":"others"}"#,
            r#"{"id":1,"t":"others","op":"delete"}"#,
            r#"{"id":1,"name":"z","t":"nowhere"}"#,
            r#"{"id":1,"name":"z","t":"events","op":"upside-down"}"#,
        ]),
    )
    .await;
    let status = rig.until_settled(9).await;
    assert_eq!(rig.rows("events").await, ["1|c"]);
    let others = rig.rows("others").await;
    // Rows and the delete for a table without unique keys come in one chunk: what cannot be told is refused.
    assert!(others.len() <= 2, "{others:?}");
    assert_eq!(status.ledger.delivered_records + status.ledger.rejected_records, 9, "{:?}", status.ledger);
}

#[tokio::test]
async fn new_fields_become_columns_and_a_missing_table_is_made() {
    let rig = Rig::new().await;
    rig.topic(1).await;
    rig.database().await;
    let mut spec = spec(vec![target("made", &["id"])]);
    encode(&mut spec).evolve = true;
    encode(&mut spec).warehouse = Some(format!("s3://{BUCKET}/warehouse"));
    rig.flow.create(&id(), &spec).await.unwrap();
    rig.put(0, lines(&[r#"{"id":1,"name":"a"}"#])).await;
    rig.until_settled(1).await;
    rig.put(0, lines(&[r#"{"id":2,"name":"b"}"#, r#"{"id":1,"name":"c","size":2.5}"#])).await;
    rig.until_settled(3).await;
    assert_eq!(rig.rows("made").await, ["1|c|2.5", "2|b|"]);
    let table = rig.load("made").await;
    assert!(table.metadata().location().ends_with("warehouse/db.db/made"));
}

#[tokio::test]
async fn a_crash_at_any_step_leaves_the_last_row_of_each_key_exactly_once() {
    for name in at::ALL.into_iter().filter(|name| *name != at::AFTER_ERROR_OBJECT) {
        let mut rig = Rig::new().await;
        rig.topic(1).await;
        rig.database().await;
        rig.iceberg("events").await;
        let mut model: BTreeMap<i64, String> = BTreeMap::new();
        let mut records = |range: std::ops::Range<i64>| -> Vec<Bytes> {
            range
                .map(|number| {
                    let id = number % 17;
                    model.insert(id, format!("v{number}"));
                    Bytes::from(format!(r#"{{"id":{id},"name":"v{number}"}}"#))
                })
                .collect()
        };
        rig.put(0, records(0..60)).await;
        let first = [at::BEFORE_PLAN, at::AFTER_PLAN].contains(&name);
        rig.failpoints.arm(name, if first { 1 } else { 3 }, Action::Crash);
        let mut spec = spec(vec![target("events", &["id"])]);
        spec.buffer.bytes = 300;
        rig.flow.create(&id(), &spec).await.unwrap();
        rig.failpoints.hit().await;
        rig.put(0, records(60..75)).await;
        rig.restart().await;
        let status = rig.until_settled(75).await;
        assert_eq!(status.ledger.delivered_records, 75, "{name}");
        let mut expected: Vec<String> = model.iter().map(|(id, value)| format!("{id}|{value}")).collect();
        expected.sort();
        assert_eq!(rig.rows("events").await, expected, "{name}");
        let batches = rig.load("events").await.snapshots().len() as u64;
        assert_eq!(batches, status.ledger.batches, "{name}: one snapshot for each batch");
    }
}
