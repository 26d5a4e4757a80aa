//! Places where a test can make a delivery fail or stop dead, as a crash would.
//!
//! Compiled for tests and with the feature `failpoints`; otherwise nothing is left of it.

/// Every failpoint there is, in the order a batch meets them.
pub(crate) mod at {
    pub(crate) const BEFORE_PLAN: &str = "before-plan";
    pub(crate) const AFTER_PLAN: &str = "after-plan";
    pub(crate) const AFTER_CHUNK: &str = "after-chunk";
    pub(crate) const AFTER_SPILL: &str = "after-spill";
    pub(crate) const AFTER_DATA_OBJECT: &str = "after-data-object";
    pub(crate) const AFTER_ERROR_OBJECT: &str = "after-error-object";
    pub(crate) const AFTER_BACKUP_OBJECT: &str = "after-backup-object";
    /// Met by requests that were taken by a place outside.
    pub(crate) const AFTER_REQUEST: &str = "after-request";
    pub(crate) const BEFORE_COMMIT: &str = "before-commit";
    pub(crate) const AFTER_COMMIT: &str = "after-commit";
    pub(crate) const AFTER_TRIM: &str = "after-trim";

    /// Every batch meets these.
    #[cfg(test)]
    pub(crate) const ALL: [&str; 8] = [
        BEFORE_PLAN,
        AFTER_PLAN,
        AFTER_CHUNK,
        AFTER_DATA_OBJECT,
        AFTER_ERROR_OBJECT,
        BEFORE_COMMIT,
        AFTER_COMMIT,
        AFTER_TRIM,
    ];

    /// These are met by batches with many partitions and a backup.
    #[cfg(test)]
    pub(crate) const FURTHER: [&str; 2] = [AFTER_SPILL, AFTER_BACKUP_OBJECT];
}

#[cfg(any(test, feature = "failpoints"))]
pub use armed::{Action, Failpoints};

#[cfg(any(test, feature = "failpoints"))]
mod armed {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use parking_lot::Mutex;
    use tokio::sync::Notify;

    use crate::FlowError;

    /// What happens at an armed failpoint.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Action {
        /// The step fails; the delivery tries again.
        Fail,
        /// The task stands still for ever, as if the process had died there.
        Crash,
    }

    /// The failpoints of one [`Flow`](crate::Flow). Clones share them.
    #[derive(Clone, Debug, Default)]
    pub struct Failpoints {
        shared: Arc<Shared>,
    }

    #[derive(Debug, Default)]
    struct Shared {
        armed: Mutex<BTreeMap<&'static str, (u32, Action)>>,
        hit: Notify,
        stands_still: AtomicBool,
    }

    impl Failpoints {
        /// At the `nth` (from 1) time a delivery passes `name`, do `action`, once.
        pub fn arm(&self, name: &'static str, nth: u32, action: Action) {
            self.shared.armed.lock().insert(name, (nth, action));
        }

        /// Resolves when an armed failpoint was hit.
        pub async fn hit(&self) {
            self.shared.hit.notified().await;
        }

        /// Whether one was hit that is a crash.
        #[cfg(test)]
        pub(crate) fn stands_still(&self) -> bool {
            self.shared.stands_still.load(Ordering::SeqCst)
        }

        pub(crate) async fn pass(&self, name: &'static str) -> Result<(), FlowError> {
            match self.action(name) {
                None => Ok(()),
                Some(action) => {
                    self.shared.stands_still.fetch_or(action == Action::Crash, Ordering::SeqCst);
                    self.shared.hit.notify_one();
                    match action {
                        Action::Fail => Err(FlowError::Failpoint(name)),
                        Action::Crash => std::future::pending().await,
                    }
                }
            }
        }

        fn action(&self, name: &'static str) -> Option<Action> {
            let mut armed = self.shared.armed.lock();
            let (left, action) = armed.get_mut(name)?;
            let action = *action;
            *left = left.saturating_sub(1);
            if *left > 0 {
                return None;
            }
            armed.remove(name);
            Some(action)
        }
    }
}
