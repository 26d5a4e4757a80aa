//! What can befall a store, for tests of those who use it.
//!
//! Compiled with the feature `faults`; otherwise nothing is left of it.

use std::io;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::store::Store;
use crate::{CommitError, Entry, Key, Meta, MetaError, Revision, Txn};

/// Every operation that can be befallen.
pub mod at {
    pub const META_GET: &str = "meta-get";
    pub const META_SCAN: &str = "meta-scan";
    pub const META_COMMIT: &str = "meta-commit";
}

/// Decides over operations of stores. Called from any task; what it waits, the operation waits.
pub trait Faults: Send + Sync + 'static {
    /// Before the operation does anything. With an error it fails, and nothing has happened.
    fn before(&self, operation: &'static str) -> BoxFuture<'_, io::Result<()>>;

    /// After it has done everything. With an error its answer is lost: the caller learns of a failure.
    fn after(&self, operation: &'static str) -> BoxFuture<'_, io::Result<()>>;
}

impl Meta {
    /// The same database, whose operations `faults` may befall. Watches are never befallen.
    #[must_use]
    pub fn with_faults(&self, faults: Arc<dyn Faults>) -> Meta {
        let faulty = Faulty { store: self.store.clone(), faults };
        Meta { store: Arc::new(faulty), watches: self.watches.clone() }
    }
}

struct Faulty {
    store: Arc<dyn Store>,
    faults: Arc<dyn Faults>,
}

impl Faulty {
    async fn before(&self, operation: &'static str) -> Result<(), MetaError> {
        self.faults.before(operation).await.map_err(failed)
    }

    async fn after(&self, operation: &'static str) -> Result<(), MetaError> {
        self.faults.after(operation).await.map_err(failed)
    }
}

fn failed(error: io::Error) -> MetaError {
    MetaError::Io { source: error.into() }
}

impl Store for Faulty {
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Entry>>, MetaError>> {
        async move {
            self.before(at::META_GET).await?;
            let found = self.store.get_many(keys).await?;
            self.after(at::META_GET).await?;
            Ok(found)
        }
        .boxed()
    }

    fn scan(&self, from: Vec<u8>, to: Vec<u8>, limit: usize) -> BoxFuture<'_, Result<Vec<Entry>, MetaError>> {
        async move {
            self.before(at::META_SCAN).await?;
            let found = self.store.scan(from, to, limit).await?;
            self.after(at::META_SCAN).await?;
            Ok(found)
        }
        .boxed()
    }

    fn commit(&self, txn: Txn) -> BoxFuture<'_, Result<Revision, CommitError>> {
        async move {
            self.before(at::META_COMMIT).await?;
            let revision = self.store.commit(txn).await?;
            self.after(at::META_COMMIT).await?;
            Ok(revision)
        }
        .boxed()
    }

    fn clear(&self) -> BoxFuture<'_, Result<(), MetaError>> {
        self.store.clear()
    }
}
