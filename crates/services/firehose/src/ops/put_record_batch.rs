use std::sync::Arc;

use aws::{ApiError, Codec, Context, Format};
use bytes::Bytes;

use crate::decode::{self, PutRequest};
use crate::error::SLOW_DOWN;
use crate::limits::BATCH_BYTES_MAX;
use crate::model::{PutRecordBatchInput, PutRecordBatchOutput, PutRecordBatchResponseEntry, error};
use crate::{Firehose, put};

/// All records of a request share one append: they are accepted or, under overload, refused together, each
/// with its own entry in the answer.
pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Firehose>,
    body: Bytes,
    codec: Codec,
) -> Result<Bytes, ApiError> {
    let quick = if codec.format == Format::Json { decode::put_record_batch(&body) } else { None };
    let PutRequest { name, data } = match quick {
        Some(request) => request,
        None => codec.decode::<PutRecordBatchInput>(&body)?.into(),
    };
    drop(body);
    let count = data.len();
    if data.iter().map(Bytes::len).sum::<usize>() > BATCH_BYTES_MAX {
        return Err(error::invalid_argument_exception("Records size exceeds 4 MB limit"));
    }
    match svc.append(&ctx, &name, data).await {
        Ok(accepted) => {
            let entry = |index| PutRecordBatchResponseEntry {
                record_id: Some(put::record_id(accepted, index)),
                ..PutRecordBatchResponseEntry::default()
            };
            codec.encode(&answer(0, (0..count as u64).map(entry).collect()))
        }
        Err(failure) if failure.message() == SLOW_DOWN => {
            let refused = PutRecordBatchResponseEntry {
                record_id: None,
                error_code: Some(failure.code().to_owned()),
                error_message: Some(SLOW_DOWN.to_owned()),
            };
            codec.encode(&answer(count, vec![refused; count]))
        }
        Err(failure) => Err(failure),
    }
}

fn answer(failed: usize, request_responses: Vec<PutRecordBatchResponseEntry>) -> PutRecordBatchOutput {
    let failed_put_count = i32::try_from(failed).expect("a request has at most 500 records");
    PutRecordBatchOutput { failed_put_count, encrypted: Some(false), request_responses }
}
