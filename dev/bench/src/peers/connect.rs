//! Apache Kafka Connect's Iceberg sink, draining a topic into a table of Mulgil's own catalog and buckets, beside a
//! delivery that drains Mulgil's log into one.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aws::client::{Client, Target};
use bytes::Bytes;
use rt::Rt;
use serde_json::{Value, json};
use testkit::{Options, Server};
use tokio::process::Command;

use super::process::{Process, free_port};
use super::{install, kafka};
use crate::delivery::{self, RECORD_BYTES};
use crate::events::{self, COLUMNS};
use crate::freshness::count;
use crate::report::{Report, mb_per_second};

const RECORDS: usize = 1_000_000;
/// Records that Kafka's producer picks its own from, one after the other at random.
const PAYLOADS: usize = 50_000;
/// Installing, filling and draining all together.
const TIME_MAX: Duration = Duration::from_secs(420);
const POLL: Duration = Duration::from_secs(1);
/// Often enough to see a rate; five minutes as shipped.
const COMMIT_INTERVAL_MS: u32 = 5_000;
const TASKS: u32 = 2;
const JVM: [&str; 3] = ["-Xms256m", "-Xmx2g", "-XX:+UseG1GC"];
const OUTPUT: &str = "s3://bench-lake/answers/";

struct Drained {
    mb_per_second: f64,
    memory_mb: u64,
}

pub async fn run(bin: &Path, scratch: &Path) -> Result<()> {
    let mut source = events::Source::new(11);
    let records: Arc<Vec<Bytes>> = Arc::new((0..RECORDS).map(|_| source.event(RECORD_BYTES)).collect());
    let report = Report::new(
        "Draining a million 500-byte JSON records into an Iceberg table",
        &["what", "MB/s of JSON", "of Mulgil", "resident"],
    );
    let home = tempfile::tempdir_in(scratch)?;
    let time = delivery::delivered(home.path(), &records, true).await?;
    let mulgil = mb_per_second((RECORDS * RECORD_BYTES) as u64, time);
    report.row(&["Mulgil: log → delivery".into(), format!("{mulgil:.1}"), "1.00".into(), String::new()]);
    let name = "Kafka Connect 4.1.1, Iceberg sink 1.11.0";
    match Rt::system().timeout(TIME_MAX, drain(bin, scratch, &records)).await {
        Some(Ok(Drained { mb_per_second, memory_mb })) => report.row(&[
            format!("{name}, {TASKS} tasks"),
            format!("{mb_per_second:.1}"),
            format!("{:.2}", mb_per_second / mulgil.max(f64::MIN_POSITIVE)),
            format!("{memory_mb} MB"),
        ]),
        Some(Err(error)) => report.row(&[format!("{name} LEFT OUT: {error:#}")]),
        None => report.row(&[format!("{name} LEFT OUT: gave up after {TIME_MAX:?}")]),
    }
    report.note(
        "Both write to Mulgil's catalog and objects on the same two cores. Mulgil's delivery reads its own log in this \
         process and counts from its creation to its last commit. The sink reads a Kafka broker beside it and counts \
         from its first commit to its last but one, so that neither the start of its machine nor the wait for its last \
         commit counts; it commits every five seconds, and what it commits with (S3 and Glue over HTTP) is Mulgil.",
    );
    Ok(())
}

async fn drain(bin: &Path, scratch: &Path, records: &[Bytes]) -> Result<Drained> {
    let jars = install::connect().await?;
    let server = Server::start(Options::new(bin).scratch(scratch)).await?;
    let client = server.client();
    table(&client).await?;
    let home = tempfile::tempdir_in(scratch)?;
    let port = free_port()?;
    let broker = kafka::broker(&jars, home.path(), port, "").await?;
    fill(&jars, home.path(), port, records).await?;
    let sink = start(&jars, home.path(), port, &server).await?;
    let rt = Rt::system();
    while count(&rt, &client, "SELECT count(*) FROM bench.events", OUTPUT).await? < RECORDS as u64 {
        rt.sleep(POLL).await;
    }
    let memory_mb = sink.memory_mb()?;
    sink.stop().await?;
    broker.stop().await?;
    let (records, time) = drained(&metadata(&client).await?)?;
    server.stop().await?;
    Ok(Drained { mb_per_second: mb_per_second(records * RECORD_BYTES as u64, time), memory_mb })
}

async fn table(client: &Client) -> Result<()> {
    client.create_bucket("bench-lake").await?;
    client.call(Target::GLUE, "CreateDatabase", &json!({"DatabaseInput": {"Name": "bench"}})).await?;
    let columns = COLUMNS.map(|(name, kind)| format!("`{name}` {kind}")).join(", ");
    let create = format!(
        "CREATE TABLE bench.events ({columns}) LOCATION 's3://bench-lake/events/' \
         TBLPROPERTIES ('table_type' = 'ICEBERG')"
    );
    let request = json!({"QueryString": create, "ResultConfiguration": {"OutputLocation": OUTPUT}});
    client.call(Target::ATHENA, "StartQueryExecution", &request).await?;
    let rt = Rt::system();
    while metadata(client).await.is_err() {
        rt.sleep(POLL).await;
    }
    Ok(())
}

