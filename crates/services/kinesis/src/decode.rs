//! Decoders for the two hot operations that borrow from the body.
//!
//! Here is JSON, [`cbor`] is beside. Keys stay slices of the body and the data of all records is decoded into one buffer. They only take
//! what is plainly valid; for everything else they return `None` and the generated decoder has its say, so
//! that errors are worded once. A property test holds the two against each other.

pub(crate) mod cbor;

use base64_simd::STANDARD;
use bytes::Bytes;
use serde::Deserialize;

use crate::limits::{DATA_BYTES_MAX, PARTITION_KEY_CHARS_MAX, PUT_RECORDS_MAX};
use crate::put::{PutEntry, PutRequest};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Records<'a> {
    #[serde(borrow)]
    stream_name: Option<&'a str>,
    #[serde(borrow, rename = "StreamARN")]
    stream_arn: Option<&'a str>,
    #[serde(borrow)]
    records: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Entry<'a> {
    #[serde(borrow)]
    data: &'a str,
    #[serde(borrow)]
    partition_key: &'a str,
    #[serde(borrow)]
    explicit_hash_key: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Record<'a> {
    #[serde(borrow)]
    stream_name: Option<&'a str>,
    #[serde(borrow, rename = "StreamARN")]
    stream_arn: Option<&'a str>,
    #[serde(borrow)]
    data: &'a str,
    #[serde(borrow)]
    partition_key: &'a str,
    #[serde(borrow)]
    explicit_hash_key: Option<&'a str>,
}

/// The body of a PutRecords, if it is plainly valid.
pub(crate) fn put_records(body: &Bytes) -> Option<PutRequest> {
    let Records { stream_name, stream_arn, records } = serde_json::from_slice(body).ok()?;
    request(body, stream_name, stream_arn, &records)
}

/// The body of a PutRecord, if it is plainly valid and asks for no order.
pub(crate) fn put_record(body: &Bytes) -> Option<PutRequest> {
    let Record { stream_name, stream_arn, data, partition_key, explicit_hash_key } =
        serde_json::from_slice(body).ok()?;
    request(body, stream_name, stream_arn, &[Entry { data, partition_key, explicit_hash_key }])
}

fn request(
    body: &Bytes,
    stream_name: Option<&str>,
    stream_arn: Option<&str>,
    records: &[Entry<'_>],
) -> Option<PutRequest> {
    if records.is_empty() || records.len() > PUT_RECORDS_MAX {
        return None;
    }
    let mut decoded = Vec::with_capacity(records.iter().map(|record| record.data.len() / 4 * 3).sum());
    let mut ends = Vec::with_capacity(records.len());
    for record in records {
        let start = decoded.len();
        STANDARD.decode_append(record.data, &mut decoded).ok()?;
        if decoded.len() - start > DATA_BYTES_MAX || !is_key(record.partition_key) {
            return None;
        }
        ends.push(decoded.len());
    }
    let decoded = Bytes::from(decoded);
    let mut start = 0;
    let mut entries = Vec::with_capacity(records.len());
    for (record, end) in records.iter().zip(ends) {
        entries.push(PutEntry {
            key: body.slice_ref(record.partition_key.as_bytes()),
            explicit_hash: match record.explicit_hash_key {
                Some(text) => Some(explicit_hash(text)?),
                None => None,
            },
            data: decoded.slice(start..end),
        });
        start = end;
    }
    named(stream_name, stream_arn, entries)
}

/// The request, if its stream could be one's name.
fn named(stream_name: Option<&str>, stream_arn: Option<&str>, records: Vec<PutEntry>) -> Option<PutRequest> {
    if !stream_name.is_none_or(is_stream_name) || !stream_arn.is_none_or(is_stream_arn) {
        return None;
    }
    let [stream_name, stream_arn] = [stream_name, stream_arn].map(|name| name.map(str::to_owned));
    Some(PutRequest { stream_name, stream_arn, records })
}

fn is_stream_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// Narrower than the model's pattern, which allows almost anything between the colons.
fn is_stream_arn(arn: &str) -> bool {
    let parts: Vec<_> = arn.splitn(6, ':').collect();
    let ["arn", partition, "kinesis", region, account, resource] = parts[..] else { return false };
    partition.starts_with("aws")
        && [partition, region].concat().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && resource.strip_prefix("stream/").is_some_and(is_stream_name)
}

fn is_key(key: &str) -> bool {
    // As many characters as bytes at most, so that most keys need not be counted.
    !key.is_empty()
        && (key.len() <= PARTITION_KEY_CHARS_MAX || key.chars().count() <= PARTITION_KEY_CHARS_MAX)
}

/// Decimal without sign or leading zeros, below 2^128.
fn explicit_hash(text: &str) -> Option<u128> {
    let plain = text == "0" || text.starts_with(|first: char| ('1'..='9').contains(&first));
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests;
