//! A backlog of JSON records delivered to Snappy Parquet, beside arrow-json and parquet called directly.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use arrow::datatypes::{Schema, SchemaRef};
use arrow_json::ReaderBuilder;
use bytes::Bytes;
use flow::{
    Buffer, Encode, Flow, FlowId, FlowSettings, FlowSpec, IcebergEncode, IcebergTarget, ParquetEncode, Sink,
    Source, Start, TableVersion,
};
use lake::iceberg::Creation;
use lake::{Column, Database, Lake, Storage, Table};
use log::{Batch, Log, LogSettings, NewRecord, TopicId};
use meta::Meta;
use names::Scope;
use objects::Objects;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use rt::Rt;

use crate::events::{self, COLUMNS};
use crate::report::{Report, mb_per_second};

pub const RECORD_BYTES: usize = 500;
const RECORDS: usize = 2_000_000;
const PARTITIONS: u32 = 4;
const APPEND: usize = 2_000;
/// Rows of one Arrow batch, the direct call's too.
const ROWS: usize = 8192;
const OBJECT_BYTES: u64 = 128 << 20;
const RETENTION: Duration = Duration::from_secs(86_400);

pub async fn run(scratch: &Path) -> Result<()> {
    let home = tempfile::tempdir_in(scratch)?;
    let mut source = events::Source::new(11);
    let records: Arc<Vec<Bytes>> = Arc::new((0..RECORDS).map(|_| source.event(RECORD_BYTES)).collect());
    let bytes = (RECORDS * RECORD_BYTES) as u64;
    let report = Report::new(
        "JSON to Snappy Parquet, 500-byte records",
        &["what", "MB/s of JSON", "of the direct call on as many threads"],
    );
    let mut direct_rates = Vec::new();
    for threads in [1, 2] {
        let rate = mb_per_second(bytes, direct(home.path(), &records, threads)?);
        report.row(&[
            format!("arrow-json + parquet called directly, {threads} thread(s)"),
            format!("{rate:.0}"),
            "1.00".into(),
        ]);
        direct_rates.push(rate);
    }
    for (what, iceberg) in [("Parquet on S3", false), ("an Iceberg table", true)] {
        let place = home.path().join(if iceberg { "iceberg" } else { "parquet" });
        std::fs::create_dir(&place)?;
        let rate = mb_per_second(bytes, delivered(&place, &records, iceberg).await?);
        report.row(&[
            format!("Mulgil: log → delivery → {what}, both cores"),
            format!("{rate:.0}"),
            format!("{:.2}", rate / direct_rates[1]),
        ]);
    }
    report.note("Mulgil's figure includes reading the log, checking each record, fsync of every object and the commit.");
    Ok(())
}

/// Decode and encode, nothing else: what the libraries can do.
fn direct(dir: &Path, records: &Arc<Vec<Bytes>>, threads: usize) -> Result<Duration> {
    let schema = schema()?;
    let start = Instant::now();
    let each = records.len().div_ceil(threads);
    std::thread::scope(|scope| {
        let work = |n: usize| {
            let (schema, chunk) = (schema.clone(), &records[n * each..records.len().min((n + 1) * each)]);
            scope.spawn(move || encode(dir, n, &schema, chunk))
        };
        let running: Vec<_> = (0..threads).map(work).collect();
        running
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?)
    })?;
    Ok(start.elapsed())
}

fn encode(dir: &Path, n: usize, schema: &SchemaRef, records: &[Bytes]) -> Result<()> {
    let file = std::fs::File::create(dir.join(format!("direct-{n}.parquet")))?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = ArrowWriter::try_new(file.try_clone()?, schema.clone(), Some(properties))?;
    let mut decoder = ReaderBuilder::new(schema.clone()).with_batch_size(ROWS).build_decoder()?;
    for rows in records.chunks(ROWS) {
        for record in rows {
            decoder.decode(record)?;
        }
        let batch = decoder.flush()?.context("no rows were decoded")?;
        writer.write(&batch)?;
    }
    writer.close()?;
    Ok(file.sync_all()?)
}

