use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::Key;
use crate::key::END;
use crate::txn::Write;

/// Who watches which prefix. A commit looks up the few prefixes of each key it wrote, so its cost does
/// not grow with the number of watches.
#[derive(Default)]
pub struct Watches {
    by_prefix: Mutex<BTreeMap<Vec<u8>, watch::Sender<()>>>,
}

impl Watches {
    pub(crate) fn watch(self: &Arc<Self>, prefix: &Key) -> Watch {
        let prefix = prefix.as_bytes().to_vec();
        let changes =
            self.by_prefix.lock().entry(prefix.clone()).or_insert_with(|| watch::Sender::new(())).subscribe();
        Watch { watches: self.clone(), prefix, changes: Some(changes) }
    }

    pub(crate) fn notify(&self, writes: &[Write]) {
        let by_prefix = self.by_prefix.lock();
        if by_prefix.is_empty() {
            return;
        }
        for write in writes {
            let (Write::Put(key, _) | Write::Delete(key) | Write::DeletePrefix(key)) = write;
            for end in key.boundaries() {
                if let Some(changes) = by_prefix.get(&key.as_bytes()[..end]) {
                    changes.send_replace(());
                }
            }
            if matches!(write, Write::DeletePrefix(_)) {
                let (from, to) = key.below();
                by_prefix.range(from..to).for_each(|(_, changes)| {
                    changes.send_replace(());
                });
            }
        }
    }

    pub(crate) fn notify_all(&self) {
        self.by_prefix.lock().range(Vec::new()..END.to_vec()).for_each(|(_, changes)| {
            changes.send_replace(());
        });
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.by_prefix.lock().len()
    }
}

/// Tells of commits that touched a prefix.
pub struct Watch {
    watches: Arc<Watches>,
    prefix: Vec<u8>,
    changes: Option<watch::Receiver<()>>,
}

impl Watch {
    /// Resolves after a commit that touched the prefix since the last call (the first time: since the
    /// watch was made). Several commits may resolve it once.
    pub async fn changed(&mut self) {
        let changes = self.changes.as_mut().expect("only drop takes the receiver");
        // The sender stays in the register for as long as a receiver exists.
        let _open = changes.changed().await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut by_prefix = self.watches.by_prefix.lock();
        self.changes = None;
        if by_prefix.get(&self.prefix).is_some_and(|changes| changes.receiver_count() == 0) {
            by_prefix.remove(&self.prefix);
        }
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}
