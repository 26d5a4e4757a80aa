//! The record of a query execution: what was asked, where it stands, what it cost.

use names::Scope;
use rt::Timestamp;
use serde::{Deserialize, Serialize};

use crate::statement::{Kind, ResultFile};

/// What the caller asked for, as asked; a client request token stands for exactly this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub sql: String,
    pub catalog: Option<String>,
    pub database: Option<String>,
    pub work_group: String,
    pub parameters: Vec<String>,
    pub output_location: Option<String>,
    pub expected_bucket_owner: Option<String>,
    pub acl: Option<String>,
    /// Whether an earlier result will do, and how old it may be in minutes, as the caller said it.
    pub reuse: Option<(bool, Option<i32>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

impl State {
    pub(crate) fn is_final(self) -> bool {
        matches!(self, State::Succeeded | State::Failed | State::Cancelled)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            State::Queued => "QUEUED",
            State::Running => "RUNNING",
            State::Succeeded => "SUCCEEDED",
            State::Failed => "FAILED",
            State::Cancelled => "CANCELLED",
        }
    }
}

/// Why a query failed, in the numbers of the service's error catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub reason: String,
    pub category: i32,
    pub error_type: i32,
    pub retryable: bool,
}

/// One column of the result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Column {
    pub name: String,
    pub type_: String,
    pub precision: i32,
    pub scale: i32,
}

impl Column {
    pub(crate) fn case_sensitive(&self) -> bool {
        self.type_.starts_with("varchar") || self.type_.starts_with("char")
    }
}

/// An object of the result: `s3://bucket/key`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub bucket: String,
    pub key: String,
}

impl Place {
    pub(crate) fn uri(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }

    pub(crate) fn metadata_key(&self) -> String {
        format!("{}.metadata", self.key)
    }
}

/// Measured while it ran. Milliseconds, bytes, rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub scanned_bytes: u64,
    pub scanned_rows: u64,
    pub output_bytes: u64,
    pub output_rows: u64,
    pub queue_ms: u64,
    pub planning_ms: u64,
    pub engine_ms: u64,
    pub publish_ms: u64,
}

/// The record of one query execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Execution {
    pub id: String,
    pub request: Request,
    /// The client request token that stands for the request.
    pub token: Option<String>,
    /// The account and region in words, as the engine's session needs them after a restart.
    pub scope: Scope,
    pub kind: Kind,
    pub verb: String,
    pub repeatable: bool,
    pub file: ResultFile,
    pub place: Place,
    pub bytes_scanned_max: Option<u64>,
    pub state: State,
    pub reason: Option<String>,
    pub failure: Option<Failure>,
    pub submitted: Timestamp,
    pub completed: Option<Timestamp>,
    pub figures: Figures,
    pub columns: Vec<Column>,
    /// Rows a statement wrote, for those that write rows.
    pub update_count: Option<i64>,
    /// The execution whose result this one repeats.
    pub reused_from: Option<String>,
}

impl Execution {
    /// The first row of the result names the columns.
    pub(crate) fn has_header(&self) -> bool {
        self.kind == Kind::Dml || self.file == ResultFile::Csv
    }

    pub(crate) fn total_ms(&self, now: Timestamp) -> u64 {
        millis(self.completed.unwrap_or(now).saturating_since(self.submitted))
    }
}

pub(crate) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Where the record of an execution is, for the keys that are walked over all scopes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pointer {
    pub scope: Scope,
    pub id: String,
}
