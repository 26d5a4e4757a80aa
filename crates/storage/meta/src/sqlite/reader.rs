use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{Entry, Key, MetaError};

const GET: &str = "SELECT value, revision FROM entries WHERE key = ?1";
const SCAN: &str =
    "SELECT key, value, revision FROM entries WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT ?3";

/// Read connections. In WAL mode they see whole commits and never wait for the writer.
pub(super) struct Readers {
    short: Pool,
    long: Pool,
}

impl Readers {
    pub(super) fn new(short: Vec<Connection>, long: Vec<Connection>) -> Readers {
        Readers { short: Pool::new(short), long: Pool::new(long) }
    }

    pub(super) fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Entry>>, MetaError> {
        let connection = self.short.take();
        if let [key] = keys {
            return Ok(vec![get(&connection, key)?]);
        }
        // A transaction, so that all keys are read from one moment.
        let moment = connection.unchecked_transaction()?;
        let found = keys.iter().map(|key| get(&moment, key)).collect::<Result<_, _>>()?;
        moment.commit()?;
        Ok(found)
    }

    pub(super) fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Entry>, MetaError> {
        scan(&self.short.take(), from, to, limit)
    }

    pub(super) fn scan_long(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Entry>, MetaError> {
        scan(&self.long.take(), from, to, limit)
    }
}

fn get(connection: &Connection, key: &Key) -> Result<Option<Entry>, MetaError> {
    let mut statement = connection.prepare_cached(GET)?;
    let found = statement
        .query_row([key.as_bytes()], |row| {
            let value = Bytes::copy_from_slice(row.get_ref(0)?.as_blob()?);
            Ok(Entry { key: key.clone(), value, revision: row.get(1)? })
        })
        .optional()?;
    Ok(found)
}

fn scan(connection: &Connection, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Entry>, MetaError> {
    let mut statement = connection.prepare_cached(SCAN)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![from, to, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Entry {
            key: Key::from_stored(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?),
            value: Bytes::copy_from_slice(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?),
            revision: row.get(2)?,
        });
    }
    Ok(found)
}

struct Pool {
    connections: Vec<Mutex<Connection>>,
    next: AtomicUsize,
}

impl Pool {
    fn new(connections: Vec<Connection>) -> Pool {
        Pool { connections: connections.into_iter().map(Mutex::new).collect(), next: AtomicUsize::new(0) }
    }

    /// The first idle connection, the most recently used first because its pages are warm; if all are
    /// busy, the next in turn when it becomes idle.
    fn take(&self) -> MutexGuard<'_, Connection> {
        if let Some(idle) = self.connections.iter().find_map(Mutex::try_lock) {
            return idle;
        }
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.connections.len();
        self.connections[turn].lock()
    }
}
