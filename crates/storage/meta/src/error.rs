use std::path::PathBuf;

use crate::Key;

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{} is in use by another process", path.display())]
    InUse { path: PathBuf },
    #[error("{} was written by a newer version (format {found}, this one knows {supported})", path.display())]
    NewerVersion { path: PathBuf, found: u32, supported: u32 },
    #[error("{} cannot be written to", path.display())]
    ReadOnly { path: PathBuf },
    #[error("no space is left to open {}", path.display())]
    Full { path: PathBuf },
    #[error("{} is not a sound database", path.display())]
    Corrupt { path: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("{} cannot be opened", path.display())]
    Io { path: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
}

/// Why a read or a write did not happen.
#[derive(Debug, thiserror::Error)]
pub enum MetaError {
    /// Nothing was written; may be tried again when there is space.
    #[error("no space is left for metadata")]
    StorageFull,
    #[error("metadata storage failed")]
    Io { source: Box<dyn std::error::Error + Send + Sync> },
    #[error("metadata storage is damaged")]
    Corrupt { source: Box<dyn std::error::Error + Send + Sync> },
    #[error("the value of {key} is not of the expected shape")]
    Decode { key: Key, source: serde_json::Error },
    #[error("the value for {key} cannot be written as JSON: {reason}")]
    Encode { key: Key, reason: String },
    /// The writer is gone: the process is going down.
    #[error("metadata storage is closed")]
    Closed,
}

/// Why a transaction was not applied.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// What the transaction required of this key does not hold.
    #[error("{key} has changed")]
    Conflict { key: Key },
    #[error(transparent)]
    Meta(#[from] MetaError),
}
