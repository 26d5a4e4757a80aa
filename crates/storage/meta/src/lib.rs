//! Transactional, ordered key-value with watches: where the state of record of every engine lives.
//!
//! A [`Key`] is a path of segments, ordered segment by segment; a value is opaque bytes (JSON by custom);
//! each key carries the [`Revision`] of the commit that last wrote it. A [`Txn`] names what must hold and
//! what to write, and is applied whole or not at all.
//!
//! Guarantees:
//! - [`Meta::commit`] returns after the commit is on disk. Concurrent commits share one flush, and a
//!   conflict of one does not fail the others.
//! - Commits are serial. A read that starts after a commit returned sees it.
//! - A [`Watch`] resolves after every commit that touched its prefix; it may resolve once for several.
//! - A database is open in one process at a time.
//!
//! It never interprets values, never keeps history, and has no transaction that spans awaits: what a
//! caller read is protected by putting its revision into the transaction.
//!
//! Point reads and short scans run where they are called: they touch pages the operating system holds in
//! memory and cost microseconds, less than handing them to another thread. Long scans go to a blocking
//! thread.
//!
//! Start reading at [`Meta`]; behind it stands the trait `Store`.

mod error;
#[cfg(feature = "faults")]
pub mod faults;
mod key;
mod memory;
mod sqlite;
mod store;
mod txn;
mod watch;

pub use error::{CommitError, MetaError, OpenError};
pub use key::{Key, Segment};
pub use txn::{Revision, Txn};
pub use watch::Watch;

use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use rt::Rt;
use serde::de::DeserializeOwned;

use store::Store;
use watch::Watches;

/// A handle to one database. Clones share it; the last one to go closes it.
#[derive(Clone)]
pub struct Meta {
    store: Arc<dyn Store>,
    watches: Arc<Watches>,
}

/// One key as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub key: Key,
    pub value: Bytes,
    pub revision: Revision,
}

impl Entry {
    /// The value read as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, MetaError> {
        serde_json::from_slice(&self.value)
            .map_err(|source| MetaError::Decode { key: self.key.clone(), source })
    }
}

impl Meta {
    /// Opens the SQLite database in the file `path`, creating it and its folder if missing.
    pub async fn open(path: &Path, rt: Rt) -> Result<Meta, OpenError> {
        let watches = Arc::new(Watches::default());
        let path = path.to_owned();
        let store = {
            let (rt, watches) = (rt.clone(), watches.clone());
            rt.clone().blocking("meta open", move || sqlite::Sqlite::open(&path, rt, watches)).await?
        };
        Ok(Meta { store: Arc::new(store), watches })
    }

    /// A database that lives as long as its handles, for tests.
    #[expect(clippy::unused_async, reason = "the same shape as open")]
    pub async fn in_memory(_rt: Rt) -> Meta {
        let watches = Arc::new(Watches::default());
        Meta { store: Arc::new(memory::Memory::new(watches.clone())), watches }
    }

    pub async fn get(&self, key: &Key) -> Result<Option<Entry>, MetaError> {
        let mut entries = self.store.get_many(std::slice::from_ref(key)).await?;
        Ok(entries.pop().flatten())
    }

    /// One answer per key, in the order of `keys`, all from one moment.
    pub async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Entry>>, MetaError> {
        self.store.get_many(keys).await
    }

    /// At most `limit` entries strictly below `prefix`, in key order, beginning after `after`.
    pub async fn scan(
        &self,
        prefix: &Key,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Entry>, MetaError> {
        let (mut from, to) = prefix.below();
        if let Some(after) = after {
            from = from.max(after.just_after());
        }
        self.store.scan(from, to, limit).await
    }

    /// At most `limit` entries between two keys, in key order.
    pub async fn scan_range(
        &self,
        from: Bound<Key>,
        to: Bound<Key>,
        limit: usize,
    ) -> Result<Vec<Entry>, MetaError> {
        let from = match from {
            Bound::Included(key) => key.into_bytes(),
            Bound::Excluded(key) => key.just_after(),
            Bound::Unbounded => Vec::new(),
        };
        let to = match to {
            Bound::Included(key) => key.just_after(),
            Bound::Excluded(key) => key.into_bytes(),
            Bound::Unbounded => key::END.to_vec(),
        };
        self.store.scan(from, to, limit).await
    }

    /// Applies the transaction and returns when it is durable. Dropping the future does not take it back.
    pub async fn commit(&self, txn: Txn) -> Result<Revision, CommitError> {
        let txn = txn.ready()?;
        self.store.commit(txn).await
    }

    /// Watches every key that is `prefix` or lies below it. Commits from now on count.
    pub fn watch(&self, prefix: &Key) -> Watch {
        self.watches.watch(prefix)
    }

    /// Removes everything, in milliseconds. Revisions go on counting; watches resolve.
    pub async fn clear(&self) -> Result<(), MetaError> {
        self.store.clear().await
    }
}

impl std::fmt::Debug for Meta {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meta").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod tests;
