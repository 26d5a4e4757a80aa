//! Tables in a temporary directory, for tests.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use bytes::Bytes;
use lake::format::StoredAs;
use lake::{Column, Database, Lake, Partition, Table};
use meta::Meta;
use names::{AccountId, Region, Scope};
use objects::{Objects, PutOptions};
use rt::{Rt, Stop, Timestamp};

use crate::{Answer, Engine, QueryError, QuerySettings, Session};

pub(crate) const BUCKET: &str = "data";

/// A lake with one database `db`, and an engine over it.
pub(crate) struct Fixture {
    pub(crate) engine: Engine,
    pub(crate) lake: Lake,
    pub(crate) session: Session,
    _directory: tempfile::TempDir,
}

impl Fixture {
    pub(crate) async fn new() -> Fixture {
        let (rt, _) = Rt::manual(Timestamp::from_millis(1_700_000_000_123), 7);
        let directory = tempfile::tempdir().unwrap();
        let meta = Meta::in_memory(rt.clone()).await;
        let objects = Objects::open(directory.path(), meta.clone(), rt.clone()).await.unwrap();
        let scope = Scope::new(AccountId::new("000000000000").unwrap(), Region::new("us-east-1").unwrap());
        objects.create_bucket(BUCKET, &scope).await.unwrap();
        let lake = Lake::new(meta, objects, rt.clone());
        lake.catalog().create_database(&scope, Database::new("db")).await.unwrap();
        let settings = QuerySettings { threads: 2, ..QuerySettings::default() };
        let engine = Engine::new(rt.clone(), lake.clone(), settings);
        let session = Session { scope, catalog: None, database: Some("db".into()), now: rt.now() };
        Fixture { engine, lake, session, _directory: directory }
    }

    /// Registers a table at `s3://data/<name>/`.
    pub(crate) async fn table(
        &self,
        name: &str,
        columns: &[(&str, &str)],
        keys: &[(&str, &str)],
        stored: StoredAs,
    ) -> Table {
        let mut table = Table::new("db", name);
        let column = |(name, type_): &(&str, &str)| Column::new(*name, *type_);
        table.columns = columns.iter().map(column).collect();
        table.partition_keys = keys.iter().map(column).collect();
        table.storage = stored.storage(format!("s3://{BUCKET}/{name}/"));
        self.lake.catalog().create_table(&self.session.scope, table).await.unwrap()
    }

    pub(crate) async fn put(&self, key: &str, bytes: impl Into<Bytes>) {
        self.lake.objects().put(BUCKET, key, bytes.into(), PutOptions::default()).await.unwrap();
    }

    /// Writes JSON lines as one Parquet file of the table, in the partition of these values.
    pub(crate) async fn insert(&self, table: &Table, values: &[&str], file: &str, rows: &str) {
        let schema: SchemaRef = lake::types::schema(&table.columns).unwrap();
        let decoder =
            lake::json::Decoder::new(Arc::clone(&schema), lake::json::JsonOptions::default()).unwrap();
        let lines: Vec<Bytes> = rows
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| Bytes::copy_from_slice(line.as_bytes()))
            .collect();
        let decoded = decoder.decode(&lines);
        assert_eq!(decoded.rejected, Vec::new());
        self.insert_batch(table, values, file, schema, &[decoded.batch]).await;
    }

    pub(crate) async fn insert_batch(
        &self,
        table: &Table,
        values: &[&str],
        file: &str,
        schema: Arc<Schema>,
        batches: &[RecordBatch],
    ) {
        let bytes =
            lake::parquet::write(schema, &lake::parquet::ParquetSettings::default(), batches).unwrap();
        let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        let mut folder = table.name.clone();
        if !values.is_empty() {
            folder = format!("{folder}/{}", lake::partition::path(&table.partition_keys, &values));
            let partition = Partition::at_default(table, values).unwrap();
            self.lake
                .catalog()
                .add_partitions_if_absent(&self.session.scope, "db", &table.name, vec![partition])
                .await
                .unwrap();
        }
        self.put(&format!("{folder}/{file}"), bytes).await;
    }

    pub(crate) async fn run(&self, sql: &str) -> Result<Answer, QueryError> {
        self.engine.run(&self.session, sql, &[], Stop::new()).await
    }

    /// All rows as text, null as `NULL`, columns parted by `|`.
    pub(crate) async fn rows(&self, sql: &str) -> Result<Vec<String>, QueryError> {
        let rows = self.run(sql).await?.rows.all().await?;
        let shown = |row: Vec<Option<String>>| {
            row.into_iter().map(|cell| cell.unwrap_or_else(|| "NULL".into())).collect::<Vec<_>>().join("|")
        };
        Ok(rows.into_iter().map(shown).collect())
    }

    /// As [`Fixture::rows`], of statements that succeed.
    pub(crate) async fn get(&self, sql: &str) -> Vec<String> {
        match self.rows(sql).await {
            Ok(rows) => rows,
            Err(error) => panic!("{sql}\n{error}"),
        }
    }

    pub(crate) async fn error(&self, sql: &str) -> String {
        match self.rows(sql).await {
            Ok(rows) => panic!("{sql} answered {rows:?}"),
            Err(error) => error.to_string(),
        }
    }
}
