//! The same two requests in CBOR, where data is bytes already: nothing is copied.

use std::borrow::Cow;

use aws::cbor::{Head, Reader};
use bytes::Bytes;

use super::{explicit_hash, is_key, named};
use crate::limits::{DATA_BYTES_MAX, PUT_RECORDS_MAX};
use crate::put::{PutEntry, PutRequest};

/// The body of a PutRecords, if it is plainly valid.
pub(crate) fn put_records(body: &Bytes) -> Option<PutRequest> {
    let mut reader = Reader::new(body);
    let (mut stream_name, mut stream_arn, mut records) = (None, None, None);
    let Ok(Head::Map(mut left)) = reader.head() else { return None };
    while reader.more(&mut left).ok()? {
        match text(&mut reader)? {
            "StreamName" => once(&mut stream_name, text(&mut reader)?)?,
            "StreamARN" => once(&mut stream_arn, text(&mut reader)?)?,
            "Records" => once(&mut records, entries(&mut reader, body)?)?,
            _ => return None,
        }
    }
    let records = records.filter(|records| reader.is_at_end() && !records.is_empty())?;
    named(stream_name, stream_arn, records)
}

/// The body of a PutRecord, if it is plainly valid and asks for no order.
pub(crate) fn put_record(body: &Bytes) -> Option<PutRequest> {
    let mut reader = Reader::new(body);
    let (mut stream_name, mut stream_arn) = (None, None);
    let record = entry(&mut reader, body, |member, reader| match member {
        "StreamName" => once(&mut stream_name, text(reader)?),
        "StreamARN" => once(&mut stream_arn, text(reader)?),
        _ => None,
    })?;
    if !reader.is_at_end() {
        return None;
    }
    named(stream_name, stream_arn, vec![record])
}

fn entries(reader: &mut Reader<'_>, body: &Bytes) -> Option<Vec<PutEntry>> {
    let Ok(Head::Array(mut left)) = reader.head() else { return None };
    let mut entries = Vec::with_capacity(PUT_RECORDS_MAX.min(usize::try_from(left.unwrap_or(0)).ok()?));
    while reader.more(&mut left).ok()? {
        if entries.len() == PUT_RECORDS_MAX {
            return None;
        }
        entries.push(entry(reader, body, |_, _| None)?);
    }
    Some(entries)
}

/// A record; members that are none of its own go to `other`.
fn entry<'a>(
    reader: &mut Reader<'a>,
    body: &Bytes,
    mut other: impl FnMut(&'a str, &mut Reader<'a>) -> Option<()>,
) -> Option<PutEntry> {
    let (mut data, mut key, mut hash) = (None, None, None);
    let Ok(Head::Map(mut left)) = reader.head() else { return None };
    while reader.more(&mut left).ok()? {
        match text(reader)? {
            "Data" => once(&mut data, bytes(reader)?)?,
            "PartitionKey" => once(&mut key, text(reader)?)?,
            "ExplicitHashKey" => once(&mut hash, explicit_hash(text(reader)?)?)?,
            member => other(member, reader)?,
        }
    }
    let data = data.filter(|data| data.len() <= DATA_BYTES_MAX)?;
    let key = key.filter(|key| is_key(key))?;
    Some(PutEntry { key: body.slice_ref(key.as_bytes()), explicit_hash: hash, data: body.slice_ref(data) })
}

/// A member that is there twice is for the generated decoder to judge.
fn once<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    slot.replace(value).is_none().then_some(())
}

/// Text in one piece.
fn text<'a>(reader: &mut Reader<'a>) -> Option<&'a str> {
    let Ok(Head::Text(length)) = reader.head() else { return None };
    match reader.text(length).ok()? {
        Cow::Borrowed(text) => Some(text),
        Cow::Owned(_) => None,
    }
}

/// A byte string in one piece.
fn bytes<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let Ok(Head::Bytes(length)) = reader.head() else { return None };
    match reader.bytes(length).ok()? {
        Cow::Borrowed(bytes) => Some(bytes),
        Cow::Owned(_) => None,
    }
}
