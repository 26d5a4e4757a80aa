//! Records between source and encoder, and what becomes of those that do not get there.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::reader::{Chunk, Origin};
use crate::reject::{Attempt, Cause, ErrorShape, Failure, FailureKind};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
}

impl Count {
    pub(crate) fn of(data: &[Bytes]) -> Count {
        let bytes = data.iter().map(|data| data.len() as u64).sum();
        Count { records: data.len() as u64, bytes }
    }

    pub(crate) fn one(data: &Bytes) -> Count {
        Count { records: 1, bytes: data.len() as u64 }
    }

    pub(crate) fn add(&mut self, other: Count) {
        self.records += other.records;
        self.bytes += other.bytes;
    }
}

/// What operators made of records that went into them: the difference, which may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) records: i64,
    pub(crate) bytes: i64,
}

impl Change {
    pub(crate) fn between(before: Count, after: Count) -> Change {
        Change {
            records: after.records.cast_signed() - before.records.cast_signed(),
            bytes: after.bytes.cast_signed() - before.bytes.cast_signed(),
        }
    }

    pub(crate) fn add(&mut self, other: Change) {
        self.records += other.records;
        self.bytes += other.bytes;
    }
}

/// The account of some records: `taken + made = delivered + rejected + dropped`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) taken: Count,
    pub(crate) made: Change,
    pub(crate) delivered: Count,
    pub(crate) rejected: Count,
    pub(crate) dropped: Count,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Tally) {
        let Tally { taken, made, delivered, rejected, dropped } = other;
        self.taken.add(taken);
        self.made.add(made);
        self.delivered.add(delivered);
        self.rejected.add(rejected);
        self.dropped.add(dropped);
    }

    /// What was counted as delivered is rejected after all.
    pub(crate) fn refuse(&mut self, count: Count) {
        self.delivered.records -= count.records;
        self.delivered.bytes -= count.bytes;
        self.rejected.add(count);
    }

    pub(crate) fn balances(&self) -> bool {
        let mut settled = self.delivered;
        settled.add(self.rejected);
        settled.add(self.dropped);
        Change::between(self.taken, settled) == self.made
    }
}

/// The values of a record's partition keys, in the order in which a plan names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) query: Vec<String>,
    pub(crate) function: Vec<String>,
}

/// Records in order.
#[derive(Debug, Default)]
pub(crate) struct Records {
    pub(crate) data: Vec<Bytes>,
    /// One for each record.
    pub(crate) origins: Vec<Origin>,
    /// One for each record, or none at all if nobody asks for keys.
    pub(crate) keys: Vec<Keys>,
}

impl Records {
    pub(crate) fn with_capacity(records: usize) -> Records {
        Records { data: Vec::with_capacity(records), origins: Vec::with_capacity(records), keys: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.data.len()
    }

    pub(crate) fn push(&mut self, data: Bytes, origin: Origin, keys: Option<Keys>) {
        self.data.push(data);
        self.origins.push(origin);
        self.keys.extend(keys);
    }

    /// The records one by one, each with its keys if there are any.
    pub(crate) fn into_each(self) -> impl Iterator<Item = (Bytes, Origin, Option<Keys>)> {
        let keys = self.keys.into_iter().map(Some).chain(std::iter::repeat_with(|| None));
        self.data.into_iter().zip(self.origins).zip(keys).map(|((data, origin), keys)| (data, origin, keys))
    }
}

/// Why a record was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) cause: Cause,
    pub(crate) reason: String,
    /// How often it was tried.
    pub(crate) attempts: u32,
    /// What a place outside calls the failure.
    pub(crate) code: Option<String>,
}

impl Refusal {
    pub(crate) fn new(cause: Cause, reason: impl Into<String>) -> Refusal {
        Refusal { cause, reason: reason.into(), attempts: 1, code: None }
    }
}

/// Records on their way, with the account of those that left it.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) records: Records,
    pub(crate) tally: Tally,
    pub(crate) failures: Failures,
}

impl Work {
    pub(crate) fn new(chunk: Chunk) -> Work {
        let Chunk { data, origins, .. } = chunk;
        let tally = Tally { taken: Count::of(&data), ..Tally::default() };
        Work { records: Records { data, origins, keys: Vec::new() }, tally, failures: Failures::default() }
    }

    pub(crate) fn reject(&mut self, errors: &Errors, refusal: &Refusal, data: &Bytes, origin: Origin) {
        self.tally.rejected.add(Count::one(data));
        self.failures.push(errors, refusal, data, origin);
    }
}

/// How lines of the error output are written in a batch.
#[derive(Clone, Debug)]
pub(crate) struct Errors {
    pub(crate) shape: ErrorShape,
    pub(crate) attempt: Attempt,
}

/// Lines of the error output.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    pub(crate) lines: BTreeMap<FailureKind, Vec<u8>>,
}

impl Failures {
    pub(crate) fn push(&mut self, errors: &Errors, refusal: &Refusal, data: &Bytes, origin: Origin) {
        let failure = Failure {
            cause: refusal.cause,
            reason: &refusal.reason,
            attempts: refusal.attempts,
            code: refusal.code.as_deref(),
            data,
            arrival: origin.at,
            partition: origin.partition,
            offset: origin.offset,
        };
        let lines = self.lines.entry(refusal.cause.kind()).or_default();
        errors.shape.write_line(&failure, errors.attempt, lines);
    }
}
