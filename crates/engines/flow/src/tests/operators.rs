//! Deliveries with every operator, at every failpoint.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::rig::*;
use crate::failpoints::at;
use crate::{
    Action, Backup, Compression, Encode, Extract, FlowSpec, FlowStatus, FunctionError, Functions, Operator,
    Partitioning, RawEncode, Split, Transform,
};

const BACKUP: &str = "backup";

/// Adds `"seen":true`; drops every eleventh id, refuses every thirteenth.
pub(super) struct Marker {
    /// Calls that fail before one succeeds.
    pub(super) failures: AtomicU32,
}

impl Functions for Marker {
    fn invoke(&self, function: String, payload: Bytes) -> BoxFuture<'_, Result<Bytes, FunctionError>> {
        let failing =
            self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if failing.is_ok() {
            return Box::pin(async { Err(FunctionError::Failed("not yet".to_owned())) });
        }
        Box::pin(async move { Ok(mark(&function, &payload)) })
    }
}

fn mark(function: &str, payload: &[u8]) -> Bytes {
    assert_eq!(function, "marker");
    let request: Value = serde_json::from_slice(payload).unwrap();
    assert!(request["invocationId"].is_string());
    assert_eq!(request["stream"], "events");
    let answer = |record: &Value| {
        assert_eq!(record["approximateArrivalTimestamp"], START.as_millis());
        let data = base64_simd::STANDARD.decode_to_vec(record["data"].as_str().unwrap()).unwrap();
        let mut event: Value = serde_json::from_slice(&data).unwrap();
        let id = event["id"].as_i64().unwrap();
        event["seen"] = json!(true);
        let data = base64_simd::STANDARD.encode_to_string(event.to_string());
        let result = if id % 11 == 0 {
            "Dropped"
        } else if id % 13 == 0 {
            "ProcessingFailed"
        } else {
            "Ok"
        };
        json!({
            "recordId": record["recordId"], "result": result, "data": data,
            "metadata": { "partitionKeys": { "shelf": id % 3 } },
        })
    };
    let records: Vec<Value> = request["records"].as_array().unwrap().iter().map(answer).collect();
    json!({ "records": records }).to_string().into()
}

pub(super) fn transform() -> Transform {
    Transform {
        function: "marker".to_owned(),
        envelope: vec![("stream".to_owned(), json!("events"))],
        positions: false,
        request_bytes: 500,
        retries: 2,
        timeout: std::time::Duration::from_secs(60),
    }
}

pub(super) fn gzip(data: &[u8]) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap().into()
}

