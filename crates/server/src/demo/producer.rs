//! Plays events into the stream with signed `PutRecords`, several requests at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use aws::client::Target;
use bytes::Bytes;
use indicatif::{ProgressBar, ProgressStyle};
use rt::Rt;
use serde_json::{Value, json};

use super::pipeline::STREAM;
use crate::commands::Remote;

/// What one PutRecords takes.
const BATCH: usize = 500;
const PRODUCERS: usize = 4;
const RETRIES: usize = 20;
const RETRY_FIRST: Duration = Duration::from_millis(20);
const RETRY_MAX: Duration = Duration::from_secs(2);

/// Puts all events and returns when the last one was acknowledged.
///
/// # Errors
/// When a record is still refused after the retries, or a request fails for good.
pub async fn play(remote: &Remote, rt: &Rt, events: Arc<Vec<Bytes>>) -> Result<Instant> {
    let bar = progress(events.len());
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::new();
    for _ in 0..PRODUCERS {
        let (remote, rt_, events) = (remote.clone(), rt.clone(), events.clone());
        let (next, bar) = (next.clone(), bar.clone());
        tasks.push(
            rt.spawn("demo.producer", async move { produce(&remote, &rt_, &events, &next, &bar).await }),
        );
    }
    for task in tasks {
        task.await??;
    }
    let last = rt.instant();
    bar.finish();
    Ok(last)
}

async fn produce(
    remote: &Remote,
    rt: &Rt,
    events: &[Bytes],
    next: &AtomicUsize,
    bar: &Progress,
) -> Result<()> {
    loop {
        let start = next.fetch_add(BATCH, Ordering::Relaxed);
        if start >= events.len() {
            return Ok(());
        }
        let batch = &events[start..events.len().min(start + BATCH)];
        put(remote, rt, batch).await?;
        bar.add(batch.len(), batch.iter().map(Bytes::len).sum());
    }
}

/// One batch, with the records that were refused put again as every producer must.
async fn put(remote: &Remote, rt: &Rt, batch: &[Bytes]) -> Result<()> {
    let mut records: Vec<Value> = batch.iter().map(record).collect();
    let mut backoff = rt::Backoff::new(RETRY_FIRST, RETRY_MAX, rt.clone());
    for _ in 0..RETRIES {
        let answer = remote
            .call(Target::KINESIS, "PutRecords", json!({"StreamName": STREAM, "Records": records}))
            .await?;
        let results = answer["Records"].as_array().map(Vec::as_slice).unwrap_or_default();
        if results.len() != records.len() {
            bail!("PutRecords answered {} of {} records", results.len(), records.len());
        }
        let mut result = results.iter();
        records.retain(|_| result.next().is_some_and(|result| result.get("ErrorCode").is_some()));
        if records.is_empty() {
            return Ok(());
        }
        rt.sleep(backoff.next()).await;
    }
    bail!("{} records were still refused after {RETRIES} tries", records.len())
}

/// Flights are spread over the shards by their origin.
fn record(event: &Bytes) -> Value {
    const ORIGIN: &[u8] = br#""origin":""#;
    let at =
        event.windows(ORIGIN.len()).position(|window| window == ORIGIN).map_or(0, |at| at + ORIGIN.len());
    let key = String::from_utf8_lossy(&event[at..event.len().min(at + 3)]);
    json!({"Data": base64_simd::STANDARD.encode_to_string(event), "PartitionKey": key})
}

/// Records and bytes so far, drawn with their rates.
#[derive(Clone)]
struct Progress {
    bar: ProgressBar,
    bytes: Arc<AtomicUsize>,
}

fn progress(records: usize) -> Progress {
    let style = ProgressStyle::with_template("  {bar:32} {human_pos}/{human_len} records  {per_sec}  {msg}")
        .expect("the template is well-formed");
    Progress { bar: ProgressBar::new(records as u64).with_style(style), bytes: Arc::default() }
}

impl Progress {
    fn add(&self, records: usize, bytes: usize) {
        let total = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.bar.inc(records as u64);
        let seconds = self.bar.elapsed().as_secs_f64().max(1e-3);
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        self.bar.set_message(format!("{:.1} MB/s", total as f64 / 1e6 / seconds));
    }

    /// The bar is drawn on a terminal only; the figures are for everyone.
    fn finish(&self) {
        self.bar.finish();
        if self.bar.is_hidden() {
            let seconds = self.bar.elapsed().as_secs_f64().max(1e-3);
            #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
            let (records, bytes) = (self.bar.position() as f64, self.bytes.load(Ordering::Relaxed) as f64);
            println!(
                "  {records} records, {:.0} records/s, {:.1} MB/s",
                records / seconds,
                bytes / 1e6 / seconds
            );
        }
    }
}
