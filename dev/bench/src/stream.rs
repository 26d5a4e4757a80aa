//! What the sections on streams share: a stream with records in it, readers of both kinds, and a paced load.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use aws::client::{Client, ClientError, Prepared, Target};
use bytes::Bytes;
use rt::Rt;
use serde_json::{Value, json};

pub const NAME: &str = "bench";
pub const ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/bench";

pub fn shard_id(index: u32) -> String {
    format!("shardId-{index:012}")
}

pub async fn create(client: &Client, name: &str, shards: u32) -> Result<(), ClientError> {
    let create = json!({"StreamName": name, "ShardCount": shards});
    client.call(Target::KINESIS, "CreateStream", &create).await.map(drop)
}

/// An iterator at the oldest record or after the newest.
pub async fn iterator(client: &Client, name: &str, shard: u32, kind: &str) -> Result<String> {
    let request = json!({"StreamName": name, "ShardId": shard_id(shard), "ShardIteratorType": kind});
    let answer = client.call(Target::KINESIS, "GetShardIterator", &request).await?;
    text(&answer, "ShardIterator")
}

pub async fn register(client: &Client, stream_arn: &str, name: &str) -> Result<String> {
    let request = json!({"StreamARN": stream_arn, "ConsumerName": name});
    let answer = client.call(Target::KINESIS, "RegisterStreamConsumer", &request).await?;
    text(&answer["Consumer"], "ConsumerARN")
}

fn text(answer: &Value, member: &str) -> Result<String> {
    Ok(answer[member].as_str().with_context(|| format!("no {member}"))?.to_owned())
}

/// One answer of GetRecords, looked at no closer than a rate needs.
pub struct Page {
    pub body: Bytes,
    pub records: u64,
    /// Where to read on.
    pub next: String,
}

pub async fn get_records(client: &Client, iterator: &str) -> Result<Page> {
    let request = Bytes::from(json!({"ShardIterator": iterator}).to_string());
    let prepared = client.prepare(Target::KINESIS, "GetRecords", request)?;
    let body = client.send_prepared(&prepared).await?.checked()?.body;
    let next = member(&body, "\"NextShardIterator\":\"").context("no NextShardIterator")?;
    Ok(Page { records: count_records(&body), next, body })
}

/// How many records an answer or an event holds. Each names its own sequence number.
pub fn count_records(body: &[u8]) -> u64 {
    std::str::from_utf8(body).map_or(0, |text| text.matches("\"SequenceNumber\":").count() as u64)
}

/// The text after `name`, looked for from both ends, so that a long answer is not parsed.
fn member(body: &[u8], name: &str) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let start = text.rfind(name)? + name.len();
    let length = text[start..].find('"')?;
    Some(text[start..start + length].to_owned())
}

/// Sends `batches_per_second` for `time`, each when it is due whether or not those before were answered. Returns the
/// time from when each was due to its acknowledgement, and how many were refused.
pub async fn paced(
    client: &Client,
    bodies: &Arc<Vec<Prepared>>,
    batches_per_second: u32,
    time: Duration,
) -> Result<(Vec<Duration>, u64)> {
    let rt = Rt::system();
    let refused = Arc::new(AtomicU64::new(0));
    let start = rt.instant();
    let step = Duration::from_secs(1) / batches_per_second;
    let mut tasks = Vec::new();
    for n in 0.. {
        let due = start + step * n;
        if due.duration_since(start) >= time {
            break;
        }
        rt.sleep(due.saturating_duration_since(rt.instant())).await;
        let (client, bodies, refused) = (client.clone(), bodies.clone(), refused.clone());
        tasks.push(rt.spawn("paced", async move {
            let body = &bodies[n as usize % bodies.len()];
            let answer = client.send_prepared(body).await.and_then(aws::client::Response::checked);
            let whole = answer.is_ok_and(|answer| {
                std::str::from_utf8(&answer.body).is_ok_and(|text| text.contains("\"FailedRecordCount\":0"))
            });
            refused.fetch_add(u64::from(!whole), Ordering::Relaxed);
            Rt::system().instant().saturating_duration_since(due)
        }));
    }
    let mut waits = Vec::with_capacity(tasks.len());
    for task in tasks {
        waits.push(task.await?);
    }
    Ok((waits, refused.load(Ordering::Relaxed)))
}

/// The moment that a probe record carries, as microseconds after `origin`.
pub fn probe(origin: Instant, now: Instant) -> String {
    base64_simd::STANDARD.encode_to_string(format!("{:012}", now.duration_since(origin).as_micros()))
}

/// How old the probes in an answer or event are at `now`.
pub fn ages(body: &[u8], origin: Instant, now: Instant) -> Result<Vec<Duration>> {
    let parsed: Value = serde_json::from_slice(body)?;
    let records = parsed["Records"].as_array().map_or(&[][..], Vec::as_slice);
    let age = |record: &Value| {
        let data = base64_simd::STANDARD.decode_to_vec(record["Data"].as_str().context("no Data")?)?;
        let sent = Duration::from_micros(std::str::from_utf8(&data)?.parse()?);
        Ok(now.duration_since(origin).saturating_sub(sent))
    };
    records.iter().map(age).collect()
}
