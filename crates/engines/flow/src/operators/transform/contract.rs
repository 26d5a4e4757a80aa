//! The documents that a function is given and gives.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Transform;
use crate::reader::Origin;
use crate::records::{Records, Refusal};
use crate::reject::Cause;

/// What a function decided of a record.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    Ok { data: Bytes, keys: BTreeMap<String, String> },
    Dropped,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    records: Vec<AnswerRecord<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnswerRecord<'a> {
    #[serde(borrow)]
    record_id: Cow<'a, str>,
    #[serde(borrow)]
    result: Cow<'a, str>,
    #[serde(borrow, default)]
    data: Option<Cow<'a, str>>,
    #[serde(default)]
    metadata: Option<Metadata>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    partition_keys: BTreeMap<String, Value>,
    /// Where the record goes among tables, and as what.
    #[serde(default)]
    otf_metadata: BTreeMap<String, Value>,
}

pub(super) fn request(spec: &Transform, invocation: &str, records: &Records, range: Range<usize>) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(b"{\"invocationId\":");
    json(invocation, &mut out);
    for (name, value) in &spec.envelope {
        out.push(b',');
        json(name, &mut out);
        out.push(b':');
        json(value, &mut out);
    }
    out.extend_from_slice(b",\"records\":[");
    for index in range.clone() {
        if index > range.start {
            out.push(b',');
        }
        let origin = records.origins[index];
        out.extend_from_slice(b"{\"recordId\":");
        json(&record_id(origin, index), &mut out);
        out.extend_from_slice(b",\"approximateArrivalTimestamp\":");
        json(&origin.at.as_millis(), &mut out);
        out.extend_from_slice(b",\"data\":\"");
        base64_simd::STANDARD.encode_append(&records.data[index], &mut out);
        out.push(b'"');
        if spec.positions {
            out.extend_from_slice(b",\"kinesisRecordMetadata\":");
            json(&position(origin), &mut out);
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
    out
}

fn position(origin: Origin) -> Value {
    serde_json::json!({
        "sequenceNumber": origin.offset.to_string(),
        "subsequenceNumber": 0,
        "shardId": format!("shardId-{:012}", origin.partition),
        "approximateArrivalTimestamp": origin.at.as_millis(),
    })
}

/// Different for every record of a request, and the same whenever the request is made.
fn record_id(origin: Origin, index: usize) -> String {
    format!("{}-{}-{index}", origin.partition, origin.offset)
}

/// One for each record of the request. An answer that is malformed, leaves a record out or has one twice is no
/// answer for any of them.
pub(super) fn verdicts(
    answer: &[u8],
    records: &Records,
    range: Range<usize>,
    attempts: u32,
) -> Vec<Result<Verdict, Refusal>> {
    let refusal = |cause, reason: String| Refusal { cause, reason, attempts, code: None };
    match read(answer, records, range.clone()) {
        Err((cause, reason)) => vec![Err(refusal(cause, reason)); range.len()],
        Ok(found) => found.into_iter().map(|found| found.map_err(|(c, reason)| refusal(c, reason))).collect(),
    }
}

type Fault = (Cause, String);

fn read(answer: &[u8], records: &Records, range: Range<usize>) -> Result<Vec<Result<Verdict, Fault>>, Fault> {
    let answer: Answer<'_> = serde_json::from_slice(answer)
        .map_err(|error| (Cause::FunctionAnswer, format!("the function's answer cannot be read: {error}")))?;
    let mut found: HashMap<Cow<'_, str>, AnswerRecord<'_>> = HashMap::with_capacity(answer.records.len());
    for record in answer.records {
        let id = record.record_id.clone();
        if found.insert(id, record).is_some() {
            let reason = "the function's answer has a record id twice".to_owned();
            return Err((Cause::FunctionDuplicateRecord, reason));
        }
    }
    let verdict = |index: usize| {
        let id = record_id(records.origins[index], index);
        found.remove(id.as_str()).map(verdict).ok_or_else(|| {
            let reason = format!("the function's answer leaves out the record id {id}");
            (Cause::FunctionMissingRecord, reason)
        })
    };
    range.map(verdict).collect()
}

fn verdict(record: AnswerRecord<'_>) -> Result<Verdict, Fault> {
    match record.result.as_ref() {
        "Dropped" => Ok(Verdict::Dropped),
        "ProcessingFailed" => {
            Err((Cause::FunctionRefused, "ProcessingFailed status set for record".to_owned()))
        }
        "Ok" => {
            let encoded = record.data.unwrap_or_default();
            let data = base64_simd::STANDARD.decode_to_vec(encoded.as_bytes()).map_err(|_| {
                (Cause::FunctionAnswer, "the data of the function's answer are not base64".to_owned())
            })?;
            let metadata = record.metadata.unwrap_or_default();
            let keys = metadata.partition_keys.into_iter().chain(metadata.otf_metadata);
            let keys = keys.map(|(name, value)| (name, text(value))).collect();
            Ok(Verdict::Ok { data: data.into(), keys })
        }
        other => {
            let reason = format!("the result {other:?} is none of Ok, Dropped and ProcessingFailed");
            Err((Cause::FunctionAnswer, reason))
        }
    }
}

fn text(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn json<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("strings, numbers and JSON values are serialisable");
}
