use std::fs::File;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::{mpsc, oneshot};

use crate::key::END;
use crate::txn::{Check, Write};
use crate::watch::Watches;
use crate::{CommitError, Key, MetaError, Revision, Txn};

/// Transactions that share one flush.
const GROUP_TXNS_MAX: usize = 256;

pub(super) enum Job {
    Commit { txn: Txn, reply: oneshot::Sender<Result<Revision, CommitError>> },
    Clear { reply: oneshot::Sender<Result<(), MetaError>> },
}

/// The one writer. It takes what has queued up while the last flush ran and commits it as one SQLite
/// transaction, so the number of flushes follows the disk and not the number of callers.
pub(super) struct Writer {
    connection: Connection,
    revision: Revision,
    watches: Arc<Watches>,
    lock: File,
}

type Pending = (Txn, oneshot::Sender<Result<Revision, CommitError>>);

impl Writer {
    pub(super) fn new(
        connection: Connection,
        watches: Arc<Watches>,
        lock: File,
    ) -> Result<Writer, rusqlite::Error> {
        let revision = connection.query_row("SELECT revision FROM counter", [], |row| row.get(0))?;
        Ok(Writer { connection, revision, watches, lock })
    }

    /// Until every handle is gone.
    pub(super) fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(first) = jobs.blocking_recv() {
            let mut group = Vec::new();
            let mut next = Some(first);
            while let Some(job) = next.take() {
                match job {
                    Job::Commit { txn, reply } => group.push((txn, reply)),
                    Job::Clear { reply } => {
                        self.commit_group(std::mem::take(&mut group));
                        let cleared = self.clear();
                        // A caller that is gone does not want to know.
                        let _gone = reply.send(cleared);
                    }
                }
                if group.len() < GROUP_TXNS_MAX {
                    next = jobs.try_recv().ok();
                }
            }
            self.commit_group(group);
        }
        // The database is closed before the lock is released.
        let Writer { connection, lock, .. } = self;
        if let Err((_, error)) = connection.close() {
            tracing::error!(error = &error as &dyn std::error::Error, "the metadata database did not close");
        }
        drop(lock);
    }

    fn commit_group(&mut self, mut group: Vec<Pending>) {
        if group.is_empty() {
            return;
        }
        let before = self.revision;
        let error = match self.apply(group.iter().map(|(txn, _)| txn)) {
            Ok(results) => {
                for ((txn, reply), result) in group.into_iter().zip(results) {
                    self.finish(&txn, reply, result);
                }
                return;
            }
            Err(error) => error,
        };
        self.revision = before;
        if group.len() > 1 {
            // One of them may be too big for what is left of the disk: the others need not suffer.
            for pending in group {
                self.commit_group(vec![pending]);
            }
        } else if let Some((txn, reply)) = group.pop() {
            self.finish(&txn, reply, Err(error.into()));
        }
    }

    fn finish(
        &self,
        txn: &Txn,
        reply: oneshot::Sender<Result<Revision, CommitError>>,
        result: Result<Revision, CommitError>,
    ) {
        if result.is_ok() {
            self.watches.notify(&txn.writes);
        }
        let _gone = reply.send(result);
    }

    /// All transactions in one durable step: one result each, or one error for all and nothing written.
    fn apply<'a>(
        &mut self,
        group: impl Iterator<Item = &'a Txn>,
    ) -> Result<Vec<Result<Revision, CommitError>>, MetaError> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let applied = self.apply_each(group);
        let committed = applied.and_then(|results| {
            self.connection.execute_batch("COMMIT")?;
            Ok(results)
        });
        if committed.is_err() && !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK")?;
        }
        committed
    }

    fn apply_each<'a>(
        &mut self,
        group: impl Iterator<Item = &'a Txn>,
    ) -> Result<Vec<Result<Revision, CommitError>>, MetaError> {
        let before = self.revision;
        let mut results = Vec::new();
        for txn in group {
            results.push(match self.conflict(&txn.checks)? {
                Some(check) => Err(CommitError::Conflict { key: check.key().clone() }),
                None => {
                    if !txn.writes.is_empty() {
                        self.revision.0 += 1;
                    }
                    for write in &txn.writes {
                        self.write(write)?;
                    }
                    Ok(self.revision)
                }
            });
        }
        if self.revision != before {
            self.connection.prepare_cached("UPDATE counter SET revision = ?1")?.execute([self.revision])?;
        }
        Ok(results)
    }

    fn conflict<'a>(&self, checks: &'a [Check]) -> Result<Option<&'a Check>, MetaError> {
        for check in checks {
            let holds = match check {
                Check::Absent(key) => self.revision_of(key)?.is_none(),
                Check::Present(key) => self.revision_of(key)?.is_some(),
                Check::Revision(key, revision) => self.revision_of(key)? == Some(*revision),
                Check::Empty(prefix) => {
                    let (from, to) = prefix.below();
                    !self
                        .connection
                        .prepare_cached("SELECT 1 FROM entries WHERE key >= ?1 AND key < ?2 LIMIT 1")?
                        .exists([from, to])?
                }
            };
            if !holds {
                return Ok(Some(check));
            }
        }
        Ok(None)
    }

    fn revision_of(&self, key: &Key) -> Result<Option<Revision>, MetaError> {
        let mut statement = self.connection.prepare_cached("SELECT revision FROM entries WHERE key = ?1")?;
        Ok(statement.query_row([key.as_bytes()], |row| row.get(0)).optional()?)
    }

    fn write(&self, write: &Write) -> Result<(), MetaError> {
        match write {
            Write::Put(key, value) => self
                .connection
                .prepare_cached("INSERT OR REPLACE INTO entries (key, value, revision) VALUES (?1, ?2, ?3)")?
                .execute(params![key.as_bytes(), &value[..], self.revision])?,
            Write::Delete(key) => self
                .connection
                .prepare_cached("DELETE FROM entries WHERE key = ?1")?
                .execute([key.as_bytes()])?,
            Write::DeletePrefix(prefix) => self
                .connection
                .prepare_cached("DELETE FROM entries WHERE key >= ?1 AND key < ?2")?
                .execute(params![prefix.as_bytes(), [prefix.as_bytes(), END].concat()])?,
        };
        Ok(())
    }

    /// Without a condition SQLite frees whole pages instead of visiting rows.
    fn clear(&self) -> Result<(), MetaError> {
        self.connection.execute_batch("DELETE FROM entries")?;
        self.watches.notify_all();
        Ok(())
    }
}
