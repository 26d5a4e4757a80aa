//! What stands behind `Meta`.

use futures::future::BoxFuture;

use crate::{CommitError, Entry, Key, MetaError, Revision, Txn};

/// A store of entries. Called concurrently from any task.
///
/// - Keys are compared as bytes. Ranges are half-open byte ranges, so a store needs one kind of scan.
/// - `commit` checks every requirement against the state left by the commits before it, writes nothing
///   if one does not hold, and returns when the commit is durable. After it is durable, and before a
///   later commit of the same prefix is, the watches of the touched prefixes are notified.
/// - A failed `commit` may be retried; a store that cannot tell whether a commit happened says so by
///   [`MetaError::Io`].
pub(crate) trait Store: Send + Sync + 'static {
    /// One answer per key, from one moment.
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Entry>>, MetaError>>;

    /// At most `limit` entries of `from..to` in key order, from one moment.
    fn scan(&self, from: Vec<u8>, to: Vec<u8>, limit: usize) -> BoxFuture<'_, Result<Vec<Entry>, MetaError>>;

    fn commit(&self, txn: Txn) -> BoxFuture<'_, Result<Revision, CommitError>>;

    /// Removes every entry, keeps the revision counter, notifies every watch.
    fn clear(&self) -> BoxFuture<'_, Result<(), MetaError>>;
}
