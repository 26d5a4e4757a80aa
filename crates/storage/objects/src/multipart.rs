//! Uploads in parts. A part is a file with a record of its own; completing an upload lists these files as
//! the extents of one object, so no byte is copied.
//!
//! An upload ends by the removal of its record, after which no part can be added, and a note that what is
//! left of its parts is to be discarded. The note outlives a crash.

mod complete;
mod parts;

use meta::{CommitError, Key, Txn};
use rt::Timestamp;

pub use complete::{CompleteOptions, CompletedPart};
pub use parts::{PartInfo, PartPage, PartWriter};

use crate::files::FileId;
use crate::list::{Step, Walk};
use crate::record::{Described, PartRecord, Stored, UploadRecord, VERSION, read};
use crate::{ChecksumAlgorithm, ObjectError, Objects, PutOptions, keys};

/// Records read, and parts discarded, at once.
const PAGE: usize = 1000;

/// How an upload will be stored. The condition and the expectations of `put` are not used: they are
/// given when the upload is completed.
#[derive(Clone, Debug, Default)]
pub struct UploadOptions {
    pub put: PutOptions,
    /// The checksum every part gets.
    pub checksum: Option<ChecksumAlgorithm>,
    /// The object's checksum is made of its parts' checksums, not of its bytes. Only CRCs can be of the
    /// bytes.
    pub composite: bool,
}

/// An upload in progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadInfo {
    pub bucket: String,
    pub key: String,
    pub id: String,
    pub initiated: Timestamp,
    pub checksum: Option<ChecksumAlgorithm>,
    pub composite: bool,
}

/// Which uploads of a bucket to list.
#[derive(Clone, Debug, Default)]
pub struct UploadListRequest {
    pub prefix: String,
    pub delimiter: Option<String>,
    /// Only uploads of keys after this one (or after all keys it groups)…
    pub after_key: Option<String>,
    /// …and those of this key whose id comes after this one.
    pub after_upload: Option<String>,
    /// The most uploads and prefixes together.
    pub limit: usize,
}

/// One page, sorted by key and then by time.
#[derive(Clone, Debug, Default)]
pub struct UploadPage {
    pub uploads: Vec<UploadInfo>,
    pub prefixes: Vec<String>,
    /// If there is more: `after_key` and `after_upload` of the next page.
    pub next: Option<(String, Option<String>)>,
}

impl Objects {
    pub async fn create_upload(
        &self,
        bucket: &str,
        key: &str,
        options: UploadOptions,
    ) -> Result<UploadInfo, ObjectError> {
        let initiated = self.rt.now();
        // The time comes first, so that the uploads of a key are listed in their order.
        let id = format!("{:016x}{}", initiated.as_millis().max(0), self.rt.random_hex(16));
        let PutOptions { content_type, headers, user_metadata, tags, .. } = options.put;
        let record = UploadRecord {
            version: VERSION,
            initiated,
            described: Described { content_type, headers, user_metadata, tags },
            checksum: options.checksum,
            composite: options.composite,
        };
        let txn = Txn::new()
            .require_present(keys::bucket(bucket))
            .put_json(keys::upload(bucket, key, &id), &record);
        match self.meta.commit(txn).await {
            Ok(_) => Ok(info(bucket, key, &id, &record)),
            Err(CommitError::Conflict { .. }) => Err(ObjectError::NoSuchBucket { bucket: bucket.to_owned() }),
            Err(CommitError::Meta(error)) => Err(error.into()),
        }
    }

    pub async fn upload(&self, bucket: &str, key: &str, id: &str) -> Result<UploadInfo, ObjectError> {
        Ok(info(bucket, key, id, &self.upload_record(bucket, key, id).await?.value))
    }