/// Fills a log with these records, and drains it into a Parquet or an Iceberg table; the time of the latter.
pub async fn delivered(dir: &Path, records: &Arc<Vec<Bytes>>, iceberg: bool) -> Result<Duration> {
    let rt = Rt::system();
    let scope = Scope::new("000000000000".parse()?, "us-east-1".parse()?);
    let meta = Meta::open(&dir.join("meta.sqlite"), rt.clone()).await?;
    let objects = Objects::open(&dir.join("objects"), meta.clone(), rt.clone()).await?;
    let log = Log::open(&dir.join("log"), meta.clone(), rt.clone(), LogSettings::default()).await?;
    let lake = Lake::new(meta.clone(), objects.clone(), rt.clone());
    let topic = TopicId { scope: scope.clone(), space: "stream".into(), name: "bench".into() };
    log.create_topic(&topic, PARTITIONS, RETENTION).await?;
    objects.create_bucket("bench-lake", &scope).await?;
    table(&lake, &scope, iceberg).await?;
    fill(&log, &topic, records).await?;
    let flow = Flow::new(rt.clone(), meta, log, objects, lake, FlowSettings::default());
    let id = FlowId::new(scope.clone(), "bench");
    let start = rt.instant();
    flow.create(&id, &spec(topic, scope, iceberg)).await?;
    loop {
        let status = flow.status(&id).await?;
        if status.ledger.delivered_records == records.len() as u64 {
            break;
        }
        ensure!(
            status.ledger.rejected_records == 0,
            "{} records were rejected",
            status.ledger.rejected_records
        );
        rt.sleep(Duration::from_millis(20)).await;
    }
    let took = rt.instant().duration_since(start);
    rt.shutdown(Duration::from_secs(20)).await;
    Ok(took)
}

async fn fill(log: &Log, topic: &TopicId, records: &[Bytes]) -> Result<()> {
    for (n, chunk) in records.chunks(APPEND).enumerate() {
        let records = chunk.iter().map(|data| NewRecord { key: Bytes::new(), data: data.clone() }).collect();
        let partition = u32::try_from(n)? % PARTITIONS;
        log.append(topic, vec![Batch { partition, records }]).await?;
    }
    Ok(())
}

async fn table(lake: &Lake, scope: &Scope, iceberg: bool) -> Result<()> {
    lake.catalog().create_database(scope, Database::new("bench")).await?;
    let storage = Storage { location: Some("s3://bench-lake/events/".into()), ..Storage::default() };
    let columns = COLUMNS.map(|(name, kind)| Column::new(name, kind)).to_vec();
    if iceberg {
        let creation = Creation::new("bench", "events", "s3://bench-lake/events", &columns)?;
        lake.iceberg().create(scope, creation).await?;
        return Ok(());
    }
    let table = Table { columns, storage, ..Table::new("bench", "events") };
    lake.catalog().create_table(scope, table).await?;
    Ok(())
}

fn encode_as(scope: Scope, iceberg: bool) -> Encode {
    if iceberg {
        let target = IcebergTarget {
            database: "bench".into(),
            table: "events".into(),
            unique_keys: Vec::new(),
            partition_by: Vec::new(),
        };
        return Encode::Iceberg(Box::new(IcebergEncode {
            scope,
            tables: vec![target],
            append_only: true,
            evolve: false,
            warehouse: None,
            routed: false,
            json: lake::json::JsonOptions::default(),
            parquet: lake::parquet::ParquetSettings::default(),
        }));
    }
    Encode::Parquet(Box::new(ParquetEncode {
        scope,
        database: "bench".into(),
        table: "events".into(),
        version: TableVersion::Latest,
        json: lake::json::JsonOptions::default(),
        parquet: lake::parquet::ParquetSettings::default(),
        orc: None,
    }))
}

fn spec(topic: TopicId, scope: Scope, iceberg: bool) -> FlowSpec {
    FlowSpec {
        source: Source { topic, start: Start::Oldest, trim: false, aggregates: false },
        buffer: Buffer { bytes: OBJECT_BYTES, interval: Duration::ZERO },
        encode: encode_as(scope, iceberg),
        sink: Sink {
            bucket: "bench-lake".into(),
            prefix: "events/".into(),
            error_prefix: "errors/".into(),
            name: "bench".into(),
            suffix: ".parquet".into(),
            time_zone: String::new(),
            content_type: None,
            errors: flow::ErrorShape::default(),
        },
        register_partitions: false,
        operators: Vec::new(),
        partitioning: None,
        backup: None,
        live: false,
    }
}

/// The schema that the table of the same columns has in the lake.
fn schema() -> Result<SchemaRef> {
    let field = |(name, kind): (&str, &str)| -> Result<_> {
        Ok(arrow::datatypes::Field::new(name, lake::types::parse(kind)?.to_arrow(), true))
    };
    Ok(Arc::new(Schema::new(COLUMNS.into_iter().map(field).collect::<Result<Vec<_>>>()?)))
}
