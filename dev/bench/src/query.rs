//! SQL through the Athena API beside DataFusion called directly on the same Parquet file.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema};
use aws::client::{Client, Target};
use bytes::Bytes;
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use rt::Rt;
use serde_json::json;
use testkit::{Options, Server};

use crate::events::{self, COLUMNS};
use crate::report::{Report, millis, quantile};

const ROWS: usize = 3_000_000;
const BATCH: usize = 8192;
const ROUNDS: usize = 7;
const POLL: Duration = Duration::from_millis(1);
const OUTPUT: &str = "s3://bench-lake/answers/";

const QUERIES: [(&str, &str); 5] = [
    ("count", "SELECT count(*) FROM events"),
    ("filter", "SELECT count(*), sum(ms) FROM events WHERE page = '/cart' AND ms > 2500"),
    (
        "group",
        "SELECT page, count(*) AS n, avg(ms) AS mean, max(price) AS top FROM events GROUP BY page ORDER BY page",
    ),
    (
        "wide group",
        "SELECT \"user\", count(*) AS n FROM events GROUP BY \"user\" ORDER BY n DESC, \"user\" LIMIT 10",
    ),
    ("point", "SELECT id, page FROM events WHERE session = 'none' LIMIT 1"),
];

pub async fn run(bin: &Path, scratch: &Path) -> Result<()> {
    let home = tempfile::tempdir_in(scratch)?;
    let path = home.path().join("events.parquet");
    write(&path)?;
    let direct = SessionContext::new();
    let file = path.to_str().context("the scratch path is not UTF-8")?;
    direct.register_parquet("events", file, ParquetReadOptions::default()).await?;
    let server = Server::start(Options::new(bin).scratch(scratch)).await?;
    let client = server.client();
    client.create_bucket("bench-lake").await?;
    client.put_object("bench-lake", "events/events.parquet", Bytes::from(std::fs::read(&path)?)).await?;
    ask(&client, "CREATE DATABASE bench").await?;
    let columns = COLUMNS.map(|(name, kind)| format!("`{name}` {kind}")).join(", ");
    ask(&client, &format!("CREATE EXTERNAL TABLE bench.events ({columns}) STORED AS PARQUET LOCATION 's3://bench-lake/events/'")).await?;
    let report = Report::new(
        "Athena beside DataFusion, 3 million rows of Parquet",
        &[
            "query",
            "DataFusion",
            "Athena: engine",
            "engine ÷ DataFusion",
            "Athena: start to result, as a client sees it",
        ],
    );
    for (name, sql) in QUERIES {
        let (mut plain, mut engine, mut whole) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let start = Instant::now();
            direct.sql(sql).await?.collect().await?;
            plain.push(start.elapsed());
            let start = Instant::now();
            engine.push(ask(&client, sql).await?);
            whole.push(start.elapsed());
        }
        let (plain, engine) = (quantile(&mut plain, 0.5), quantile(&mut engine, 0.5));
        let ratio = engine.as_secs_f64() / plain.as_secs_f64().max(1e-6);
        report.row(&[
            name.into(),
            millis(plain),
            millis(engine),
            format!("{ratio:.2}"),
            millis(quantile(&mut whole, 0.5)),
        ]);
    }
    report.note(
        "Medians of seven. Athena's engine time is whole milliseconds and includes planning and spooling.",
    );
    server.stop().await
}

/// Runs a statement to its end; the engine's own time.
async fn ask(client: &Client, sql: &str) -> Result<Duration> {
    let rt = Rt::system();
    let request = json!({
        "QueryString": sql,
        "QueryExecutionContext": {"Database": "bench"},
        "ResultConfiguration": {"OutputLocation": OUTPUT},
    });
    let started = client.call(Target::ATHENA, "StartQueryExecution", &request).await?;
    let id = json!({"QueryExecutionId": started["QueryExecutionId"]});
    loop {
        let answer = client.call(Target::ATHENA, "GetQueryExecution", &id).await?;
        let execution = &answer["QueryExecution"];
        match execution["Status"]["State"].as_str() {
            Some("SUCCEEDED") => {
                client.call(Target::ATHENA, "GetQueryResults", &id).await?;
                let engine = execution["Statistics"]["EngineExecutionTimeInMillis"].as_u64().unwrap_or(0);
                return Ok(Duration::from_millis(engine));
            }
            Some("QUEUED" | "RUNNING") => rt.sleep(POLL).await,
            _ => bail!("{sql}: {}", execution["Status"]["StateChangeReason"].as_str().unwrap_or("failed")),
        }
    }
}

fn write(path: &Path) -> Result<()> {
    let fields: Vec<Field> = COLUMNS
        .into_iter()
        .map(|(name, kind)| Ok(Field::new(name, lake::types::parse(kind)?.to_arrow(), true)))
        .collect::<Result<_>>()?;
    let schema = Arc::new(Schema::new(fields));
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = ArrowWriter::try_new(std::fs::File::create(path)?, schema.clone(), Some(properties))?;
    let mut source = events::Source::new(5);
    let mut decoder = arrow_json::ReaderBuilder::new(schema).with_batch_size(BATCH).build_decoder()?;
    for _ in 0..ROWS / BATCH {
        for _ in 0..BATCH {
            decoder.decode(&source.event(300))?;
        }
        let batch: RecordBatch = decoder.flush()?.context("no rows were decoded")?;
        writer.write(&batch)?;
    }
    writer.close()?;
    Ok(())
}
