//! Shard iterators: a position with a date, sealed against slips but not secret. They hold nothing on the
//! server and outlive it.

use aws::ApiError;
use log::{Offset, TopicId};
use rt::Timestamp;
use serde::{Deserialize, Serialize};

use crate::limits::ITERATOR_LIFE;
use crate::model::error;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShardIterator {
    #[serde(rename = "n")]
    pub(crate) stream: String,
    /// Of the stream: an iterator of a deleted stream is not taken for one of its successor.
    #[serde(rename = "i")]
    pub(crate) incarnation: String,
    #[serde(rename = "s")]
    pub(crate) shard: u32,
    #[serde(rename = "o")]
    pub(crate) offset: Offset,
    #[serde(rename = "t")]
    pub(crate) issued: Timestamp,
}

impl ShardIterator {
    pub(crate) fn new(
        stream: &TopicId,
        incarnation: &str,
        shard: u32,
        offset: Offset,
        now: Timestamp,
    ) -> ShardIterator {
        let (stream, incarnation) = (stream.name.clone(), incarnation.to_owned());
        ShardIterator { stream, incarnation, shard, offset, issued: now }
    }

    pub(crate) fn encode(&self) -> String {
        aws::paging::encode(self)
    }

    pub(crate) fn decode(token: &str, now: Timestamp) -> Result<ShardIterator, ApiError> {
        let iterator: ShardIterator = aws::paging::decode(token)
            .ok_or_else(|| error::invalid_argument_exception("Invalid ShardIterator."))?;
        if now.saturating_since(iterator.issued) > ITERATOR_LIFE {
            let date = |at: Timestamp| at.to_utc().format("%a %b %d %H:%M:%S UTC %Y").to_string();
            return Err(error::expired_iterator_exception(format!(
                "Iterator expired. The iterator was created at time {} while right now it is {} which is further \
                 in the future than the tolerated delay of {} milliseconds.",
                date(iterator.issued),
                date(now),
                ITERATOR_LIFE.as_millis()
            )));
        }
        Ok(iterator)
    }
}
