use std::io;
use std::path::PathBuf;

use meta::{Key, MetaError};
use names::Scope;

use crate::ChecksumAlgorithm;

/// Why the folder of objects could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{} cannot be written to", path.display())]
    ReadOnly { path: PathBuf },
    #[error("no space is left to open {}", path.display())]
    Full { path: PathBuf },
    #[error("{} cannot be opened", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// Why an operation on objects did not happen. Nothing became visible unless the variant says so.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    #[error("bucket {bucket} does not exist")]
    NoSuchBucket { bucket: String },
    #[error("bucket {bucket} exists")]
    BucketExists { bucket: String, owner: Scope },
    #[error("bucket {bucket} is not empty")]
    BucketNotEmpty { bucket: String },
    #[error("object {key} does not exist in bucket {bucket}")]
    NoSuchKey { bucket: String, key: String },
    /// What was required of the key's current object does not hold.
    #[error("a precondition does not hold for object {key} in bucket {bucket}")]
    PreconditionFailed { bucket: String, key: String },
    #[error("the range lies outside of the object's {size} bytes")]
    InvalidRange { size: u64 },
    #[error("upload {upload} does not exist")]
    NoSuchUpload { upload: String },
    /// The part was not uploaded, or its ETag or checksum is another.
    #[error("part {number} was not uploaded as described")]
    InvalidPart { number: u32 },
    #[error("part numbers are not in ascending order")]
    PartOrder,
    #[error("part {number} has {size} bytes, less than {minimum}")]
    PartTooSmall { number: u32, size: u64, minimum: u64 },
    #[error("the bytes do not have the MD5 digest they were sent with")]
    DigestMismatch,
    #[error("the bytes do not have the {} checksum they were sent with", algorithm.name())]
    ChecksumMismatch { algorithm: ChecksumAlgorithm },
    #[error("{received} bytes came of {expected} announced")]
    SizeMismatch { expected: u64, received: u64 },
    #[error("{reason}")]
    Invalid { reason: String },
    /// Other writers of the same key were faster every time; may be tried again.
    #[error("object {key} in bucket {bucket} is written by too many at once")]
    Contended { bucket: String, key: String },
    #[error("no space is left for objects")]
    StorageFull,
    #[error("the bytes of object {key} in bucket {bucket} are gone")]
    Damaged { bucket: String, key: String },
    #[error("object storage failed")]
    Io { source: io::Error },
    #[error(transparent)]
    Meta(MetaError),
}

impl From<MetaError> for ObjectError {
    fn from(error: MetaError) -> ObjectError {
        match error {
            MetaError::StorageFull => ObjectError::StorageFull,
            other => ObjectError::Meta(other),
        }
    }
}

impl From<io::Error> for ObjectError {
    fn from(source: io::Error) -> ObjectError {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ObjectError::StorageFull,
            _ => ObjectError::Io { source },
        }
    }
}

/// Why [`Objects::publish`](crate::Objects::publish) made nothing visible.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// What the caller's own transaction required of this key does not hold.
    #[error("{key} has changed")]
    Conflict { key: Key },
    #[error(transparent)]
    Object(#[from] ObjectError),
}

impl From<MetaError> for PublishError {
    fn from(error: MetaError) -> PublishError {
        PublishError::Object(error.into())
    }
}
