use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use meta::{CommitError, MetaError};

use crate::{Offset, TopicId};

/// Why an operation on the log failed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("topic {0} does not exist")]
    NoSuchTopic(TopicId),
    #[error("topic {0} exists")]
    TopicExists(TopicId),
    #[error("topic {topic} has no partition {partition}")]
    NoSuchPartition { topic: TopicId, partition: u32 },
    #[error("partition {partition} of topic {topic} was closed at offset {at}")]
    PartitionClosed { topic: TopicId, partition: u32, at: Offset },
    /// Nothing was written. A partition of the append was just being closed: look up the routes again.
    #[error("a partition is being closed")]
    Sealed,
    /// Nothing was changed.
    #[error("topic {topic} cannot be changed so: {reason}")]
    BadChange { topic: TopicId, reason: &'static str },
    #[error("a record of {size} bytes is over the limit of {limit}")]
    RecordTooLarge { size: usize, limit: usize },
    /// Nothing was written. Try again after a pause.
    #[error("the queue of writes is full")]
    Overloaded,
    /// Nothing was acknowledged. Appends succeed again once there is space.
    #[error("the disk is full")]
    StorageFull,
    #[error("damaged data in {place}: {detail}")]
    Corrupt { place: String, detail: &'static str },
    /// The log was closed, or its writer died.
    #[error("the log is closed")]
    Closed,
    /// After an append: the records may be kept or not, nobody was told that they are.
    #[error("the log's files failed")]
    Io(#[source] Arc<io::Error>),
    #[error("the log's metadata failed")]
    Meta(#[source] MetaError),
}

impl LogError {
    pub(crate) fn of_commit(error: CommitError, conflict: LogError) -> LogError {
        match error {
            CommitError::Conflict { .. } => conflict,
            CommitError::Meta(error) => LogError::Meta(error),
        }
    }
}

impl From<io::Error> for LogError {
    fn from(error: io::Error) -> LogError {
        if is_full(&error) { LogError::StorageFull } else { LogError::Io(Arc::new(error)) }
    }
}

impl From<MetaError> for LogError {
    fn from(error: MetaError) -> LogError {
        LogError::Meta(error)
    }
}

/// Why a directory cannot be opened as a log.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{0} is in use by another process")]
    InUse(PathBuf),
    #[error("{file} has format version {found}; this program reads up to {supported}")]
    NewerVersion { file: String, found: u16, supported: u16 },
    #[error("{0} cannot be written to")]
    ReadOnly(PathBuf),
    #[error("the disk that holds {0} is full")]
    Full(PathBuf),
    #[error("cannot use {path}")]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the log's metadata failed")]
    Meta(#[source] MetaError),
}

impl OpenError {
    pub(crate) fn io(path: &std::path::Path, error: io::Error) -> OpenError {
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                OpenError::ReadOnly(path.into())
            }
            io::ErrorKind::WouldBlock => OpenError::InUse(path.into()),
            _ if is_full(&error) => OpenError::Full(path.into()),
            _ => OpenError::Io { path: path.into(), source: error },
        }
    }
}

pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
