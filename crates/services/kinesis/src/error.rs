//! From the log's errors to the service's, and sentences that several operations say.

use aws::ApiError;
use log::{LogError, TopicId};
use meta::MetaError;

use crate::model::error;
use crate::shard;

pub(crate) fn stream_not_found(stream: &TopicId) -> ApiError {
    error::resource_not_found_exception(format!(
        "Stream {} under account {} not found.",
        stream.name, stream.scope.account
    ))
}

pub(crate) fn shard_not_found(stream: &TopicId, shard_id: &str) -> ApiError {
    error::resource_not_found_exception(format!(
        "Shard {shard_id} in stream {} under account {} does not exist",
        stream.name, stream.scope.account
    ))
}

pub(crate) fn stream_exists(stream: &TopicId) -> ApiError {
    error::resource_in_use_exception(format!(
        "Stream {} under account {} already exists.",
        stream.name, stream.scope.account
    ))
}

pub(crate) fn rate_exceeded(stream: &TopicId) -> ApiError {
    error::provisioned_throughput_exceeded_exception(format!(
        "Rate exceeded for stream {} under account {}.",
        stream.name, stream.scope.account
    ))
}

/// AWS's form of saying that one shard is asked for too much.
pub(crate) fn shard_rate_message(stream: &TopicId, index: u32) -> String {
    let (id, account) = (shard::id(index), &stream.scope.account);
    format!("Rate exceeded for shard {id} in stream {} under account {account}.", stream.name)
}

pub(crate) fn shard_rate_exceeded(stream: &TopicId, index: u32) -> ApiError {
    error::provisioned_throughput_exceeded_exception(shard_rate_message(stream, index))
}

pub(crate) fn from_log(stream: &TopicId, error: LogError) -> ApiError {
    match error {
        LogError::NoSuchTopic(_) => stream_not_found(stream),
        LogError::TopicExists(_) => stream_exists(stream),
        LogError::NoSuchPartition { partition, .. } | LogError::PartitionClosed { partition, .. } => {
            shard_not_found(stream, &shard::id(partition))
        }
        LogError::RecordTooLarge { size, limit } => error::invalid_argument_exception(format!(
            "A record of {size} bytes is larger than the {limit} bytes that the server takes."
        )),
        // Producers slow down and try again, which is what a full disk asks for too.
        LogError::Overloaded | LogError::Sealed => rate_exceeded(stream),
        LogError::BadChange { reason, .. } => error::invalid_argument_exception(format!(
            "Stream {} under account {} cannot be resharded so: {reason}.",
            stream.name, stream.scope.account
        )),
        full @ LogError::StorageFull => rate_exceeded(stream).with_source(full),
        LogError::Meta(error) => from_meta(error),
        error @ (LogError::Corrupt { .. } | LogError::Closed | LogError::Io(_)) => {
            error::internal_failure_exception("Internal service failure.").with_source(error)
        }
    }
}

pub(crate) fn from_meta(error: MetaError) -> ApiError {
    error::internal_failure_exception("Internal service failure.").with_source(error)
}
