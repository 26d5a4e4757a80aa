use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use parking_lot::Mutex;

use crate::key::END;
use crate::store::Store;
use crate::txn::{Check, Write};
use crate::watch::Watches;
use crate::{CommitError, Entry, Key, MetaError, Revision, Txn};

/// A sorted map: the store of tests, and the model the others are measured by.
pub(crate) struct Memory {
    state: Mutex<State>,
    watches: Arc<Watches>,
}

#[derive(Default)]
struct State {
    revision: Revision,
    entries: BTreeMap<Vec<u8>, (Bytes, Revision)>,
}

impl Memory {
    pub(crate) fn new(watches: Arc<Watches>) -> Memory {
        Memory { state: Mutex::default(), watches }
    }

    fn apply(&self, txn: &Txn) -> Result<Revision, CommitError> {
        let mut state = self.state.lock();
        for check in &txn.checks {
            let found = |key: &Key| state.entries.get(key.as_bytes()).map(|(_, revision)| *revision);
            let holds = match check {
                Check::Absent(key) => found(key).is_none(),
                Check::Present(key) => found(key).is_some(),
                Check::Revision(key, revision) => found(key) == Some(*revision),
                Check::Empty(prefix) => {
                    let (from, to) = prefix.below();
                    state.entries.range(from..to).next().is_none()
                }
            };
            if !holds {
                return Err(CommitError::Conflict { key: check.key().clone() });
            }
        }
        if txn.writes.is_empty() {
            return Ok(state.revision);
        }
        state.revision.0 += 1;
        let revision = state.revision;
        for write in &txn.writes {
            match write {
                Write::Put(key, value) => {
                    state.entries.insert(key.as_bytes().to_vec(), (value.clone(), revision));
                }
                Write::Delete(key) => {
                    state.entries.remove(key.as_bytes());
                }
                Write::DeletePrefix(prefix) => {
                    let to = [prefix.as_bytes(), END].concat();
                    let range = prefix.as_bytes().to_vec()..to;
                    let doomed: Vec<_> = state.entries.range(range).map(|(key, _)| key.clone()).collect();
                    for key in doomed {
                        state.entries.remove(&key);
                    }
                }
            }
        }
        self.watches.notify(&txn.writes);
        Ok(revision)
    }
}

impl Store for Memory {
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Entry>>, MetaError>> {
        let state = self.state.lock();
        let found = keys
            .iter()
            .map(|key| state.entries.get(key.as_bytes()).map(|found| entry(key.as_bytes(), found)))
            .collect();
        ready(Ok(found)).boxed()
    }

    fn scan(&self, from: Vec<u8>, to: Vec<u8>, limit: usize) -> BoxFuture<'_, Result<Vec<Entry>, MetaError>> {
        if from >= to {
            return ready(Ok(Vec::new())).boxed();
        }
        let state = self.state.lock();
        let found = state.entries.range(from..to).take(limit).map(|(key, found)| entry(key, found));
        ready(Ok(found.collect())).boxed()
    }

    fn commit(&self, txn: Txn) -> BoxFuture<'_, Result<Revision, CommitError>> {
        ready(self.apply(&txn)).boxed()
    }

    fn clear(&self) -> BoxFuture<'_, Result<(), MetaError>> {
        self.state.lock().entries.clear();
        self.watches.notify_all();
        ready(Ok(())).boxed()
    }
}

fn entry(key: &[u8], (value, revision): &(Bytes, Revision)) -> Entry {
    Entry { key: Key::from_stored(key), value: value.clone(), revision: *revision }
}
