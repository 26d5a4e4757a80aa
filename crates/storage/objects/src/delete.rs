use std::collections::BTreeMap;

use futures::future::join_all;
use meta::{CommitError, Txn};

use crate::publish::forget;
use crate::record::{ObjectRecord, Stored, read};
use crate::{Condition, ObjectError, Objects, keys};

/// How often a change is tried while others write the same object.
const ATTEMPTS_MAX: usize = 64;

impl Objects {
    /// Whether there was such an object.
    pub async fn delete(&self, bucket: &str, key: &str) -> Result<bool, ObjectError> {
        self.delete_if(bucket, key, None).await
    }

    /// Deletes the object if the condition holds of it.
    pub async fn delete_if(
        &self,
        bucket: &str,
        key: &str,
        condition: Option<Condition>,
    ) -> Result<bool, ObjectError> {
        self.require_bucket(bucket).await?;
        let (objects, bucket, key) = (self.clone(), bucket.to_owned(), key.to_owned());
        self.detached("objects delete", async move {
            objects.delete_detached(bucket, key, condition.as_ref()).await
        })
        .await
    }

    /// One result for each key, in their order. Each is deleted or not by itself.
    pub async fn delete_many(
        &self,
        bucket: &str,
        keys: &[String],
    ) -> Result<Vec<Result<bool, ObjectError>>, ObjectError> {
        self.require_bucket(bucket).await?;
        // Commits that come together share one flush.
        Ok(join_all(keys.iter().map(|key| self.delete(bucket, key))).await)
    }

    async fn delete_detached(
        &self,
        bucket: String,
        key: String,
        condition: Option<&Condition>,
    ) -> Result<bool, ObjectError> {
        for _ in 0..ATTEMPTS_MAX {
            let at = keys::object(&bucket, &key);
            let current: Option<Stored<ObjectRecord>> = read(&self.meta, &at).await?;
            let etag = current.as_ref().map(|current| current.value.etag.as_str());
            if condition.is_some_and(|condition| !condition.holds(etag)) {
                return Err(ObjectError::PreconditionFailed { bucket, key });
            }
            let Some(Stored { value, revision }) = current else { return Ok(false) };
            let files = self.files_of(&value).await?;
            let txn = Txn::new().require_revision(at.clone(), revision).delete(at);
            match self.meta.commit(forget(txn, &value.body, &files)).await {
                Ok(_) => {
                    let held = self.files.clone();
                    self.rt.blocking("objects remove", move || held.remove(&value.body.id, files)).await;
                    return Ok(true);
                }
                Err(CommitError::Conflict { .. }) => {}
                Err(CommitError::Meta(error)) => return Err(error.into()),
            }
        }
        Err(ObjectError::Contended { bucket, key })
    }

    /// Replaces the object's tags and nothing else of it.
    pub async fn set_tags(
        &self,
        bucket: &str,
        key: &str,
        tags: BTreeMap<String, String>,
    ) -> Result<(), ObjectError> {
        for _ in 0..ATTEMPTS_MAX {
            let at = keys::object(bucket, key);
            let Some(Stored { mut value, revision }) = read::<ObjectRecord>(&self.meta, &at).await? else {
                self.require_bucket(bucket).await?;
                return Err(ObjectError::NoSuchKey { bucket: bucket.to_owned(), key: key.to_owned() });
            };
            value.described.tags = tags.clone();
            let txn = Txn::new().require_revision(at.clone(), revision).put_json(at, &value);
            match self.meta.commit(txn).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Conflict { .. }) => {}
                Err(CommitError::Meta(error)) => return Err(error.into()),
            }
        }
        Err(ObjectError::Contended { bucket: bucket.to_owned(), key: key.to_owned() })
    }
}
