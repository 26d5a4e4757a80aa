//! The account of a delivery.

use std::time::Duration;

use rt::Timestamp;
use serde::{Deserialize, Serialize};

/// What a delivery did since it was created, changed only in the commit that makes it true.
///
/// At every commit the records read from the source are `delivered + rejected + missing`; what lies
/// between the committed offsets and the end of the source is pending. An aggregate counts as one record while
/// it is pending and as the records in it from then on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    pub delivered_records: u64,
    /// Source bytes of the delivered records.
    pub delivered_bytes: u64,
    /// Records in the error output.
    pub rejected_records: u64,
    pub rejected_bytes: u64,
    /// Records that the source no longer had when their turn came: its retention was too short, or they
    /// were damaged.
    pub missing_records: u64,
    /// Objects made visible, those of the error output included, and their bytes.
    pub objects: u64,
    pub object_bytes: u64,
    pub batches: u64,
    /// When the last batch was committed, and the arrival of the oldest record in it.
    pub committed: Option<Timestamp>,
    pub committed_oldest: Option<Timestamp>,
}

impl Ledger {
    /// Records that left the pending state, one way or another.
    pub fn settled_records(&self) -> u64 {
        self.delivered_records + self.rejected_records + self.missing_records
    }

    /// Bytes of the records that were settled and that the source still had.
    pub fn settled_bytes(&self) -> u64 {
        self.delivered_bytes + self.rejected_bytes
    }
}

/// What a delivery is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing is pending, or the buffer is filling.
    Waiting,
    /// A batch is in work.
    Delivering,
    /// The last attempt failed; the next one comes by itself.
    Retrying,
    /// Its task does not run: the process is shutting down.
    Stopped,
}

/// A delivery at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowStatus {
    pub ledger: Ledger,
    /// Records accepted into the source since the delivery began: settled and pending.
    pub received_records: u64,
    /// Records in the source that are neither delivered nor rejected.
    pub pending_records: u64,
    /// About how many bytes these are, by the sizes of the oldest ones.
    pub pending_bytes: u64,
    /// Arrival of the oldest of them; `None` if there are none.
    pub oldest_pending: Option<Timestamp>,
    /// The time between the arrival of the oldest record of the last batch and its commit.
    pub freshness: Option<Duration>,
    pub phase: Phase,
    /// Why the last attempt failed; `None` after a success.
    pub last_error: Option<String>,
    /// When that was.
    pub failed: Option<Timestamp>,
    /// Attempts that failed since the process started.
    pub failures: u64,
}
