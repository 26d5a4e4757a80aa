//! The account of a delivery.

use std::time::Duration;

use rt::Timestamp;
use serde::{Deserialize, Serialize};

/// What a delivery did since it was created, changed only in the commit that makes it true.
///
/// At every commit `taken + made = delivered + rejected + dropped`, in records and in bytes; what lies between
/// the committed offsets and the end of the source is pending. A producer's aggregate counts as one record while
/// it is pending and as the records in it from then on. What operators make of a record is theirs: of three
/// records split from one, two are `made`, and so are the bytes a record gains when it is decompressed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// Records of the source that left the pending state and could be read, and their bytes.
    pub taken_records: u64,
    pub taken_bytes: u64,
    /// Records and bytes that operators added; what they took away counts below zero.
    pub made_records: i64,
    pub made_bytes: i64,
    pub delivered_records: u64,
    /// Bytes of the delivered records before they were encoded.
    pub delivered_bytes: u64,
    /// Records in the error output, as they were when they failed.
    pub rejected_records: u64,
    pub rejected_bytes: u64,
    /// Records that an operator left out on purpose.
    pub dropped_records: u64,
    pub dropped_bytes: u64,
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
        self.delivered_records + self.rejected_records + self.dropped_records + self.missing_records
    }

    /// Whether every record and byte is accounted for.
    pub fn balances(&self) -> bool {
        let settled_records = self.delivered_records + self.rejected_records + self.dropped_records;
        let settled_bytes = self.delivered_bytes + self.rejected_bytes + self.dropped_bytes;
        self.taken_records.checked_add_signed(self.made_records) == Some(settled_records)
            && self.taken_bytes.checked_add_signed(self.made_bytes) == Some(settled_bytes)
    }

    /// What records of the source were, before that was written down: those that left it.
    pub(crate) fn upgraded(mut self) -> Ledger {
        if (self.taken_records, self.made_records) == (0, 0) {
            self.taken_records = self.delivered_records + self.rejected_records;
            self.taken_bytes = self.delivered_bytes + self.rejected_bytes;
        }
        self
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
    /// Records accepted into the source since the delivery began: taken, missing and pending.
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
    /// Partitions by key of the latest batch of this process; 0 for a delivery that does not partition by keys.
    pub partitions: u32,
    /// That batch had records of more partitions than the delivery may open; they are rejected.
    pub partitions_exceeded: bool,
}
