use std::sync::Arc;

use aws::{ApiError, Codec, Context, Format};
use bytes::Bytes;
use log::LogError;

use crate::model::{PutRecordsInput, PutRecordsOutput, PutRecordsResultEntry};
use crate::put::{Put, PutRequest};
use crate::sequence::SequenceNumber;
use crate::{Kinesis, decode, shard};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    body: Bytes,
    codec: Codec,
) -> Result<Bytes, ApiError> {
    let quick = if codec.format == Format::Json { decode::put_records(&body) } else { None };
    let request = match quick {
        Some(request) => request,
        None => PutRequest::try_from(codec.decode::<PutRecordsInput>(&body)?)?,
    };
    drop(body);
    let put = svc.put(&ctx, request).await?;
    match put.placed() {
        Ok(placed) if codec.format == Format::Json => Ok(encode(placed)),
        Ok(placed) => codec.encode(&output(placed)),
        Err(error) => codec.encode(&refused(&put, error)),
    }
}

/// The bytes that [`output`] has as JSON, written in one go.
fn encode(placed: impl Iterator<Item = (u32, SequenceNumber)>) -> Bytes {
    const ENTRY_BYTES: usize = 120;
    let mut json = Vec::with_capacity(64 + placed.size_hint().0 * ENTRY_BYTES);
    json.extend_from_slice(b"{\"FailedRecordCount\":0,\"Records\":[");
    let mut separator: &[u8] = b"";
    let mut known = None;
    for (index, number) in placed {
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

fn output(placed: impl Iterator<Item = (u32, SequenceNumber)>) -> PutRecordsOutput {
    let entry = |(index, number): (u32, SequenceNumber)| PutRecordsResultEntry {
        sequence_number: Some(number.to_string()),
        shard_id: Some(shard::id(index)),
        ..PutRecordsResultEntry::default()
    };
    PutRecordsOutput {
        failed_record_count: Some(0),
        records: placed.map(entry).collect(),
        encryption_type: None,
    }
}

/// All records of a request share one append, so that none was taken when it failed. Each says so, which is
/// what producers look at to send it again.
fn refused(put: &Put, error: &LogError) -> PutRecordsOutput {
    let throttled = matches!(error, LogError::Overloaded | LogError::StorageFull);
    if !throttled {
        tracing::error!(kinesis.stream = %put.stream, error = error as &dyn std::error::Error, "records could not be stored");
    }
    let account = &put.stream.scope.account;
    let entry = |index| {
        let (code, message) = if throttled {
            let id = shard::id(index);
            let message = format!(
                "Rate exceeded for shard {id} in stream {} under account {account}.",
                put.stream.name
            );
            ("ProvisionedThroughputExceededException", message)
        } else {
            ("InternalFailure", "Internal service failure.".to_owned())
        };
        PutRecordsResultEntry {
            error_code: Some(code.to_owned()),
            error_message: Some(message),
            ..PutRecordsResultEntry::default()
        }
    };
    let records: Vec<_> = put.shards().map(entry).collect();
    PutRecordsOutput {
        failed_record_count: i32::try_from(records.len()).ok(),
        records,
        encryption_type: None,
    }
}
