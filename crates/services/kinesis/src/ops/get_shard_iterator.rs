use std::sync::Arc;

use aws::{ApiError, Context};
use log::{Offset, Position, TopicId};
use rt::Timestamp;

use crate::error::from_log;
use crate::iterator::ShardIterator;
use crate::model::{GetShardIteratorInput, GetShardIteratorOutput, ShardIteratorType, error};
use crate::sequence::ShardNumbers;
use crate::{Kinesis, shard, stream};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: GetShardIteratorInput,
) -> Result<GetShardIteratorOutput, ApiError> {
    let stream = stream::named(&ctx, input.stream_name.as_deref(), input.stream_arn.as_deref())?;
    let routes = svc.routes(&stream)?;
    let (index, numbers) = shard::find(&stream, &routes, &input.shard_id)?;
    let start = Start::of(&input, ctx.now)?;
    let located = match start {
        Start::At(position) => svc.log.locate(&stream, index, position).await,
        Start::Number { number, after } => {
            let tail = svc.log.locate(&stream, index, Position::Latest).await;
            match tail {
                Ok(tail) => Ok(offset(&stream, &input.shard_id, numbers, number, after, tail)?),
                Err(error) => Err(error),
            }
        }
    };
    let offset = located.map_err(|error| from_log(&stream, error))?;
    let iterator = ShardIterator::new(&stream, &routes.incarnation, index, offset, ctx.now);
    Ok(GetShardIteratorOutput { shard_iterator: Some(iterator.encode()) })
}

enum Start<'a> {
    At(Position),
    Number { number: &'a str, after: bool },
}

impl Start<'_> {
    fn of(input: &GetShardIteratorInput, now: Timestamp) -> Result<Start<'_>, ApiError> {
        let kind = input.shard_iterator_type;
        match (kind, input.starting_sequence_number.as_deref(), input.timestamp) {
            (ShardIteratorType::AtSequenceNumber, Some(number), None) => {
                Ok(Start::Number { number, after: false })
            }
            (ShardIteratorType::AfterSequenceNumber, Some(number), None) => {
                Ok(Start::Number { number, after: true })
            }
            (ShardIteratorType::TrimHorizon, None, None) => Ok(Start::At(Position::Oldest)),
            (ShardIteratorType::Latest, None, None) => Ok(Start::At(Position::Latest)),
            (ShardIteratorType::AtTimestamp, None, Some(at)) => {
                let at = Timestamp::from(at);
                if at > now {
                    return Err(error::invalid_argument_exception(format!(
                        "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. \
                         timestampInMillis: {}, currentTimestampInMillis: {}",
                        at.as_millis(),
                        now.as_millis()
                    )));
                }
                Ok(Start::At(Position::At(at)))
            }
            (_, number, timestamp) => Err(mismatch(kind, number.is_some(), timestamp.is_some())),
        }
    }
}

fn mismatch(kind: ShardIteratorType, number: bool, timestamp: bool) -> ApiError {
    let given = match (number, timestamp) {
        (false, false) => "no starting sequence number and no timestamp",
        (true, false) => "a starting sequence number",
        (false, true) => "a timestamp",
        (true, true) => "a starting sequence number and a timestamp",
    };
    error::invalid_argument_exception(format!(
        "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) \
         AT_TIMESTAMP and Timestamp or (3) TRIM_HORIZON or LATEST and neither. Request specified {} and {given}.",
        kind.as_str()
    ))
}

/// The record's own offset or the one after it. The number of the shard's start stands before all.
fn offset(
    stream: &TopicId,
    shard_id: &str,
    numbers: ShardNumbers,
    number: &str,
    after: bool,
    tail: Offset,
) -> Result<Offset, ApiError> {
    let place = numbers.place(number).filter(|place| *place <= tail);
    let place = place.ok_or_else(|| {
        error::invalid_argument_exception(format!(
            "StartingSequenceNumber {number} used in GetShardIterator on shard {shard_id} in stream {} under \
             account {} is invalid because it did not come from this stream.",
            stream.name, stream.scope.account
        ))
    })?;
    Ok(if after { place } else { place.saturating_sub(1) })
}
