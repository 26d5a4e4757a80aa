use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{CommitError, Key, MetaError};

/// The number of a commit: one counter for the whole database, growing with every commit.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u64);

/// What must hold and what to write, applied whole or not at all. All requirements are checked before
/// the first write; writes are applied in the order they were given.
#[derive(Clone, Debug, Default)]
#[must_use = "a transaction does nothing until it is committed"]
pub struct Txn {
    pub(crate) checks: Vec<Check>,
    pub(crate) writes: Vec<Write>,
    /// The first value without a JSON form: its key and why.
    unwritable: Option<(Key, String)>,
}

#[derive(Debug, Clone)]
pub(crate) enum Check {
    Absent(Key),
    Present(Key),
    Revision(Key, Revision),
    Empty(Key),
}

impl Check {
    pub(crate) fn key(&self) -> &Key {
        match self {
            Check::Absent(key) | Check::Present(key) | Check::Revision(key, _) | Check::Empty(key) => key,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Write {
    Put(Key, Bytes),
    Delete(Key),
    DeletePrefix(Key),
}

impl Txn {
    pub fn new() -> Txn {
        Txn::default()
    }

    pub fn require_absent(mut self, key: Key) -> Txn {
        self.checks.push(Check::Absent(key));
        self
    }

    pub fn require_present(mut self, key: Key) -> Txn {
        self.checks.push(Check::Present(key));
        self
    }

    /// The key exists and was last written by the commit `revision`.
    pub fn require_revision(mut self, key: Key, revision: Revision) -> Txn {
        self.checks.push(Check::Revision(key, revision));
        self
    }

    /// Nothing lies strictly below `prefix`.
    pub fn require_empty(mut self, prefix: Key) -> Txn {
        self.checks.push(Check::Empty(prefix));
        self
    }

    pub fn put(mut self, key: Key, value: impl Into<Bytes>) -> Txn {
        self.writes.push(Write::Put(key, value.into()));
        self
    }

    /// Writes the value as JSON. One that has no JSON form fails the commit, not this call.
    pub fn put_json<T: Serialize + ?Sized>(mut self, key: Key, value: &T) -> Txn {
        match serde_json::to_vec(value) {
            Ok(json) => self.put(key, json),
            Err(error) => {
                self.unwritable.get_or_insert((key, error.to_string()));
                self
            }
        }
    }

    /// Deleting what is not there is no conflict.
    pub fn delete(mut self, key: Key) -> Txn {
        self.writes.push(Write::Delete(key));
        self
    }

    /// Deletes the key `prefix` itself and everything below it.
    pub fn delete_prefix(mut self, prefix: Key) -> Txn {
        self.writes.push(Write::DeletePrefix(prefix));
        self
    }

    /// Both transactions as one; the writes of `other` come second.
    pub fn merge(mut self, other: Txn) -> Txn {
        self.checks.extend(other.checks);
        self.writes.extend(other.writes);
        self.unwritable = self.unwritable.or(other.unwritable);
        self
    }

    pub fn is_empty(&self) -> bool {
        self.checks.is_empty() && self.writes.is_empty() && self.unwritable.is_none()
    }

    pub(crate) fn ready(mut self) -> Result<Txn, CommitError> {
        match self.unwritable.take() {
            Some((key, reason)) => Err(MetaError::Encode { key, reason }.into()),
            None => Ok(self),
        }
    }
}
