use std::sync::Arc;

use aws::{ApiError, Codec, Context, Format};
use bytes::Bytes;
use log::TopicId;

use crate::error::{from_log, shard_rate_exceeded};
use crate::model::{PutRecordInput, PutRecordOutput, error};
use crate::put::{Fate, PutRequest};
use crate::sequence::ShardNumbers;
use crate::{Kinesis, decode, shard, stream};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    body: Bytes,
    codec: Codec,
) -> Result<Bytes, ApiError> {
    let quick = match codec.format {
        Format::Json => decode::put_record(&body),
        Format::Cbor => decode::cbor::put_record(&body),
        Format::RpcCbor | Format::Query => None,
    };
    let request = match quick {
        Some(request) => request,
        None => {
            let input: PutRecordInput = codec.decode(&body)?;
            check_order(&ctx, &svc, &input)?;
            PutRequest::try_from(input)?
        }
    };
    let put = svc.put(&ctx, request).await?;
    let fate = put.fates().ok().and_then(|mut fates| fates.next());
    match fate {
        Some(Fate::Stored(index, number)) => codec.encode(&PutRecordOutput {
            shard_id: shard::id(index),
            sequence_number: number.to_string(),
            encryption_type: None,
        }),
        Some(Fate::Throttled(index)) => Err(shard_rate_exceeded(&put.stream, index)),
        None => {
            let (stream, index) = (put.stream.clone(), put.shards().next().unwrap_or_default());
            let unsaid = || shard_rate_exceeded(&stream, index);
            Err(put.into_error().map_or_else(unsaid, |error| from_log(&stream, error)))
        }
    }
}

/// Records of a shard are always in the order of their acknowledgement, which is all that
/// SequenceNumberForOrdering asks for; only that it is a number of this stream is left to see.
fn check_order(ctx: &Context, svc: &Kinesis, input: &PutRecordInput) -> Result<(), ApiError> {
    let Some(number) = &input.sequence_number_for_ordering else { return Ok(()) };
    let stream = stream::named(ctx, input.stream_name.as_deref(), input.stream_arn.as_deref())?;
    let routes = svc.routes(&stream)?;
    let mut shards = routes.iter().map(|route| ShardNumbers::new(route.index, route.created));
    if shards.any(|shard| shard.place(number).is_some()) { Ok(()) } else { Err(foreign(&stream, number)) }
}

fn foreign(stream: &TopicId, number: &str) -> ApiError {
    error::invalid_argument_exception(format!(
        "ExclusiveMinimumSequenceNumber {number} used in PutRecord on stream {} under account {} is invalid.",
        stream.name, stream.scope.account
    ))
}
