//! Durable `PutRecords` of 500-byte records over HTTP, beside a plain append + fdatasync loop.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use aws::client::{Client, Prepared, Target};
use bytes::Bytes;
use rt::Rt;
use serde_json::json;
use testkit::{Options, Server};

use crate::events::Source;
use crate::report::{Report, mb_per_second, millis, quantile};
use crate::stream;

pub const RECORD_BYTES: usize = 500;
pub const BATCH: usize = 500;
pub const SHARDS: u32 = 8;
/// Half of 305 MB/s in batches of 250 kB, a second.
pub const HALF_LOAD_BATCHES: u32 = 610;
const CLIENTS: [usize; 3] = [1, 8, 64];
/// Distinct bodies, so that no cache holds all of them.
const BODIES: usize = 32;
/// What the plain loop writes between two syncs: one batch, and what eight clients have under way.
const PLAIN_BYTES: [usize; 2] = [RECORD_BYTES * BATCH, RECORD_BYTES * BATCH * 8];

pub async fn run(bin: &Path, scratch: &Path, seconds: u64) -> Result<()> {
    let time = Duration::from_secs(seconds);
    let report = Report::new(
        "Durable PutRecords, 500 records of 500 bytes each",
        &["what", "MB/s of payload", "of the plain loop", "p50", "p99"],
    );
    let mut plain_best = 0.0_f64;
    for bytes in PLAIN_BYTES {
        let rate = plain(scratch, bytes, time)?;
        plain_best = plain_best.max(rate);
        let name = format!("plain loop: append {} kB + fdatasync", bytes / 1000);
        report.row(&[name, format!("{rate:.0}"), "1.00".into(), "-".into(), "-".into()]);
    }
    for clients in CLIENTS {
        let server = Server::start(Options::new(bin).scratch(scratch)).await?;
        let client = server.client();
        stream::create(&client, stream::NAME, SHARDS).await?;
        let bodies = Arc::new(bodies(&client)?);
        let (bytes, took, mut waits) = load(&client, &bodies, clients, time).await?;
        let rate = mb_per_second(bytes, took);
        report.row(&[
            format!("Mulgil over HTTP, {clients} clients"),
            format!("{rate:.0}"),
            format!("{:.2}", rate / plain_best),
            millis(quantile(&mut waits, 0.5)),
            millis(quantile(&mut waits, 0.99)),
        ]);
        server.stop().await?;
    }
    report.note("Every record was acknowledged after fdatasync. The load generator runs on the same cores.");
    half_load(bin, scratch, time).await
}

/// Batches that come when they are due, at half of one tebibyte an hour, whether or not those before are answered.
async fn half_load(bin: &Path, scratch: &Path, time: Duration) -> Result<()> {
    let server = Server::start(Options::new(bin).scratch(scratch)).await?;
    let client = server.client();
    stream::create(&client, stream::NAME, SHARDS).await?;
    let bodies = Arc::new(bodies(&client)?);
    let (mut waits, refused) = stream::paced(&client, &bodies, HALF_LOAD_BATCHES, time).await?;
    let report = Report::new(
        "Acknowledgement at half load: 152 MB/s offered, open loop",
        &["what", "measured", "target"],
    );
    report.row(&["p50".into(), millis(quantile(&mut waits, 0.5)), "-".into()]);
    report.row(&["p99".into(), millis(quantile(&mut waits, 0.99)), "20 ms".into()]);
    report.row(&["longest".into(), millis(quantile(&mut waits, 1.0)), "-".into()]);
    report.row(&["batches refused".into(), refused.to_string(), "0".into()]);
    report.note("From the moment a batch was due, not from when it could be sent.");
    server.stop().await
}

/// The least a durable log can do: write, sync, again.
fn plain(scratch: &Path, bytes: usize, time: Duration) -> Result<f64> {
    let path = scratch.join("plain-append");
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).open(&path)?;
    let mut source = Source::new(7);
    let block: Vec<u8> =
        std::iter::repeat_with(|| source.event(RECORD_BYTES)).take(bytes / RECORD_BYTES).flatten().collect();
    let start = Instant::now();
    let mut written = 0;
    while start.elapsed() < time {
        file.write_all(&block)?;
        file.sync_data()?;
        written += block.len() as u64;
    }
    let rate = mb_per_second(written, start.elapsed());
    std::fs::remove_file(&path)?;
    Ok(rate)
}

pub fn bodies(client: &Client) -> Result<Vec<Prepared>> {
    let mut source = Source::new(42);
    let mut body = || -> Result<Prepared> {
        let records: Vec<_> = (0..BATCH)
            .map(|n| {
                let data = base64_simd::STANDARD.encode_to_string(source.event(RECORD_BYTES));
                json!({"Data": data, "PartitionKey": format!("key-{n}")})
            })
            .collect();
        let text = json!({"StreamName": "bench", "Records": records}).to_string();
        Ok(client.prepare(Target::KINESIS, "PutRecords", Bytes::from(text))?)
    };
    (0..BODIES).map(|_| body()).collect()
}

/// Sends bodies from `clients` tasks for `time`; the payload bytes acknowledged and every wait.
pub async fn load(
    client: &Client,
    bodies: &Arc<Vec<Prepared>>,
    clients: usize,
    time: Duration,
) -> Result<(u64, Duration, Vec<Duration>)> {
    let rt = Rt::system();
    let batches = Arc::new(AtomicU64::new(0));
    let start = rt.instant();
    let mut tasks = Vec::new();
    for n in 0..clients {
        let (client, bodies, batches, rt_) = (client.clone(), bodies.clone(), batches.clone(), rt.clone());
        tasks.push(rt.spawn("load", async move {
            let mut waits = Vec::new();
            let mut next = n;
            while rt_.instant().duration_since(start) < time {
                let sent = rt_.instant();
                let answer = client.send_prepared(&bodies[next % BODIES]).await?.checked()?;
                waits.push(rt_.instant().duration_since(sent));
                let text = std::str::from_utf8(&answer.body).context("the answer is not text")?;
                ensure!(text.contains("\"FailedRecordCount\":0"), "records were refused: {text:.200}");
                batches.fetch_add(1, Ordering::Relaxed);
                next += 1;
            }
            anyhow::Ok(waits)
        }));
    }
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await??);
    }
    let took = rt.instant().duration_since(start);
    Ok((batches.load(Ordering::Relaxed) * (BATCH * RECORD_BYTES) as u64, took, waits))
}
