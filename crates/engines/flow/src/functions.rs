//! Functions that transform records, and what they are told and have to answer.
//!
//! A request is a JSON object: `invocationId`, the members of [`Transform::envelope`](crate::Transform), and
//! `records`, each with `recordId`, `approximateArrivalTimestamp` in milliseconds, `data` in base64 and, if
//! asked for, `kinesisRecordMetadata`. The answer has `records`, one for each `recordId`, with `result`
//! (`Ok`, `Dropped` or `ProcessingFailed`), `data` in base64 and perhaps `metadata.partitionKeys`.

use bytes::Bytes;
use futures::future::BoxFuture;
use thiserror::Error;

/// Runs functions by name. A delivery calls it for several requests at the same time, and again for a request
/// that failed or whose batch is redone after a crash: what a function does besides answering happens at
/// least once. Nothing of an answer is visible before the batch is committed, so that two answers to the same
/// records may differ and each record still counts once.
pub trait Functions: Send + Sync + 'static {
    /// The answer to `payload`, both at most [`PAYLOAD_BYTES_MAX`].
    fn invoke(&self, function: String, payload: Bytes) -> BoxFuture<'_, Result<Bytes, FunctionError>>;
}

/// The most bytes of a request and of an answer.
pub const PAYLOAD_BYTES_MAX: usize = 6 << 20;

/// Why a call has no answer. Each is tried again as often as the spec says; then the records of the request
/// are rejected with the reason.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FunctionError {
    #[error("the function {0} does not exist")]
    NoSuchFunction(String),
    /// It ran and failed; what it said.
    #[error("the function failed: {0}")]
    Failed(String),
    #[error("the function cannot be called now: {0}")]
    Unavailable(String),
}

/// For a process without functions.
pub(crate) struct NoFunctions;

impl Functions for NoFunctions {
    fn invoke(&self, function: String, _payload: Bytes) -> BoxFuture<'_, Result<Bytes, FunctionError>> {
        Box::pin(std::future::ready(Err(FunctionError::NoSuchFunction(function))))
    }
}