/// The backlog, and the topic that the sink's tasks talk to each other through.
async fn fill(jars: &str, home: &Path, port: u16, records: &[Bytes]) -> Result<()> {
    let payloads = home.join("payloads");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&payloads)?);
    for record in records.iter().take(PAYLOADS) {
        file.write_all(record)?;
        file.write_all(b"\n")?;
    }
    file.flush()?;
    let servers = format!("127.0.0.1:{port}");
    let create =
        ["--bootstrap-server", &servers, "--create", "--topic", "control-iceberg", "--partitions", "1"];
    kafka::tool(jars, "org.apache.kafka.tools.TopicCommand", &create).await?;
    let (count, bootstrap) = (RECORDS.to_string(), format!("bootstrap.servers={servers}"));
    let payloads = payloads.to_str().context("the path of the payloads is not text")?;
    let produce = [
        "--topic",
        "events",
        "--num-records",
        &count,
        "--payload-file",
        payloads,
        "--throughput",
        "-1",
        "--producer-props",
        "batch.size=250000",
        &bootstrap,
    ];
    kafka::tool(jars, "org.apache.kafka.tools.ProducerPerformance", &produce).await?;
    Ok(())
}

async fn start(jars: &str, home: &Path, broker: u16, server: &Server) -> Result<Process> {
    let port = free_port()?;
    let (worker, sink) = (home.join("worker.properties"), home.join("sink.properties"));
    std::fs::write(&worker, worker_properties(home, broker, port))?;
    std::fs::write(&sink, sink_properties(server))?;
    let mut command = Command::new("java");
    command.args(JVM).args(["-cp", jars, "org.apache.kafka.connect.cli.ConnectStandalone"]);
    command.arg(worker).arg(sink).envs(server.environment());
    Process::start(command, port, &home.join("connect.log")).await
}

fn worker_properties(home: &Path, broker: u16, port: u16) -> String {
    format!(
        "bootstrap.servers=127.0.0.1:{broker}\n\
         key.converter=org.apache.kafka.connect.storage.StringConverter\n\
         value.converter=org.apache.kafka.connect.json.JsonConverter\n\
         value.converter.schemas.enable=false\n\
         offset.storage.file.filename={}\n\
         listeners=http://127.0.0.1:{port}\n\
         plugin.discovery=service_load\n\
         consumer.auto.offset.reset=earliest\n\
         consumer.max.poll.records=5000\n\
         consumer.max.partition.fetch.bytes=10485760\n",
        home.join("offsets").display()
    )
}

fn sink_properties(server: &Server) -> String {
    let [(_, key), (_, secret), (_, region)] = server.environment();
    let endpoint = server.endpoint();
    let mut text = format!(
        "name=iceberg\n\
         connector.class=org.apache.iceberg.connect.IcebergSinkConnector\n\
         tasks.max={TASKS}\n\
         topics=events\n\
         iceberg.tables=bench.events\n\
         iceberg.control.commit.interval-ms={COMMIT_INTERVAL_MS}\n"
    );
    for (name, value) in [
        ("catalog-impl", "org.apache.iceberg.aws.glue.GlueCatalog"),
        ("warehouse", "s3://bench-lake/warehouse"),
        ("io-impl", "org.apache.iceberg.aws.s3.S3FileIO"),
        ("client.region", region),
        ("glue.endpoint", endpoint),
        ("s3.endpoint", endpoint),
        ("s3.path-style-access", "true"),
        ("s3.access-key-id", key),
        ("s3.secret-access-key", secret),
    ] {
        writeln!(text, "iceberg.catalog.{name}={value}").expect("text takes text");
    }
    text
}

/// The table's metadata as its file says it.
async fn metadata(client: &Client) -> Result<Value> {
    let request = json!({"DatabaseName": "bench", "Name": "events"});
    let table = client.call(Target::GLUE, "GetTable", &request).await?;
    let location =
        table["Table"]["Parameters"]["metadata_location"].as_str().context("no metadata location")?;
    let key = location.strip_prefix("s3://bench-lake/").context("the metadata lies elsewhere")?;
    Ok(serde_json::from_slice(&client.get_object("bench-lake", key).await?)?)
}

/// Records that came after the first commit and not with the last, and how long they took.
fn drained(metadata: &Value) -> Result<(u64, Duration)> {
    let snapshots = metadata["snapshots"].as_array().context("the table has no snapshots")?;
    let seen = |snapshot: &Value| -> Option<(u64, u64)> {
        let records = snapshot["summary"]["total-records"].as_str()?.parse().ok()?;
        Some((snapshot["timestamp-ms"].as_u64()?, records))
    };
    let commits: Vec<(u64, u64)> = snapshots.iter().filter_map(seen).collect();
    ensure!(commits.len() >= 3, "{} commits are too few to see a rate", commits.len());
    let ((start, before), (end, after)) = (commits[0], commits[commits.len() - 2]);
    Ok((after.saturating_sub(before), Duration::from_millis(end.saturating_sub(start))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_before_the_first_commit_and_with_the_last_is_left_out() {
        let snapshot = |at: u32, rows: &str| json!({"timestamp-ms": at, "summary": {"total-records": rows}});
        let commits =
            [snapshot(1_000, "50"), snapshot(2_000, "150"), snapshot(3_000, "350"), snapshot(9_000, "360")];
        assert_eq!(drained(&json!({"snapshots": commits})).unwrap(), (300, Duration::from_secs(2)));
        assert!(drained(&json!({"snapshots": commits[..2]})).is_err());
    }
}
