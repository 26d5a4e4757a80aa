use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::reader::Readers;
use crate::OpenError;

/// "mulg": tells our files from other SQLite databases.
const APPLICATION_ID: i32 = 0x6d75_6c67;
/// The version of the table layout, kept in SQLite's `user_version`.
const FORMAT: u32 = 1;
/// Readers that run where they are called, one for each thread that is likely to ask at once.
const READERS: usize = 4;
/// Readers for long scans.
const READERS_LONG: usize = 2;

const SCHEMA: &str = "
    CREATE TABLE entries (
        key BLOB NOT NULL PRIMARY KEY,
        value BLOB NOT NULL,
        revision INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE counter (revision INTEGER NOT NULL);
    INSERT INTO counter VALUES (0);
";

pub(super) struct Opened {
    pub(super) writer: Connection,
    pub(super) readers: Readers,
    /// Held until the writer has closed the database; the operating system lets go of it when the
    /// process dies, however it dies.
    pub(super) lock: File,
}

pub(super) fn open(path: &Path) -> Result<Opened, OpenError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| failed_io(path, error))?;
    }
    let lock = lock(path)?;
    let writer = writer(path)?;
    let readers = |count| (0..count).map(|_| reader(path)).collect::<Result<Vec<_>, _>>();
    let readers = Readers::new(readers(READERS)?, readers(READERS_LONG)?);
    Ok(Opened { writer, readers, lock })
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(PathBuf::from(name))
        .map_err(|error| failed_io(path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(failed_io(path, error)),
    }
}

fn writer(path: &Path) -> Result<Connection, OpenError> {
    let sqlite = |error| failed(path, error);
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(sqlite)?;
    if connection.is_readonly("main").map_err(sqlite)? {
        return Err(OpenError::ReadOnly { path: path.to_owned() });
    }
    // The page size counts only while the file is empty.
    connection
        .execute_batch(
            "PRAGMA page_size = 8192; PRAGMA cache_size = -4096; PRAGMA temp_store = MEMORY;
             PRAGMA busy_timeout = 5000;",
        )
        .map_err(sqlite)?;
    check_format(&connection, path)?;
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = 67108864;",
        )
        .map_err(sqlite)?;
    Ok(connection)
}

fn check_format(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let sqlite = |error| failed(path, error);
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let application = pragma("application_id").map_err(sqlite)?;
    let found = u32::try_from(pragma("user_version").map_err(sqlite)?).unwrap_or(u32::MAX);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(sqlite)?;
    if tables == 0 {
        let create = format!(
            "BEGIN IMMEDIATE; {SCHEMA} PRAGMA application_id = {APPLICATION_ID};
             PRAGMA user_version = {FORMAT}; COMMIT;"
        );
        return connection.execute_batch(&create).map_err(sqlite);
    }
    if application != APPLICATION_ID {
        let source = "it was not written by this program".into();
        return Err(OpenError::Corrupt { path: path.to_owned(), source });
    }
    if found > FORMAT {
        return Err(OpenError::NewerVersion { path: path.to_owned(), found, supported: FORMAT });
    }
    Ok(())
}

fn reader(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| failed(path, error))?;
    connection
        .execute_batch("PRAGMA cache_size = -1024; PRAGMA busy_timeout = 1000;")
        .map_err(|error| failed(path, error))?;
    Ok(connection)
}

pub(super) fn failed(path: &Path, error: rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => OpenError::Full { path },
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => OpenError::ReadOnly { path },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::InUse { path },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            OpenError::Corrupt { path, source: error.into() }
        }
        _ => OpenError::Io { path, source: error.into() },
    }
}

pub(super) fn failed_io(path: &Path, error: io::Error) -> OpenError {
    let path = path.to_owned();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => OpenError::Full { path },
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => OpenError::ReadOnly { path },
        _ => OpenError::Io { path, source: error.into() },
    }
}