/// Three events each, compressed; every fifth is not, every seventh holds something else than events.
fn numbered(range: std::ops::Range<i64>) -> Vec<Bytes> {
    let record = |record: i64| {
        let events: String = (record * 3..record * 3 + 3)
            .map(|id| format!(r#"{{"id":{id},"kind":"k{}"}} "#, id % 2))
            .collect();
        match record {
            plain if plain % 5 == 4 => Bytes::from(events),
            other if other % 7 == 5 => gzip(b"no events"),
            _ => gzip(events.as_bytes()),
        }
    };
    range.map(record).collect()
}

/// What becomes of an event: the folder it is delivered to, the kind of failure, or nothing.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Delivered(String),
    Refused,
    Dropped,
}

fn fate(id: i64) -> Fate {
    match id {
        id if id % 11 == 0 => Fate::Dropped,
        id if id % 13 == 0 => Fate::Refused,
        id => Fate::Delivered(format!("events/kind=k{}/shelf={}/", id % 2, id % 3)),
    }
}

fn spec() -> FlowSpec {
    let mut spec = raw_spec();
    spec.encode = Encode::Raw(RawEncode { delimiter: Some("\n".to_owned()), compression: Compression::Gzip });
    spec.sink.prefix =
        "events/kind=!{partitionKeyFromQuery:kind}/shelf=!{partitionKeyFromLambda:shelf}/".to_owned();
    spec.sink.error_prefix = "errors/!{firehose:error-output-type}/".to_owned();
    spec.sink.suffix = ".gz".to_owned();
    spec.operators = vec![
        Operator::Decompress,
        Operator::Split(Split::Json),
        Operator::Transform(transform()),
        Operator::Extract(Extract { query: "{kind: .kind}".to_owned() }),
    ];
    spec.partitioning = Some(Partitioning::default());
    spec.backup = Some(Backup {
        bucket: BACKUP.to_owned(),
        prefix: "source/".to_owned(),
        name: "events-1".to_owned(),
        suffix: String::new(),
        compression: Compression::None,
        content_type: None,
    });
    spec
}

async fn rig(partition_bytes: usize) -> Rig {
    let settings = crate::FlowSettings {
        batch_spacing: std::time::Duration::ZERO,
        partition_bytes,
        ..crate::FlowSettings::default()
    };
    let rig = Rig::with_functions(settings, Arc::new(Marker { failures: AtomicU32::new(0) })).await;
    rig.objects.create_bucket(BACKUP, &scope()).await.unwrap();
    rig.topic(2).await;
    rig
}

/// Every event met its fate once, every source record is in the backup once, and the ledger says so.
async fn assert_exactly_once(rig: &Rig, records: i64, status: &FlowStatus) {
    let mut delivered: Vec<(i64, String)> = Vec::new();
    let objects = rig.objects("events/").await;
    for (key, bytes) in &objects {
        let folder = &key[..=key.rfind('/').unwrap()];
        for line in gunzip(bytes).lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            assert_eq!(event["seen"], true);
            delivered.push((event["id"].as_i64().unwrap(), folder.to_owned()));
        }
    }
    delivered.sort();
    let mut expected = Vec::new();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let mut count = |what| *counts.entry(what).or_default() += 1;
    for record in 0..records {
        if record % 5 == 4 {
            count("decompression-failed");
        } else if record % 7 == 5 {
            count("processing-failed");
        } else {
            for id in record * 3..record * 3 + 3 {
                match fate(id) {
                    Fate::Delivered(folder) => expected.push((id, folder)),
                    Fate::Refused => count("processing-failed"),
                    Fate::Dropped => count("dropped"),
                }
            }
        }
    }
    assert_eq!(delivered, expected);
    let mut lines: BTreeMap<&str, u64> = BTreeMap::new();
    for kind in ["decompression-failed", "processing-failed"] {
        let objects = rig.objects(&format!("errors/{kind}/")).await;
        let count = objects.values().flat_map(|bytes| bytes.split(|byte| *byte == b'\n'));
        lines.insert(kind, count.filter(|line| !line.is_empty()).count() as u64);
    }
    let ledger = &status.ledger;
    lines.insert("dropped", ledger.dropped_records);
    assert_eq!(lines, counts);
    assert_eq!(ledger.delivered_records, delivered.len() as u64);
    assert!(ledger.balances(), "{ledger:?}");
    assert_eq!((ledger.taken_records, status.pending_records), (records as u64, 0));
    let mut copied: Vec<u8> = rig.objects_in(BACKUP, "source/").await.into_values().flatten().collect();
    let mut source: Vec<u8> = numbered(0..records).concat();
    copied.sort_unstable();
    source.sort_unstable();
    assert_eq!(copied, source);
}

/// Each failpoint with a batch for everything and with many that are worked on two at a time. The latter hold
/// too little to be written in pieces.
fn steps() -> impl Iterator<Item = (&'static str, u64)> {
    let all = at::ALL.into_iter().chain(at::FURTHER);
    let steps = all.flat_map(|name| [(name, EVERYTHING), (name, 300)]);
    steps.filter(|step| *step != (at::AFTER_SPILL, 300))
}

const EVERYTHING: u64 = 1 << 20;

/// What the partitions of the large batch exceed.
const PARTITION_BYTES: usize = 2_000;

fn with_buffer(bytes: u64) -> FlowSpec {
    let spec = spec();
    FlowSpec { buffer: crate::Buffer { bytes, ..spec.buffer }, ..spec }
}

#[tokio::test]
async fn operators_partitions_and_backups_survive_a_crash_at_any_step() {
    for (name, buffer) in steps() {
        let mut rig = rig(PARTITION_BYTES).await;
        rig.put(0, numbered(0..30)).await;
        rig.put(1, numbered(30..50)).await;
        let first = buffer == EVERYTHING || [at::BEFORE_PLAN, at::AFTER_PLAN].contains(&name);
        rig.failpoints.arm(name, if first { 1 } else { 3 }, Action::Crash);
        rig.flow.create(&id(), &with_buffer(buffer)).await.unwrap();
        rig.failpoints.hit().await;
        rig.restart().await;
        let status = rig.until(|status| status.ledger.taken_records == 50).await;
        assert_exactly_once(&rig, 50, &status).await;
    }
}

#[tokio::test]
async fn operators_partitions_and_backups_survive_a_failure_of_any_step() {
    for (name, buffer) in steps() {
        let rig = rig(PARTITION_BYTES).await;
        rig.put(0, numbered(0..40)).await;
        rig.failpoints.arm(name, 1, Action::Fail);
        rig.flow.create(&id(), &with_buffer(buffer)).await.unwrap();
        rig.until(|status| status.last_error.as_deref() == Some(&format!("failpoint {name}"))).await;
        let settled = |status: &FlowStatus| status.ledger.taken_records == 40 && status.last_error.is_none();
        let status = rig.until(settled).await;
        assert_exactly_once(&rig, 40, &status).await;
    }
}
