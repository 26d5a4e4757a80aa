//! Engine errors as the modelled errors of the service.

use aws::ApiError;
use flow::{FlowError, SpecError};
use log::LogError;
use meta::MetaError;
use names::Scope;
use objects::ObjectError;

use crate::model::error;

pub(crate) fn not_found(scope: &Scope, name: &str) -> ApiError {
    error::resource_not_found_exception(format!("Firehose {name} under account {} not found.", scope.account))
}

pub(crate) fn exists(scope: &Scope, name: &str) -> ApiError {
    error::resource_in_use_exception(format!(
        "Firehose {name} under accountId {} already exists",
        scope.account
    ))
}

/// The SDKs' word for: wait and put it again.
pub(crate) fn slow_down() -> ApiError {
    error::service_unavailable_exception(SLOW_DOWN)
}

pub(crate) const SLOW_DOWN: &str = "Slow down.";

pub(crate) fn meta_error(failure: MetaError) -> ApiError {
    match failure {
        MetaError::StorageFull | MetaError::Closed => slow_down().with_source(failure),
        MetaError::Io { .. }
        | MetaError::Corrupt { .. }
        | MetaError::Decode { .. }
        | MetaError::Encode { .. } => ApiError::internal(failure),
    }
}

/// Of the topic of `name`.
pub(crate) fn log_error(scope: &Scope, name: &str, failure: LogError) -> ApiError {
    match failure {
        LogError::NoSuchTopic(_) => not_found(scope, name),
        LogError::TopicExists(_) => exists(scope, name),
        LogError::Overloaded | LogError::StorageFull | LogError::Closed => slow_down().with_source(failure),
        LogError::RecordTooLarge { size, limit } => error::invalid_argument_exception(format!(
            "The record of {size} bytes is larger than the limit of {limit} bytes."
        )),
        LogError::Meta(failure) => meta_error(failure),
        LogError::NoSuchPartition { .. }
        | LogError::PartitionClosed { .. }
        | LogError::Sealed
        | LogError::BadChange { .. }
        | LogError::Corrupt { .. }
        | LogError::Io(_) => ApiError::internal(failure),
    }
}

/// Of the delivery of `name`, while it is created, changed or deleted.
pub(crate) fn flow_error(scope: &Scope, name: &str, failure: FlowError) -> ApiError {
    match failure {
        FlowError::NoSuchFlow(_) => not_found(scope, name),
        FlowError::FlowExists(_) => exists(scope, name),
        FlowError::Spec(failure) => spec_error(&failure),
        FlowError::Source(failure) => log_error(scope, name, failure),
        FlowError::Conflict => error::resource_in_use_exception(format!(
            "Firehose {name} is being changed by others. Please try again later."
        )),
        FlowError::Meta(failure) => meta_error(failure),
        other => ApiError::internal(other),
    }
}

pub(crate) fn spec_error(failure: &SpecError) -> ApiError {
    let cause = std::error::Error::source(failure).map_or_else(String::new, |cause| format!(": {cause}"));
    let field = match failure {
        SpecError::Prefix(_) => "Prefix",
        SpecError::ErrorPrefix(_) => "ErrorOutputPrefix",
        SpecError::TimeZone(_) => "CustomTimeZone",
        SpecError::BufferBytes(_) | SpecError::ZipBytes(_) => "BufferingHints",
        SpecError::Query(_) => "MetadataExtractionQuery",
        SpecError::NotPartitioned | SpecError::NoSuchKey(_) => "Prefix",
        SpecError::BackupPrefix(_) => "S3BackupConfiguration.Prefix",
    };
    error::invalid_argument_exception(format!("{field} is invalid: {failure}{cause}."))
}

/// Of the destination's bucket.
pub(crate) fn bucket_error(bucket: &str, failure: ObjectError) -> ApiError {
    match failure {
        ObjectError::NoSuchBucket { .. } => {
            error::invalid_argument_exception(format!("The destination bucket {bucket} does not exist."))
        }
        other => ApiError::internal(other),
    }
}
