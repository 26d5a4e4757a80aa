use names::NameError;
use thiserror::Error;

use crate::{FlowId, SpecError};

/// Why something a delivery was asked to do, or tried to do, did not happen. While a delivery runs, each
/// of these is retried; [`FlowStatus::last_error`](crate::FlowStatus) shows it with its sources.
#[derive(Debug, Error)]
pub enum FlowError {
    #[error("delivery {0} does not exist")]
    NoSuchFlow(FlowId),
    #[error("delivery {0} already exists")]
    FlowExists(FlowId),
    #[error("the delivery's settings cannot be executed")]
    Spec(#[from] SpecError),
    #[error("the source cannot be read")]
    Source(#[source] log::LogError),
    #[error("the source ended within a batch: partition {partition} has no record {offset}")]
    SourceShrank { partition: u32, offset: u64 },
    #[error("bucket {bucket} cannot be written to")]
    Sink { bucket: String, source: objects::ObjectError },
    #[error("the table's schema cannot be read")]
    Catalog(#[from] lake::CatalogError),
    #[error("a table of the delivery failed")]
    Table(#[source] Box<lake::iceberg::IcebergError>),
    #[error("records cannot be converted to the table's columns")]
    Schema(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("records cannot be read")]
    Read(#[source] rt::TaskError),
    #[error("records cannot be converted")]
    Convert(#[source] rt::TaskError),
    #[error("rows cannot be written as a file")]
    Encode(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("a request was not taken: {code}: {reason}")]
    NotTaken { code: String, reason: String },
    #[error("the delivery's state cannot be kept")]
    Meta(#[from] meta::MetaError),
    /// Somebody else changed the delivery at the same moment; the state is read again.
    #[error("the delivery was changed by someone else")]
    Conflict,
    #[error("the delivery's state was written by a newer version")]
    NewerState,
    #[error("a stored name is invalid")]
    Name(#[from] NameError),
    #[cfg(any(test, feature = "failpoints"))]
    #[error("failpoint {0}")]
    Failpoint(&'static str),
}

impl From<lake::iceberg::IcebergError> for FlowError {
    fn from(error: lake::iceberg::IcebergError) -> FlowError {
        match error {
            lake::iceberg::IcebergError::Conflict { .. } => FlowError::Conflict,
            other => FlowError::Table(Box::new(other)),
        }
    }
}

impl From<meta::CommitError> for FlowError {
    fn from(error: meta::CommitError) -> FlowError {
        match error {
            meta::CommitError::Conflict { .. } => FlowError::Conflict,
            meta::CommitError::Meta(error) => FlowError::Meta(error),
        }
    }
}

/// The error and what caused it, in one line.
pub(crate) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
