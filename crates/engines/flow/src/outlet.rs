//! Places outside that take records in requests, and what they answer.

use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use rt::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Cause;

/// Delivers requests to places outside; whoever knows the protocol of such a place implements it.
///
/// A delivery calls it for one request after the other, in the order of the source, and several deliveries call it
/// at the same time. A request whose answer was lost, or whose batch is redone after a crash, comes again with the
/// same id, the same time and the same records: the place that tells requests apart by their id sees each once.
pub trait Outlet: Send + Sync + 'static {
    /// Delivers one request to what `target` ([`RequestEncode::target`]) describes, and waits for the answer for as
    /// long as the protocol of the place says.
    fn deliver(&self, target: Value, request: Request) -> BoxFuture<'_, Answer>;
}

/// Records that are delivered together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// A UUID, the same whenever these records are delivered.
    pub id: String,
    /// When the batch was planned, the same whenever these records are delivered.
    pub time: Timestamp,
    pub records: Vec<Bytes>,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// All its records are there.
    Accepted,
    /// It will never be taken.
    Refused(Trouble),
    /// It may be taken later.
    TryAgain(Trouble),
}

/// Why a request was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// As the users of the place know it.
    pub code: String,
    /// In words a person can act on.
    pub reason: String,
}

impl Trouble {
    pub fn new(code: impl Into<String>, reason: impl Into<String>) -> Trouble {
        Trouble { code: code.into(), reason: reason.into() }
    }
}

/// Records in requests to a place outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestEncode {
    /// What [`Outlet::deliver`] is given.
    pub target: Value,
    /// Appended to each record.
    pub delimiter: Option<String>,
    /// A request ends before the record with which its records, in base64, would be more bytes than this.
    pub request_bytes: u64,
    /// For so long after its first attempt a request that was not taken is tried again; then its records go to the
    /// error output. Zero: one attempt.
    pub retry: Duration,
    /// What records that were not taken are rejected with.
    pub failure: Cause,
}

/// For a process without places outside.
pub(crate) struct NoOutlet;

impl Outlet for NoOutlet {
    fn deliver(&self, _target: Value, _request: Request) -> BoxFuture<'_, Answer> {
        let trouble = Trouble::new("NoOutlet", "this process delivers to no places outside");
        Box::pin(std::future::ready(Answer::TryAgain(trouble)))
    }
}
