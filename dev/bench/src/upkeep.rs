//! A day of small commits to an Iceberg table, a minute of its clock between two, with the upkeep that every table
//! gets: how many files there are, and how long a query takes, over the hours.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use bytes::Bytes;
use lake::iceberg::{AddedFile, Change, Creation, DataSettings, UpkeepSettings};
use lake::json::{Decoder, JsonOptions};
use lake::{Column, Database, Lake};
use meta::{Meta, Txn};
use names::Scope;
use objects::Objects;
use query::{Engine, QuerySettings, Session};
use rt::{Rt, Stop, Timestamp};

use crate::events::{self, COLUMNS};
use crate::report::{Report, millis, quantile};

const HOURS: usize = 24;
const COMMITS_AN_HOUR: usize = 60;
const ROWS: usize = 500;
const RECORD_BYTES: usize = 500;
/// Minutes of the table's clock between two rounds of upkeep.
const UPKEEP_EVERY: usize = 5;
const QUERIES: usize = 20;
const SHOWN: [usize; 6] = [1, 4, 8, 12, 18, 24];
const QUERY: &str = "SELECT page, count(*), sum(price) FROM day.events GROUP BY page";

pub async fn run(scratch: &Path) -> Result<()> {
    let home = tempfile::tempdir_in(scratch)?;
    let (rt, clock) = Rt::manual(Timestamp::from_millis(1_700_000_000_000), 3);
    let scope = Scope::new("000000000000".parse()?, "us-east-1".parse()?);
    let meta = Meta::open(&home.path().join("meta.sqlite"), rt.clone()).await?;
    let objects = Objects::open(&home.path().join("objects"), meta.clone(), rt.clone()).await?;
    let lake = Lake::new(meta, objects.clone(), rt.clone());
    objects.create_bucket("day", &scope).await?;
    lake.catalog().create_database(&scope, Database::new("day")).await?;
    let columns = COLUMNS.map(|(name, kind)| Column::new(name, kind));
    lake.iceberg().create(&scope, Creation::new("day", "events", "s3://day/events", &columns)?).await?;
    let engine = Engine::new(rt.clone(), lake.clone(), QuerySettings::default());
    let mut source = events::Source::new(17);

    let report = Report::new(
        "A day of a commit a minute, 500 rows each, with upkeep",
        &[
            "hour",
            "commits",
            "rows",
            "data files",
            "snapshots",
            "commit p50",
            "upkeep p50",
            "query p50",
            "query p95",
        ],
    );
    // Since the last line.
    let (mut commits, mut rounds) = (Vec::new(), Vec::new());
    for minute in 1..=HOURS * COMMITS_AN_HOUR {
        clock.advance(Duration::from_secs(60));
        commits.push(append(&lake, &scope, &mut source).await?);
        if minute.is_multiple_of(UPKEEP_EVERY) {
            let start = Instant::now();
            lake.iceberg().upkeep_round(&UpkeepSettings::default()).await;
            rounds.push(start.elapsed());
        }
        let hour = minute / COMMITS_AN_HOUR;
        if !minute.is_multiple_of(COMMITS_AN_HOUR) || !SHOWN.contains(&hour) {
            continue;
        }
        let mut took = queried(&engine, &scope, rt.now()).await?;
        let table = lake.iceberg().load(&scope, "day", "events").await?;
        let files = table.plan(None, None, None).await?.len();
        report.row(&[
            hour.to_string(),
            minute.to_string(),
            (minute * ROWS).to_string(),
            files.to_string(),
            table.snapshots().len().to_string(),
            millis(quantile(&mut commits, 0.5)),
            millis(quantile(&mut rounds, 0.5)),
            millis(quantile(&mut took, 0.5)),
            millis(quantile(&mut took, 0.95)),
        ]);
        commits.clear();
        rounds.clear();
    }
    tell(&lake, &report)?;
    report.note("The query reads every row: its time grows with them, not with the number of commits.");
    Ok(())
}

async fn queried(engine: &Engine, scope: &Scope, now: Timestamp) -> Result<Vec<Duration>> {
    let session = Session { scope: scope.clone(), catalog: None, database: None, now };
    let mut took = Vec::new();
    for _ in 0..QUERIES {
        let start = Instant::now();
        engine.run(&session, QUERY, &[], Stop::new()).await?.rows.all().await?;
        took.push(start.elapsed());
    }
    Ok(took)
}

/// What upkeep says of itself.
fn tell(lake: &Lake, report: &Report) -> Result<()> {
    for (_, _, table, status) in lake.iceberg().upkeep_status() {
        if let Some(error) = status.last_error {
            bail!("upkeep of {table} failed: {error}");
        }
        report.note(&format!(
            "Upkeep rewrote {} files into {} and expired {} snapshots.",
            status.compacted.files_before, status.compacted.files_after, status.snapshots_expired
        ));
    }
    Ok(())
}

/// Returns what the commit took, once its rows were encoded.
async fn append(lake: &Lake, scope: &Scope, source: &mut events::Source) -> Result<Duration> {
    let iceberg = lake.iceberg();
    let table = iceberg.load(scope, "day", "events").await?;
    let mut writer = iceberg.data_writer(&table, DataSettings::default())?;
    let decoder = Decoder::new(Arc::clone(writer.schema()), JsonOptions::default())?;
    let records: Vec<Bytes> = (0..ROWS).map(|_| source.event(RECORD_BYTES)).collect();
    writer.write(decoder.decode(&records).batch).await?;
    let files = writer.finish().await?;
    let (added, staged): (Vec<_>, Vec<_>) =
        files.into_iter().map(|new| (AddedFile { file: new.file, spec_id: new.spec_id }, new.staged)).unzip();
    let start = Instant::now();
    iceberg.commit(scope, table, &Change::append(added), staged, Txn::new()).await?;
    Ok(start.elapsed())
}
