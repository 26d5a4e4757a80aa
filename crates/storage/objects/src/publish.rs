//! The commit that makes staged bytes visible.

use std::collections::{BTreeMap, HashSet};

use meta::{CommitError, Key, MetaError, Revision, Txn};

use crate::files::{FileId, StagedFile};
use crate::record::{Body, Described, Extent, NO_KEY, ObjectRecord, VERSION, stored};
use crate::{ChecksumAlgorithm, Checksums, Condition, ObjectError, ObjectInfo, Objects, PublishError, keys};

/// How often a commit is tried while others replace the same objects.
const ATTEMPTS_MAX: usize = 64;

/// Bytes in a file of their own, durable and digested, to which nothing refers yet.
pub(crate) struct Blob {
    pub(crate) staged: StagedFile,
    pub(crate) size: u64,
    pub(crate) etag: String,
    pub(crate) checksums: BTreeMap<ChecksumAlgorithm, String>,
}

/// An object whose bytes are durable and not yet visible. Dropping it takes the bytes away.
pub struct Staged {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) condition: Option<Condition>,
    pub(crate) described: Described,
    pub(crate) blob: Blob,
}

impl Staged {
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    pub fn key(&self) -> &str {
        &self.key
    }

    pub fn size(&self) -> u64 {
        self.blob.size
    }

    /// The ETag the object will have, without quotes.
    pub fn etag(&self) -> String {
        self.blob.etag.clone()
    }
}

/// One object of a commit.
pub(crate) struct Put {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) condition: Option<Condition>,
    pub(crate) record: ObjectRecord,
    /// The files to be referred to from now on; those of a multipart upload already are.
    pub(crate) staged: Vec<StagedFile>,
    /// The extents to store, if there is not exactly one.
    pub(crate) extents: Option<Vec<Extent>>,
}

impl Put {
    /// What it was made of; `None` for one that was not staged whole.
    fn into_staged(mut self) -> Option<Staged> {
        let staged = self.staged.pop()?;
        let ObjectRecord { size, etag, described, checksums, .. } = self.record;
        let blob = Blob { staged, size, etag, checksums: checksums.values };
        Some(Staged { bucket: self.bucket, key: self.key, condition: self.condition, described, blob })
    }
}

struct Replaced {
    body: FileId,
    files: Vec<FileId>,
}

impl Objects {
    /// Makes all staged objects visible in one commit together with `txn`. No two may be of the same key.
    /// The infos come in the order of `staged`.
    pub async fn publish(
        &self,
        staged: Vec<Staged>,
        txn: Txn,
    ) -> Result<(Vec<ObjectInfo>, Revision), PublishError> {
        let puts = staged.into_iter().map(|staged| self.put_of(staged)).collect();
        self.publish_puts(puts, txn).await
    }

    /// As [`Objects::publish`], giving the staged objects back if what `txn` required did not hold, so that
    /// they can be published with another transaction.
    pub async fn publish_or_return(
        &self,
        staged: Vec<Staged>,
        txn: Txn,
    ) -> Result<(Vec<ObjectInfo>, Revision), (PublishError, Vec<Staged>)> {
        let puts = staged.into_iter().map(|staged| self.put_of(staged)).collect();
        let objects = self.clone();
        let published = self.detached("objects publish", async move {
            let mut puts = puts;
            let published = objects.publish_detached(&mut puts, txn).await;
            published.map_err(|error| (error, puts))
        });
        published.await.map_err(|(error, puts)| match error {
            PublishError::Conflict { .. } => (error, puts.into_iter().filter_map(Put::into_staged).collect()),
            other => (other, Vec::new()),
        })
    }

    pub(crate) async fn publish_one(&self, staged: Staged) -> Result<ObjectInfo, ObjectError> {
        match self.publish_puts(vec![self.put_of(staged)], Txn::new()).await {
            Ok((mut infos, _)) => Ok(infos.pop().expect("one object was published")),
            Err(error) => Err(without_conflict(error)),
        }
    }

    pub(crate) async fn publish_puts(
        &self,
        puts: Vec<Put>,
        txn: Txn,
    ) -> Result<(Vec<ObjectInfo>, Revision), PublishError> {
        let objects = self.clone();
        self.detached("objects publish", async move {
            let mut puts = puts;
            objects.publish_detached(&mut puts, txn).await
        })
        .await
    }

    /// Empties `puts` when it succeeds.
    async fn publish_detached(
        &self,
        puts: &mut Vec<Put>,
        txn: Txn,
    ) -> Result<(Vec<ObjectInfo>, Revision), PublishError> {
        let distinct: HashSet<_> = puts.iter().map(|put| (&put.bucket, &put.key)).collect();
        if distinct.len() < puts.len() {
            let reason = "two objects of one commit have the same key".to_owned();
            return Err(ObjectError::Invalid { reason }.into());
        }
        for _ in 0..ATTEMPTS_MAX {
            let (all, replaced) = self.prepare(puts, txn.clone()).await?;
            let doubtful = self.files.doubtful();
            staged_files(puts).for_each(StagedFile::hold);
            let error = match self.meta.commit(all).await {
                Ok(revision) => {
                    let infos = self.published(std::mem::take(puts), replaced).await;
                    // What is not decided now is decided by the next commit.
                    self.decide(doubtful).await.ok();
                    return Ok((infos, revision));
                }
                Err(error) => error,
            };
            if did_not_happen(&error) {
                staged_files(puts).for_each(StagedFile::release);
            }
            match error {
                CommitError::Conflict { key } if is_ours(puts, &key) => {}
                CommitError::Conflict { key } => return Err(PublishError::Conflict { key }),
                CommitError::Meta(error) => return Err(error.into()),
            }
        }
        let first = puts.drain(..).next().expect("only objects are contended");
        Err(ObjectError::Contended { bucket: first.bucket, key: first.key }.into())
    }

