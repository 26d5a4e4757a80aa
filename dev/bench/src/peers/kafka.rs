//! Apache Kafka, one node, driven by its own producer benchmark.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use super::process::{Process, free_port};
use super::{Measured, install};

const RECORD_BYTES: u32 = 500;
const PARTITIONS: u32 = 8;
/// As much as one `PutRecords` carries.
const BATCH_BYTES: u32 = 250_000;
/// Sent first: the broker's compiler is warm then, and the speed is known.
const WARM_UP_RECORDS: u64 = 100_000;
/// The producer is a new process in each run, whose compiler needs seconds of its own.
const TIME_MIN: Duration = Duration::from_secs(10);
/// What the start script of a Kafka distribution gives broker and tools.
const BROKER_JVM: [&str; 6] = [
    "-Xms1g",
    "-Xmx1g",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
];
const TOOL_JVM: &str = "-Xmx512m";

pub async fn as_shipped(scratch: &Path, time: Duration) -> Result<Measured> {
    let measured = measure(scratch, time, "").await?;
    Ok(Measured { durable: "when the system writes back", ..measured })
}

pub async fn flushing(scratch: &Path, time: Duration) -> Result<Measured> {
    let measured = measure(scratch, time, "log.flush.interval.messages=1").await?;
    Ok(Measured { durable: "before the acknowledgement", ..measured })
}

async fn measure(scratch: &Path, time: Duration, more: &str) -> Result<Measured> {
    let jars = install::kafka().await?;
    let home = tempfile::tempdir_in(scratch)?;
    let port = free_port()?;
    let broker = broker(&jars, home.path(), port, more).await?;
    let warm = produce(&jars, port, WARM_UP_RECORDS).await?;
    // A cold producer's speed is too low to aim by; half the time makes it a good one.
    let sized = produce(&jars, port, records_for(warm.per_second, time.max(TIME_MIN) / 2)).await?;
    let measured = produce(&jars, port, records_for(sized.per_second, time.max(TIME_MIN))).await?;
    let memory_mb = broker.memory_mb()?;
    broker.stop().await?;
    Ok(Measured {
        mb_per_second: measured.per_second * f64::from(RECORD_BYTES) / 1e6,
        p50: measured.p50,
        p99: measured.p99,
        memory_mb,
        durable: "",
    })
}

/// A broker with an empty log below `home`.
pub async fn broker(jars: &str, home: &Path, port: u16, more: &str) -> Result<Process> {
    let settings = home.join("server.properties");
    std::fs::write(&settings, properties(home, port, free_port()?, more))?;
    format_storage(jars, &settings).await?;
    let mut broker = Command::new("java");
    broker.args(BROKER_JVM).args(["-cp", jars, "kafka.Kafka"]).arg(&settings);
    Process::start(broker, port, &home.join("log")).await
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count to aim at")]
fn records_for(per_second: f64, time: Duration) -> u64 {
    ((per_second * time.as_secs_f64()) as u64).max(WARM_UP_RECORDS)
}

fn properties(home: &Path, port: u16, controller: u16, more: &str) -> String {
    let data = home.join("data");
    format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.bootstrap.servers=127.0.0.1:{controller}\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
         controller.listener.names=CONTROLLER\n\
         inter.broker.listener.name=PLAINTEXT\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
         log.dirs={}\n\
         num.partitions={PARTITIONS}\n\
         offsets.topic.replication.factor=1\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n\
         share.coordinator.state.topic.replication.factor=1\n\
         share.coordinator.state.topic.min.isr=1\n\
         group.initial.rebalance.delay.ms=0\n\
         {more}\n",
        data.display()
    )
}

async fn format_storage(jars: &str, settings: &Path) -> Result<()> {
    let id = tool(jars, "kafka.tools.StorageTool", &["random-uuid"]).await?;
    let settings = settings.to_str().context("the path of the settings is not text")?;
    tool(jars, "kafka.tools.StorageTool", &["format", "--standalone", "-t", id.trim(), "-c", settings])
        .await?;
    Ok(())
}

struct Produced {
    per_second: f64,
    p50: String,
    p99: String,
}

async fn produce(jars: &str, port: u16, records: u64) -> Result<Produced> {
    let said = tool(
        jars,
        "org.apache.kafka.tools.ProducerPerformance",
        &[
            "--topic",
            "bench",
            "--num-records",
            &records.to_string(),
            "--record-size",
            &RECORD_BYTES.to_string(),
            "--throughput",
            "-1",
            "--producer-props",
            "acks=all",
            &format!("batch.size={BATCH_BYTES}"),
            &format!("bootstrap.servers=127.0.0.1:{port}"),
        ],
    )
    .await?;
    summary(&said).with_context(|| format!("the producer's summary is not understood: {said:.300}"))
}

/// Every five seconds and at the end it says: `N records sent, R records/sec (M MB/sec), …`; at the end also
/// `… , A ms 50th, … , B ms 99th, …`. The rate is the best of them, so that its start does not count.
fn summary(said: &str) -> Option<Produced> {
    let line = said.lines().rev().find(|line| line.contains("99th"))?;
    let field = |ending: &str| line.split(", ").find_map(|field| field.trim().strip_suffix(ending));
    Some(Produced {
        per_second: said.lines().filter_map(rate).max_by(f64::total_cmp)?,
        p50: format!("{} ms", field(" ms 50th")?),
        p99: format!("{} ms", field(" ms 99th")?),
    })
}

fn rate(line: &str) -> Option<f64> {
    let field = line.split(", ").find(|field| field.contains("records/sec ("))?;
    field.split_whitespace().next()?.parse().ok()
}

pub async fn tool(jars: &str, class: &str, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("java");
    command.args([TOOL_JVM, "-cp", jars, class]).args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let done = command.output().await.context("java cannot be started")?;
    let (output, errors) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    ensure!(done.status.success(), "{class} failed: {}", errors.lines().last().unwrap_or_default());
    Ok(output.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_producers_rate_is_its_best_and_its_waits_are_of_its_last_line() {
        let said = "1 records sent, 0.2 records/sec (0.00 MB/sec), 9.0 ms avg latency, 9.0 ms max latency.\n\
            9 records sent, 60000.5 records/sec (28.00 MB/sec), 9.0 ms avg latency, 9.0 ms max latency.\n\
            200000 records sent, 51234.5 records/sec (24.43 MB/sec), 5.30 ms avg latency, 300.00 ms max latency, \
            2 ms 50th, 20 ms 95th, 50 ms 99th, 60 ms 99.9th.\n";
        let seen = summary(said).unwrap();
        assert_eq!((seen.per_second, seen.p50.as_str(), seen.p99.as_str()), (60000.5, "2 ms", "50 ms"));
        assert!(summary("nothing of the kind").is_none());
    }
}
