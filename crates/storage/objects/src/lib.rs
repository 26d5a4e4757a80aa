//! Objects in buckets on the local disk: whole writes, ranged reads, listings, multipart uploads.
//!
//! An object's bytes lie in a file of their own that holds exactly these bytes and is never written
//! again; an entry in [`meta`] says which file (or, for a multipart upload, which files in which order)
//! an object's key stands for. A write stages a file and then publishes it by committing the entry.
//!
//! Guarantees:
//! - Success is answered after the bytes and the entry are on disk. A crash leaves at most a file that no
//!   entry refers to, and [`Objects::open`] starts a sweep for these.
//! - A reader sees one version whole: the files of a version that was replaced or deleted stay until the
//!   last reader that had begun is done.
//! - Conditions are checked in the commit that publishes, so of two that require the absence of a key one
//!   wins.
//! - [`Objects::publish`] makes several objects visible in the same commit as the caller's own writes.
//! - Memory per open writer or reader is bounded by a few batches, whatever the object's size.
//!
//! It never keeps old versions, and it does not know who may read what.
//!
//! Start reading at [`Objects`]; `files` is the disk, `record` what the index says, `publish` the commit.

mod bucket;
mod checksum;
mod copy;
mod delete;
mod doubt;
mod error;
#[cfg(feature = "faults")]
pub mod faults;
mod files;
mod keys;
mod list;
mod multipart;
mod object;
mod passing;
mod publish;
mod read;
mod record;
mod sweep;
mod write;

pub use bucket::Bucket;
pub use checksum::{ChecksumAlgorithm, Checksums};
pub use copy::{CopyOptions, Replace};
pub use error::{ObjectError, OpenError, PublishError};
pub use list::{ListPage, ListRequest};
pub use multipart::{
    CompleteOptions, CompletedPart, PartInfo, PartPage, PartWriter, UploadInfo, UploadListRequest,
    UploadOptions, UploadPage,
};
pub use object::{ByteRange, Condition, EtagKind, Expected, ObjectInfo, PutOptions};
pub use publish::Staged;
pub use read::ObjectBody;
pub use write::ObjectWriter;

use std::path::Path;
use std::sync::Arc;

use meta::Meta;
use rt::Rt;

use files::Files;

/// A handle to all buckets. Clones share it.
#[derive(Clone)]
pub struct Objects {
    files: Arc<Files>,
    meta: Meta,
    rt: Rt,
    #[cfg(feature = "faults")]
    faults: Option<Arc<dyn meta::faults::Faults>>,
}

impl Objects {
    /// Opens the folder `dir`, creating it if missing, and starts to sweep what a crash left behind.
    pub async fn open(dir: &Path, meta: Meta, rt: Rt) -> Result<Objects, OpenError> {
        let dir = dir.to_owned();
        let files = {
            let rt = rt.clone();
            rt.clone().blocking("objects open", move || Files::open(&dir, rt)).await?
        };
        let objects = Objects {
            files: Arc::new(files),
            meta,
            rt,
            #[cfg(feature = "faults")]
            faults: None,
        };
        objects.start_sweep();
        Ok(objects)
    }

    /// Drops every file, in milliseconds. The caller clears `meta` first.
    pub async fn reset(&self) -> Result<(), ObjectError> {
        let files = self.files.clone();
        self.rt.blocking("objects reset", move || files.reset()).await?;
        self.start_sweep();
        Ok(())
    }

    /// Runs to its end also if the caller goes away: between a commit and what must follow it, nobody
    /// may stop.
    async fn detached<T, F>(&self, name: &'static str, future: F) -> T
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        match self.rt.spawn(name, future).await {
            Ok(output) => output,
            Err(error) => panic!("{error}"),
        }
    }
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Objects").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