    /// The transaction for what the index says now, and what it replaces.
    async fn prepare(&self, puts: &[Put], mut txn: Txn) -> Result<(Txn, Vec<Replaced>), ObjectError> {
        let mut wanted: Vec<Key> = Vec::with_capacity(2 * puts.len());
        for put in puts {
            wanted.extend([keys::bucket(&put.bucket), keys::object(&put.bucket, &put.key)]);
        }
        let found = self.meta.get_many(&wanted).await?;
        let mut replaced = Vec::new();
        for (put, found) in puts.iter().zip(found.chunks_exact(2)) {
            if found[0].is_none() {
                return Err(ObjectError::NoSuchBucket { bucket: put.bucket.clone() });
            }
            let current = stored::<ObjectRecord>(found[1].as_ref())?;
            let etag = current.as_ref().map(|current| current.value.etag.as_str());
            if put.condition.as_ref().is_some_and(|condition| !condition.holds(etag)) {
                let (bucket, key) = (put.bucket.clone(), put.key.clone());
                return Err(ObjectError::PreconditionFailed { bucket, key });
            }
            let key = keys::object(&put.bucket, &put.key);
            txn = txn.require_present(keys::bucket(&put.bucket));
            txn = match current {
                None => txn.require_absent(key.clone()),
                Some(current) => {
                    let files = self.files_of(&current.value).await?;
                    txn = forget(txn, &current.value.body, &files);
                    replaced.push(Replaced { body: current.value.body.id, files });
                    txn.require_revision(key.clone(), current.revision)
                }
            };
            for staged in &put.staged {
                txn = txn.put(keys::file(&staged.id), "");
            }
            if let Some(extents) = &put.extents {
                txn = txn.put_json(keys::extents(&put.record.body.id), extents);
            }
            txn = txn.put_json(key, &put.record);
        }
        Ok((txn, replaced))
    }

    async fn published(&self, puts: Vec<Put>, replaced: Vec<Replaced>) -> Vec<ObjectInfo> {
        let mut infos = Vec::with_capacity(puts.len());
        for put in puts {
            put.staged.into_iter().for_each(StagedFile::keep);
            infos.push(put.record.into_info(&put.bucket, &put.key));
        }
        if !replaced.is_empty() {
            let files = self.files.clone();
            let remove = move || replaced.into_iter().for_each(|old| files.remove(&old.body, old.files));
            self.rt.blocking("objects remove", remove).await;
        }
        infos
    }

    pub(crate) async fn files_of(&self, record: &ObjectRecord) -> Result<Vec<FileId>, ObjectError> {
        Ok(record.extents(&self.meta).await?.into_iter().map(|extent| extent.file).collect())
    }

    fn put_of(&self, staged: Staged) -> Put {
        let Staged { bucket, key, condition, described, blob } = staged;
        let Blob { staged, size, etag, checksums } = blob;
        let record = ObjectRecord {
            version: VERSION,
            key_id: NO_KEY,
            body: Body { id: staged.id.clone(), extents: 1 },
            size,
            etag,
            modified: self.rt.now(),
            described,
            checksums: Checksums { values: checksums, composite: false },
            parts: None,
            upload: None,
        };
        Put { bucket, key, condition, record, staged: vec![staged], extents: None }
    }
}

fn staged_files(puts: &mut [Put]) -> impl Iterator<Item = &mut StagedFile> {
    puts.iter_mut().flat_map(|put| &mut put.staged)
}

/// Whether a failed commit is known to have written nothing.
pub(crate) fn did_not_happen(error: &CommitError) -> bool {
    match error {
        CommitError::Conflict { .. } => true,
        CommitError::Meta(error) => matches!(error, MetaError::StorageFull | MetaError::Encode { .. }),
    }
}

/// Removes what refers to the files of a body.
pub(crate) fn forget(mut txn: Txn, body: &Body, files: &[FileId]) -> Txn {
    for file in files {
        txn = txn.delete(keys::file(file));
    }
    if body.extents != 1 {
        txn = txn.delete(keys::extents(&body.id));
    }
    txn
}

/// For commits whose requirements are all about objects and buckets, which are tried again.
pub(crate) fn without_conflict(error: PublishError) -> ObjectError {
    match error {
        PublishError::Object(error) => error,
        PublishError::Conflict { key } => {
            ObjectError::Invalid { reason: format!("{key} was required and has changed") }
        }
    }
}

fn is_ours(puts: &[Put], key: &Key) -> bool {
    puts.iter().any(|put| *key == keys::object(&put.bucket, &put.key) || *key == keys::bucket(&put.bucket))
}