    pub async fn uploads(
        &self,
        bucket: &str,
        request: &UploadListRequest,
    ) -> Result<UploadPage, ObjectError> {
        self.require_bucket(bucket).await?;
        let root = keys::uploads(bucket);
        let mut walk = Walk::new(root.clone(), &request.prefix, request.delimiter.as_deref());
        if let Some(after) = request.after_key.as_deref().filter(|after| *after >= &request.prefix[..]) {
            match &request.after_upload {
                Some(id) => walk.skip_entry(keys::upload(bucket, after, id)),
                None if walk.group_of(after).as_deref() == Some(after) => walk.skip_to(after),
                None => walk.skip_below(&root.with(after)),
            }
        }
        let mut page = UploadPage::default();
        let mut last = None;
        while let Some(step) = walk.next(self).await? {
            if page.uploads.len() + page.prefixes.len() >= request.limit {
                page.next = last.filter(|_| request.limit > 0);
                break;
            }
            match step {
                Step::Key { key, entry } => {
                    let id = entry.key.last_str().unwrap_or_default();
                    page.uploads.push(info(bucket, &key, &id, &entry.json()?));
                    last = Some((key, Some(id)));
                }
                Step::Group(prefix) => {
                    page.prefixes.push(prefix.clone());
                    last = Some((prefix, None));
                }
            }
        }
        Ok(page)
    }

    pub async fn abort_upload(&self, bucket: &str, key: &str, id: &str) -> Result<(), ObjectError> {
        let at = keys::upload(bucket, key, id);
        let txn = Txn::new().require_present(at.clone()).delete(at).put(keys::discard(id), "");
        match self.meta.commit(txn).await {
            Ok(_) => self.discard_parts(id).await,
            Err(CommitError::Conflict { .. }) => {
                self.require_bucket(bucket).await?;
                Err(ObjectError::NoSuchUpload { upload: id.to_owned() })
            }
            Err(CommitError::Meta(error)) => Err(error.into()),
        }
    }

    pub(crate) async fn abort_all_uploads(&self, bucket: &str) -> Result<(), ObjectError> {
        loop {
            let request = UploadListRequest { limit: PAGE, ..UploadListRequest::default() };
            let page = self.uploads(bucket, &request).await?;
            for upload in page.uploads {
                match self.abort_upload(bucket, &upload.key, &upload.id).await {
                    Ok(()) | Err(ObjectError::NoSuchUpload { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            if page.next.is_none() {
                return Ok(());
            }
        }
    }

    /// Finishes what a crash interrupted.
    pub(crate) async fn discard_all(&self) -> Result<(), ObjectError> {
        loop {
            let page = self.meta.scan(&keys::discards(), None, PAGE).await?;
            for entry in &page {
                self.discard_parts(&entry.key.last_str().unwrap_or_default()).await?;
            }
            if page.len() < PAGE {
                return Ok(());
            }
        }
    }

    /// Removes the parts of an upload that is over.
    async fn discard_parts(&self, upload: &str) -> Result<(), ObjectError> {
        let objects = self.clone();
        let upload = upload.to_owned();
        self.detached("objects discard", async move {
            loop {
                let page = objects.meta.scan(&keys::parts(&upload), None, PAGE).await?;
                let mut txn = Txn::new();
                let mut files = Vec::with_capacity(page.len());
                for entry in &page {
                    let part: PartRecord = entry.json()?;
                    txn = txn.delete(entry.key.clone()).delete(keys::file(&part.file));
                    files.push(part.file);
                }
                let last = page.len() < PAGE;
                if last {
                    txn = txn.delete(keys::discard(&upload));
                }
                match objects.meta.commit(txn).await {
                    Ok(_) => objects.unlink(files).await,
                    Err(CommitError::Meta(error)) => return Err(error.into()),
                    Err(CommitError::Conflict { .. }) => unreachable!("the transaction requires nothing"),
                }
                if last {
                    return Ok(());
                }
            }
        })
        .await
    }

    async fn unlink(&self, ids: Vec<FileId>) {
        let files = self.files.clone();
        self.rt.blocking("objects remove", move || ids.iter().for_each(|id| files.unlink(id))).await;
    }

    async fn upload_record(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
    ) -> Result<Stored<UploadRecord>, ObjectError> {
        match self.find_upload(&keys::upload(bucket, key, id)).await? {
            Some(stored) => Ok(stored),
            None => {
                self.require_bucket(bucket).await?;
                Err(ObjectError::NoSuchUpload { upload: id.to_owned() })
            }
        }
    }

    async fn find_upload(&self, at: &Key) -> Result<Option<Stored<UploadRecord>>, ObjectError> {
        read(&self.meta, at).await
    }
}

fn info(bucket: &str, key: &str, id: &str, record: &UploadRecord) -> UploadInfo {
    UploadInfo {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        id: id.to_owned(),
        initiated: record.initiated,
        checksum: record.checksum,
        composite: record.composite,
    }
}
