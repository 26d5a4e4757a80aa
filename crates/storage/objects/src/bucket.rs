use std::collections::BTreeMap;

use meta::{CommitError, Key, Txn};
use names::{AccountId, Scope};
use rt::Timestamp;

use crate::record::{BucketRecord, Stored, VERSION, read};
use crate::{ObjectError, Objects, keys};

/// Buckets read at once when they are listed.
const BUCKETS_PAGE: usize = 1000;
/// How often a bucket is tried to be deleted or changed while others write to it.
const ATTEMPTS_MAX: usize = 16;

/// A bucket. Names are global: two accounts cannot have the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    pub name: String,
    pub owner: Scope,
    pub created: Timestamp,
    pub tags: BTreeMap<String, String>,
}

impl Objects {
    pub async fn create_bucket(&self, name: &str, owner: &Scope) -> Result<Bucket, ObjectError> {
        let record = BucketRecord {
            version: VERSION,
            owner: owner.clone(),
            created: self.rt.now(),
            tags: BTreeMap::new(),
        };
        let key = keys::bucket(name);
        let txn = Txn::new().require_absent(key.clone()).put_json(key, &record);
        match self.meta.commit(txn).await {
            Ok(_) => Ok(bucket(name, record)),
            Err(CommitError::Conflict { .. }) => {
                let owner = self.bucket(name).await?.owner;
                Err(ObjectError::BucketExists { bucket: name.to_owned(), owner })
            }
            Err(CommitError::Meta(error)) => Err(error.into()),
        }
    }

    pub async fn bucket(&self, name: &str) -> Result<Bucket, ObjectError> {
        Ok(bucket(name, self.stored_bucket(name).await?.value))
    }

    /// The account's buckets in the order of their names.
    pub async fn buckets(&self, account: &AccountId) -> Result<Vec<Bucket>, ObjectError> {
        let (prefix, mut after, mut found) = (keys::buckets(), None::<Key>, Vec::new());
        loop {
            let page = self.meta.scan(&prefix, after.as_ref(), BUCKETS_PAGE).await?;
            for entry in &page {
                let record: BucketRecord = entry.json()?;
                if record.owner.account == *account
                    && let Some(name) = entry.key.last_str()
                {
                    found.push(bucket(&name, record));
                }
            }
            if page.len() < BUCKETS_PAGE {
                return Ok(found);
            }
            after = page.into_iter().next_back().map(|entry| entry.key);
        }
    }

    pub async fn set_bucket_tags(
        &self,
        name: &str,
        tags: BTreeMap<String, String>,
    ) -> Result<(), ObjectError> {
        for _ in 0..ATTEMPTS_MAX {
            let Stored { mut value, revision } = self.stored_bucket(name).await?;
            value.tags = tags.clone();
            let key = keys::bucket(name);
            let txn = Txn::new().require_revision(key.clone(), revision).put_json(key, &value);
            match self.meta.commit(txn).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Conflict { .. }) => {}
                Err(CommitError::Meta(error)) => return Err(error.into()),
            }
        }
        Err(ObjectError::Contended { bucket: name.to_owned(), key: String::new() })
    }

    /// Deletes a bucket without objects. Uploads that were not completed go with it.
    pub async fn delete_bucket(&self, name: &str) -> Result<(), ObjectError> {
        for _ in 0..ATTEMPTS_MAX {
            let revision = self.stored_bucket(name).await?.revision;
            let objects = keys::objects(name);
            if !self.meta.scan(&objects, None, 1).await?.is_empty() {
                return Err(ObjectError::BucketNotEmpty { bucket: name.to_owned() });
            }
            self.abort_all_uploads(name).await?;
            let txn = Txn::new()
                .require_revision(keys::bucket(name), revision)
                .require_empty(objects)
                .require_empty(keys::uploads(name))
                .delete(keys::bucket(name));
            match self.meta.commit(txn).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Conflict { .. }) => {}
                Err(CommitError::Meta(error)) => return Err(error.into()),
            }
        }
        Err(ObjectError::BucketNotEmpty { bucket: name.to_owned() })
    }

    async fn stored_bucket(&self, name: &str) -> Result<Stored<BucketRecord>, ObjectError> {
        read(&self.meta, &keys::bucket(name))
            .await?
            .ok_or_else(|| ObjectError::NoSuchBucket { bucket: name.to_owned() })
    }

    pub(crate) async fn require_bucket(&self, name: &str) -> Result<(), ObjectError> {
        match self.meta.get(&keys::bucket(name)).await? {
            Some(_) => Ok(()),
            None => Err(ObjectError::NoSuchBucket { bucket: name.to_owned() }),
        }
    }
}

fn bucket(name: &str, record: BucketRecord) -> Bucket {
    Bucket { name: name.to_owned(), owner: record.owner, created: record.created, tags: record.tags }
}
