//! The key index of an Iceberg table that is upserted into: what a restart costs, and what it holds of memory.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use lake::iceberg::{Creation, DataSettings, RowOperation};
use lake::{Column, Database, Lake};
use meta::{Meta, Txn};
use names::Scope;
use objects::Objects;
use rt::Rt;

use crate::report::{Report, millis};
use crate::start::resident_kib;

const SIZES: [i64; 2] = [1_000_000, 10_000_000];
const ROWS_A_COMMIT: i64 = 1_000_000;
const ROWS_A_BATCH: i64 = 8_192;

/// Rows of consecutive keys, spread so that neighbours are not beside each other.
struct Keys {
    from: i64,
    to: i64,
}

pub async fn run(scratch: &Path) -> Result<()> {
    let report = Report::new(
        "Keys of a table that is upserted into",
        &["keys", "first commit after a restart", "the next one", "resident before", "resident after"],
    );
    for keys in SIZES {
        let home = tempfile::tempdir_in(scratch)?;
        let rt = Rt::system();
        let scope = Scope::new("000000000000".parse()?, "us-east-1".parse()?);
        let meta = Meta::open(&home.path().join("meta.sqlite"), rt.clone()).await?;
        let objects = Objects::open(&home.path().join("objects"), meta.clone(), rt.clone()).await?;
        let lake = Lake::new(meta.clone(), objects.clone(), rt.clone());
        objects.create_bucket("keys", &scope).await?;
        lake.catalog().create_database(&scope, Database::new("db")).await?;
        let columns = [Column::new("id", "bigint"), Column::new("n", "bigint")];
        lake.iceberg().create(&scope, Creation::new("db", "rows", "s3://keys/rows", &columns)?).await?;
        for from in (0..keys).step_by(usize::try_from(ROWS_A_COMMIT)?) {
            upsert(&lake, &scope, Keys { from, to: (from + ROWS_A_COMMIT).min(keys) }).await?;
        }
        drop(lake);
        let before = resident_kib(std::process::id())?;
        let restarted = Lake::new(meta, objects, rt);
        let start = Instant::now();
        upsert(&restarted, &scope, Keys { from: 7, to: 8 }).await?;
        let first = start.elapsed();
        let start = Instant::now();
        upsert(&restarted, &scope, Keys { from: 8, to: 9 }).await?;
        let next = start.elapsed();
        let after = resident_kib(std::process::id())?;
        let mib = |kib: u64| format!("{} MiB", kib / 1_024);
        report.row(&[keys.to_string(), millis(first), millis(next), mib(before), mib(after)]);
    }
    report.note("The first commit after a restart reads the key columns of all data files.");
    Ok(())
}

async fn upsert(lake: &Lake, scope: &Scope, keys: Keys) -> Result<()> {
    let iceberg = lake.iceberg();
    let table = iceberg.load(scope, "db", "rows").await?;
    let writer = iceberg.data_writer(&table, DataSettings::default())?;
    let mut writer = iceberg.upsert_writer(&table, writer, &["id".to_owned()])?;
    for from in (keys.from..keys.to).step_by(usize::try_from(ROWS_A_BATCH)?) {
        let ids = from..(from + ROWS_A_BATCH).min(keys.to);
        let spread = |id: i64| id.wrapping_mul(0x2545_f491_4f6c_dd1d);
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(ids.map(spread)));
        let rows = RecordBatch::try_new(Arc::clone(writer.schema()), vec![Arc::clone(&ids), ids])?;
        let operations = vec![RowOperation::Upsert; rows.num_rows()];
        writer.write(rows, &operations).await?;
    }
    let (upserts, staged) = writer.finish().await?;
    iceberg.commit_upserts(scope, table, upserts, staged, Txn::new()).await?;
    Ok(())
}
