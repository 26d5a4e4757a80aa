//! Where a reader begins in a shard.

use aws::{ApiError, Context};
use log::{Offset, Position, Route, TopicId};
use rt::Timestamp;

use crate::error::from_log;
use crate::model::{ShardIteratorType, error};
use crate::sequence::ShardNumbers;
use crate::{Kinesis, shard};

/// A position as a request gives it.
pub(crate) struct Asked<'a> {
    pub(crate) kind: ShardIteratorType,
    pub(crate) number: Option<&'a str>,
    pub(crate) timestamp: Option<Timestamp>,
}

enum Start<'a> {
    At(Position),
    Number { number: &'a str, after: bool },
}

impl Kinesis {
    /// The offset that a position of a shard means.
    pub(crate) async fn offset_of(
        &self,
        ctx: &Context,
        stream: &TopicId,
        route: &Route,
        asked: &Asked<'_>,
    ) -> Result<Offset, ApiError> {
        let failed = |error| from_log(stream, error);
        match Start::of(asked, ctx.now)? {
            Start::At(position) => self.log.locate(stream, route.index, position).await.map_err(failed),
            Start::Number { number, after } => {
                let tail = self.log.locate(stream, route.index, Position::Latest).await.map_err(failed)?;
                offset(route, number, after, tail).ok_or_else(|| foreign(ctx, stream, route, number))
            }
        }
    }
}

impl Start<'_> {
    fn of<'a>(asked: &Asked<'a>, now: Timestamp) -> Result<Start<'a>, ApiError> {
        match (asked.kind, asked.number, asked.timestamp) {
            (ShardIteratorType::AtSequenceNumber, Some(number), None) => {
                Ok(Start::Number { number, after: false })
            }
            (ShardIteratorType::AfterSequenceNumber, Some(number), None) => {
                Ok(Start::Number { number, after: true })
            }
            (ShardIteratorType::TrimHorizon, None, None) => Ok(Start::At(Position::Oldest)),
            (ShardIteratorType::Latest, None, None) => Ok(Start::At(Position::Latest)),
            (ShardIteratorType::AtTimestamp, None, Some(at)) => {
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
            (kind, number, timestamp) => Err(mismatch(kind, number.is_some(), timestamp.is_some())),
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

/// The record's own offset or the one after it. The number of the shard's start stands before all, that of
/// its end after all. `None` for a number that is not of this shard.
fn offset(route: &Route, number: &str, after: bool, tail: Offset) -> Option<Offset> {
    let place = ShardNumbers::new(route.index, route.created).place(number)?;
    let is_end = route.closed_at.is_some_and(|end| place == end + 1);
    if place > tail && !is_end {
        return None;
    }
    Some(if after { place } else { place.saturating_sub(1) }.min(tail))
}

fn foreign(ctx: &Context, stream: &TopicId, route: &Route, number: &str) -> ApiError {
    error::invalid_argument_exception(format!(
        "StartingSequenceNumber {number} used in {} on shard {} in stream {} under account {} is invalid because \
         it did not come from this stream.",
        ctx.operation,
        shard::id(route.index),
        stream.name,
        stream.scope.account
    ))
}
