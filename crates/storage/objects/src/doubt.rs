//! Files whose commit ended without an answer: it may have happened or not.
//!
//! Commits are serial, so once a later one has succeeded the index says what became of the earlier one. Every
//! publish therefore decides over the files that were in doubt before it. While nothing can be committed at all, few
//! may be in doubt: without a bound, whoever tries again and again would fill the disk.

use meta::{CommitError, Key, Txn};

use crate::files::FileId;
use crate::{ObjectError, Objects, keys};

/// Files that may be in doubt before nothing more is written until a commit succeeds.
pub(crate) const DOUBTFUL_MAX: usize = 64;

impl Objects {
    /// To be called before bytes are written.
    pub(crate) async fn bound_doubt(&self) -> Result<(), ObjectError> {
        if self.files.doubtful_count() < DOUBTFUL_MAX {
            return Ok(());
        }
        let doubtful = self.files.doubtful();
        let fence = Txn::new().put(keys::fence(), "");
        self.meta.commit(fence).await.map_err(|error| match error {
            CommitError::Meta(error) => ObjectError::from(error),
            CommitError::Conflict { .. } => unreachable!("nothing was required"),
        })?;
        self.decide(doubtful).await
    }

    /// Removes those to which nothing refers. They were in doubt before a commit that succeeded.
    pub(crate) async fn decide(&self, doubtful: Vec<FileId>) -> Result<(), ObjectError> {
        if doubtful.is_empty() {
            return Ok(());
        }
        let asked: Vec<Key> = doubtful.iter().map(keys::file).collect();
        let found = self.meta.get_many(&asked).await?;
        let orphans: Vec<FileId> = doubtful
            .iter()
            .zip(found)
            .filter(|(_, found)| found.is_none())
            .map(|(id, _)| id.clone())
            .collect();
        let files = self.files.clone();
        self.rt
            .blocking("objects remove", move || {
                orphans.iter().for_each(|id| files.unlink(id));
                files.decided(&doubtful);
            })
            .await;
        Ok(())
    }
}
