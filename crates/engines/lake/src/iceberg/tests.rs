mod altering;
mod commits;
mod evolution;
mod tables;
mod upkeep;
mod upserts;

use arrow::array::RecordBatch;
use arrow::util::display::array_value_to_string;
use bytes::Bytes;
use futures::TryStreamExt;
use meta::{Meta, Txn};
use names::{AccountId, Region, Scope};
use objects::Objects;
use rt::{ManualClock, Rt, Timestamp};

use super::*;
use crate::Lake;
use crate::json::{Decoder, JsonOptions};
use crate::model::{Column, Database};

pub(super) struct World {
    pub(super) lake: Lake,
    pub(super) scope: Scope,
    pub(super) clock: ManualClock,
    meta: Meta,
    rt: Rt,
    _dir: tempfile::TempDir,
}

impl World {
    pub(super) async fn new() -> World {
        let (rt, clock) = Rt::manual(Timestamp::from_millis(1_760_000_000_000), 3);
        let dir = tempfile::tempdir().unwrap();
        let meta = Meta::in_memory(rt.clone()).await;
        let objects = Objects::open(dir.path(), meta.clone(), rt.clone()).await.unwrap();
        let scope = Scope::new(AccountId::new("000000000000").unwrap(), Region::new("us-east-1").unwrap());
        objects.create_bucket("lake", &scope).await.unwrap();
        let lake = Lake::new(meta.clone(), objects, rt.clone());
        lake.catalog().create_database(&scope, Database::new("shop")).await.unwrap();
        World { lake, scope, clock, meta, rt, _dir: dir }
    }

    pub(super) fn iceberg(&self) -> &Iceberg {
        self.lake.iceberg()
    }

    pub(super) async fn create(&self, columns: &[(&str, &str)], by: &[&str]) -> IcebergTable {
        let columns: Vec<Column> = columns.iter().map(|(name, type_)| Column::new(*name, *type_)).collect();
        let mut creation = Creation::new("shop", "orders", "s3://lake/orders", &columns).unwrap();
        creation.partition_by = by.iter().map(|text| PartitionBy::parse(text).unwrap()).collect();
        self.iceberg().create(&self.scope, creation).await.unwrap()
    }

    pub(super) async fn load(&self) -> IcebergTable {
        self.iceberg().load(&self.scope, "shop", "orders").await.unwrap()
    }

    /// Appends these JSON rows in one commit.
    pub(super) async fn append(&self, rows: &[&str]) -> IcebergTable {
        self.append_to("orders", rows).await
    }

    pub(super) async fn append_to(&self, name: &str, rows: &[&str]) -> IcebergTable {
        let table = self.iceberg().load(&self.scope, "shop", name).await.unwrap();
        let files = self.write(&table, rows).await;
        self.commit(table, files, Change::default()).await.unwrap()
    }

    pub(super) async fn write(&self, table: &IcebergTable, rows: &[&str]) -> Vec<NewFile> {
        let mut writer = self.iceberg().data_writer(table, DataSettings::default()).unwrap();
        let records: Vec<Bytes> = rows.iter().map(|row| Bytes::copy_from_slice(row.as_bytes())).collect();
        let decoded = Decoder::new(writer.schema().clone(), JsonOptions::default()).unwrap().decode(&records);
        assert_eq!(decoded.rejected, []);
        writer.write(decoded.batch).await.unwrap();
        writer.finish().await.unwrap()
    }

    /// Upserts these JSON rows, those with an operation `D` as deletes, in one commit.
    pub(super) async fn upsert(
        &self,
        iceberg: &Iceberg,
        batches: &[Vec<(String, RowOperation)>],
    ) -> Result<IcebergTable, IcebergError> {
        let table = iceberg.load(&self.scope, "shop", "orders").await?;
        let (upserts, staged) = self.upserts(iceberg, &table, batches).await;
        iceberg.commit_upserts(&self.scope, table, upserts, staged, Txn::new()).await
    }

    pub(super) async fn upserts(
        &self,
        iceberg: &Iceberg,
        table: &IcebergTable,
        batches: &[Vec<(String, RowOperation)>],
    ) -> (Upserts, Vec<objects::Staged>) {
        let settings = DataSettings { files_open_max: 2, ..DataSettings::default() };
        let writer = iceberg.data_writer(table, settings).unwrap();
        let mut writer = iceberg.upsert_writer(table, writer, &["ID".to_owned()]).unwrap();
        for batch in batches {
            let records: Vec<Bytes> = batch.iter().map(|(row, _)| Bytes::from(row.clone())).collect();
            let operations: Vec<RowOperation> = batch.iter().map(|(_, operation)| *operation).collect();
            let decoder = Decoder::new(writer.schema().clone(), JsonOptions::default()).unwrap();
            writer.write(decoder.decode(&records).batch, &operations).await.unwrap();
        }
        writer.finish().await.unwrap()
    }

    /// As after a restart: nothing in memory.
    pub(super) fn restarted(&self) -> Iceberg {
        Lake::new(self.meta.clone(), self.lake.objects().clone(), self.rt.clone()).iceberg().clone()
    }

    pub(super) async fn commit(
        &self,
        table: IcebergTable,
        files: Vec<NewFile>,
        mut change: Change,
    ) -> Result<IcebergTable, IcebergError> {
        let mut staged = Vec::new();
        for NewFile { staged: one, file, spec_id } in files {
            staged.push(one);
            change.added.push(AddedFile { file, spec_id });
        }
        self.iceberg().commit(&self.scope, table, &change, staged, Txn::new()).await
    }
}

/// All rows of a snapshot (default: the current one) by iceberg's own reader, as sorted lines of text.
pub(super) async fn rows(table: &IcebergTable, snapshot: Option<i64>) -> Vec<String> {
    let mut scan = table.table.scan();
    if let Some(id) = snapshot {
        scan = scan.snapshot_id(id);
    }
    if table.metadata().snapshots().len() == 0 {
        return Vec::new();
    }
    lines(scan.build().unwrap().to_arrow().await.unwrap().try_collect().await.unwrap())
}

fn lines(batches: Vec<RecordBatch>) -> Vec<String> {
    let mut lines = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter().map(|column| array_value_to_string(column, row).unwrap());
            lines.push(cells.collect::<Vec<_>>().join("|"));
        }
    }
    lines.sort();
    lines
}
