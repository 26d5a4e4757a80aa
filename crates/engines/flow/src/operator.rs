//! What happens to records between source and encoder, as a spec says it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A step that every record goes through. A delivery applies its operators in the order of its spec. What an
/// operator cannot take is rejected with the reason; the other records go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Operator {
    /// A record is a gzip file; its content goes on.
    Decompress,
    /// A record is what a log group sends its subscribers; the messages in it go on, each as a record.
    /// A control message is dropped.
    LogMessages,
    /// A record holds several; each goes on. A record that holds none is dropped.
    Split(Split),
    /// A function answers for each record whether it goes on, as what, or is dropped.
    Transform(Transform),
    /// A query finds the keys a record is partitioned by.
    Extract(Extract),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Split {
    /// JSON objects, one after the other or on lines.
    Json,
    /// At each of these bytes. Empty pieces are no records.
    Delimited(Vec<u8>),
}

/// A call of a function for every few records; see [`Functions`](crate::Functions) for the contract.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transform {
    /// What [`Functions::invoke`](crate::Functions::invoke) is given.
    pub function: String,
    /// Members of every request beside `invocationId` and `records`.
    pub envelope: Vec<(String, Value)>,
    /// Whether each record of a request says where in its source it stands.
    pub positions: bool,
    /// Record bytes of one request, before base64.
    pub request_bytes: u64,
    /// Further attempts after a first one that failed.
    pub retries: u32,
    /// The longest a call may take.
    pub timeout: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extract {
    /// A jq program whose first output is an object of partition keys.
    pub query: String,
}

/// Rows of a batch go to one output for each value of the keys in the sink's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partitioning {
    /// Records of further partitions within a batch are rejected.
    pub partitions_max: u32,
}

impl Default for Partitioning {
    /// 500, as in the public service.
    fn default() -> Partitioning {
        Partitioning { partitions_max: 500 }
    }
}
