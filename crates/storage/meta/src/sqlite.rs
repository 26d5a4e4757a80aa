//! The store on one machine: a SQLite database in WAL mode with full synchronisation.

mod open;
mod reader;
mod writer;

use std::path::Path;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use rt::Rt;
use tokio::sync::{mpsc, oneshot};

use crate::store::Store;
use crate::watch::Watches;
use crate::{CommitError, Entry, Key, MetaError, OpenError, Revision, Txn};
use open::Opened;
use reader::Readers;
use writer::{Job, Writer};

/// Transactions that wait for the writer before callers of commit have to.
const QUEUE_MAX: usize = 1024;
/// Longer scans go to a blocking thread.
const SCAN_IN_PLACE_MAX: usize = 128;
/// More point reads in one call go to a blocking thread.
const GET_IN_PLACE_MAX: usize = 64;

pub(crate) struct Sqlite {
    rt: Rt,
    readers: Option<Arc<Readers>>,
    jobs: Option<mpsc::Sender<Job>>,
    writer: Option<std::thread::JoinHandle<()>>,
}

impl Sqlite {
    pub(crate) fn open(path: &Path, rt: Rt, watches: Arc<Watches>) -> Result<Sqlite, OpenError> {
        let opened = open::open(path)?;
        Sqlite::start(path, opened, rt, watches)
    }

    fn start(path: &Path, opened: Opened, rt: Rt, watches: Arc<Watches>) -> Result<Sqlite, OpenError> {
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        let writer =
            Writer::new(opened.writer, watches, opened.lock).map_err(|error| open::failed(path, error))?;
        let writer = rt.thread("meta writer", move || writer.run(receiver));
        Ok(Sqlite { rt, readers: Some(opened.readers.into()), jobs: Some(sender), writer: Some(writer) })
    }

    fn readers(&self) -> &Arc<Readers> {
        self.readers.as_ref().expect("only drop takes the readers")
    }

    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<T>) -> Job) -> Result<T, MetaError> {
        let (reply, answer) = oneshot::channel();
        let jobs = self.jobs.as_ref().expect("only drop takes the queue");
        jobs.send(job(reply)).await.map_err(|_| MetaError::Closed)?;
        answer.await.map_err(|_| MetaError::Closed)
    }
}

impl Store for Sqlite {
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Entry>>, MetaError>> {
        async move {
            let readers = self.readers();
            if keys.len() <= GET_IN_PLACE_MAX {
                return readers.get_many(keys);
            }
            let (readers, keys) = (readers.clone(), keys.to_vec());
            self.rt.blocking("meta get", move || readers.get_many(&keys)).await
        }
        .boxed()
    }

    fn scan(&self, from: Vec<u8>, to: Vec<u8>, limit: usize) -> BoxFuture<'_, Result<Vec<Entry>, MetaError>> {
        async move {
            let readers = self.readers();
            if limit <= SCAN_IN_PLACE_MAX {
                return readers.scan(&from, &to, limit);
            }
            let readers = readers.clone();
            self.rt.blocking("meta scan", move || readers.scan_long(&from, &to, limit)).await
        }
        .boxed()
    }

    fn commit(&self, txn: Txn) -> BoxFuture<'_, Result<Revision, CommitError>> {
        async move { self.ask(|reply| Job::Commit { txn, reply }).await? }.boxed()
    }

    fn clear(&self) -> BoxFuture<'_, Result<(), MetaError>> {
        async move { self.ask(|reply| Job::Clear { reply }).await? }.boxed()
    }
}

/// The writer finishes what it was given, then closes the database and lets go of the lock, so that who
/// drops the last handle can open again.
impl Drop for Sqlite {
    fn drop(&mut self) {
        self.readers = None;
        self.jobs = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the metadata writer had panicked");
        }
    }
}

impl rusqlite::ToSql for Revision {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        Ok(self.0.cast_signed().into())
    }
}

impl rusqlite::types::FromSql for Revision {
    fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Revision> {
        Ok(Revision(value.as_i64()?.cast_unsigned()))
    }
}

impl From<rusqlite::Error> for MetaError {
    fn from(error: rusqlite::Error) -> MetaError {
        use rusqlite::ErrorCode::{DatabaseCorrupt, DiskFull, NotADatabase};
        match error.sqlite_error_code() {
            Some(DiskFull) => MetaError::StorageFull,
            Some(DatabaseCorrupt | NotADatabase) => MetaError::Corrupt { source: error.into() },
            _ => MetaError::Io { source: error.into() },
        }
    }
}

#[cfg(test)]
mod tests;
