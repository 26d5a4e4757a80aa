use std::sync::Arc;

use aws::cbor::write;
use aws::{ApiError, Codec, Context, Format};
use bytes::Bytes;
use log::{LogError, TopicId};

use crate::error::shard_rate_message;
use crate::model::{PutRecordsInput, PutRecordsOutput, PutRecordsResultEntry};
use crate::put::{Fate, Put, PutRequest};
use crate::{Kinesis, decode, shard};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    body: Bytes,
    codec: Codec,
) -> Result<Bytes, ApiError> {
    let quick = match codec.format {
        Format::Json => decode::put_records(&body),
        Format::Cbor => decode::cbor::put_records(&body),
        Format::RpcCbor | Format::Query => None,
    };
    let request = match quick {
        Some(request) => request,
        None => PutRequest::try_from(codec.decode::<PutRecordsInput>(&body)?)?,
    };
    drop(body);
    let put = svc.put(&ctx, request).await?;
    match put.fates() {
        Ok(fates) if codec.format == Format::Json && put.throttled == 0 => Ok(encode(fates)),
        Ok(fates) if codec.format == Format::Cbor && put.throttled == 0 => Ok(encode_cbor(fates)),
        Ok(fates) => codec.encode(&output(&put, fates)),
        Err(error) => codec.encode(&refused(&put, error)),
    }
}

/// The bytes that [`output`] has as JSON if all records were stored, written in one go.
fn encode(fates: impl Iterator<Item = Fate>) -> Bytes {
    const ENTRY_BYTES: usize = 120;
    let mut json = Vec::with_capacity(64 + fates.size_hint().0 * ENTRY_BYTES);
    json.extend_from_slice(b"{\"FailedRecordCount\":0,\"Records\":[");
    let mut separator: &[u8] = b"";
    let mut known = None;
    for fate in fates {
        let Fate::Stored(index, number) = fate else { continue };
        json.extend_from_slice(separator);
        json.extend_from_slice(b"{\"SequenceNumber\":\"");
        json.extend_from_slice(&number.digits());
        json.extend_from_slice(b"\",\"ShardId\":\"");
        let (_, id) = match &known {
            Some((shard, _)) if *shard == index => known.get_or_insert_default(),
            _ => known.insert((index, shard::id(index))),
        };
        json.extend_from_slice(id.as_bytes());
        json.extend_from_slice(b"\"}");
        separator = b",";
    }
    json.extend_from_slice(b"]}");
    Bytes::from(json)
}

/// The same in CBOR.
fn encode_cbor(fates: impl ExactSizeIterator<Item = Fate>) -> Bytes {
    const ENTRY_BYTES: usize = 104;
    let mut out = Vec::with_capacity(64 + fates.len() * ENTRY_BYTES);
    write::map(&mut out, 2);
    write::text(&mut out, "FailedRecordCount");
    write::unsigned(&mut out, 0);
    write::text(&mut out, "Records");
    write::array(&mut out, fates.len());
    let mut known = None;
    for fate in fates {
        let Fate::Stored(index, number) = fate else { continue };
        let (_, id) = match &known {
            Some((shard, _)) if *shard == index => known.get_or_insert_default(),
            _ => known.insert((index, shard::id(index))),
        };
        write::map(&mut out, 2);
        write::text(&mut out, "SequenceNumber");
        write::ascii(&mut out, &number.digits());
        write::text(&mut out, "ShardId");
        write::text(&mut out, id);
    }
    Bytes::from(out)
}

fn output(put: &Put, fates: impl Iterator<Item = Fate>) -> PutRecordsOutput {
    let entry = |fate| match fate {
        Fate::Stored(index, number) => PutRecordsResultEntry {
            sequence_number: Some(number.to_string()),
            shard_id: Some(shard::id(index)),
            ..PutRecordsResultEntry::default()
        },
        Fate::Throttled(index) => throttled(&put.stream, index),
    };
    PutRecordsOutput {
        failed_record_count: i32::try_from(put.throttled).ok(),
        records: fates.map(entry).collect(),
        encryption_type: None,
    }
}

fn throttled(stream: &TopicId, index: u32) -> PutRecordsResultEntry {
    failed("ProvisionedThroughputExceededException", shard_rate_message(stream, index))
}

fn failed(code: &str, message: String) -> PutRecordsResultEntry {
    PutRecordsResultEntry {
        error_code: Some(code.to_owned()),
        error_message: Some(message),
        ..PutRecordsResultEntry::default()
    }
}

/// All records of a request share one append, so that none was taken when it failed. Each says so, which is
/// what producers look at to send it again.
fn refused(put: &Put, error: &LogError) -> PutRecordsOutput {
    let is_throttled = matches!(error, LogError::Overloaded | LogError::StorageFull);
    if !is_throttled {
        tracing::error!(kinesis.stream = %put.stream, error = error as &dyn std::error::Error, "records could not be stored");
    }
    let entry = |index| {
        if is_throttled {
            throttled(&put.stream, index)
        } else {
            failed("InternalFailure", "Internal service failure.".to_owned())
        }
    };
    let records: Vec<_> = put.shards().map(entry).collect();
    PutRecordsOutput {
        failed_record_count: i32::try_from(records.len()).ok(),
        records,
        encryption_type: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{SERVICE, op};
    use crate::sequence::{SequenceNumber, ShardNumbers};

    #[test]
    fn the_answers_written_by_hand_are_those_the_model_gives() {
        let at = rt::Timestamp::from_millis(1_795_337_413_000);
        let number = |shard, offset| (shard, ShardNumbers::new(shard, at).record(offset, at));
        let placed = [number(0, 0), number(1, 7), number(1, 8), number(0, 1)];
        let fates = || placed.into_iter().map(|(shard, number)| Fate::Stored(shard, number));
        let entry = |(index, number): (u32, SequenceNumber)| PutRecordsResultEntry {
            sequence_number: Some(number.to_string()),
            shard_id: Some(shard::id(index)),
            ..PutRecordsResultEntry::default()
        };
        let generated = PutRecordsOutput {
            failed_record_count: Some(0),
            records: placed.into_iter().map(entry).collect(),
            encryption_type: None,
        };
        let codec = |format| Codec { format, service: &SERVICE, operation: &op::PUT_RECORDS };
        assert_eq!(encode_cbor(fates()), codec(Format::Cbor).encode(&generated).unwrap());
        assert_eq!(encode(fates()), codec(Format::Json).encode(&generated).unwrap());
    }
}
