//! The catalog: databases, tables, versions, partitions. See [`keys`](crate::keys) for the layout.
//!
//! Changes are optimistic: what was read is required to be unchanged at commit, and a lost race is
//! retried [`COMMIT_ATTEMPTS_MAX`] times. An update that names the version it is based on is never
//! retried over a newer one.

mod attachments;
mod databases;
mod error;
mod partition_listing;
mod partitions;
mod tables;
mod versions;

#[cfg(test)]
mod tests;

use meta::{CommitError, Entry, Key, Meta, Txn};
use rt::Rt;
use serde::de::DeserializeOwned;

pub use attachments::{ATTACHMENTS_MAX, Owner};
pub use error::CatalogError;
pub use partitions::Outcomes;

/// How often a change is tried again when another commit touched the same entry first.
pub const COMMIT_ATTEMPTS_MAX: usize = 16;

/// The most items a page has, whatever was asked for.
pub const PAGE_ITEMS_MAX: usize = 10_000;

/// The most partitions one transaction adds or removes.
pub const PARTITIONS_PER_COMMIT_MAX: usize = 1_000;

/// Databases, tables, versions and partitions of all scopes. Cheap to clone.
#[derive(Clone)]
pub struct Catalog {
    meta: Meta,
    rt: Rt,
}

/// Which part of a listing: the items after a cursor, at most `limit` of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// [`Listing::next`] of the page before; opaque.
    pub after: Option<String>,
    /// From 1 to [`PAGE_ITEMS_MAX`]; other values are clamped.
    pub limit: usize,
}

impl PageRequest {
    pub fn first(limit: usize) -> PageRequest {
        PageRequest { after: None, limit }
    }

    pub fn after(cursor: Option<String>, limit: usize) -> PageRequest {
        PageRequest { after: cursor, limit }
    }

    fn limit(&self) -> usize {
        self.limit.clamp(1, PAGE_ITEMS_MAX)
    }
}

/// A page of a listing, in name order (versions: newest first).
#[derive(Debug, Clone, PartialEq)]
pub struct Listing<T> {
    pub items: Vec<T>,
    /// The cursor of the next page; `None` at the end.
    pub next: Option<String>,
}

impl<T> Listing<T> {
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Listing<U> {
        Listing { items: self.items.into_iter().map(convert).collect(), next: self.next }
    }
}

impl Catalog {
    pub fn new(meta: Meta, rt: Rt) -> Catalog {
        Catalog { meta, rt }
    }

    /// Commits, answering whether it took effect; `false` is a lost race to be tried again.
    async fn try_commit(&self, txn: Txn) -> Result<bool, CatalogError> {
        match self.meta.commit(txn).await {
            Ok(_) => Ok(true),
            Err(CommitError::Conflict { .. }) => Ok(false),
            Err(CommitError::Meta(error)) => Err(error.into()),
        }
    }

    /// One page of entries directly keyed by a name below `prefix`.
    async fn page<T: DeserializeOwned>(
        &self,
        prefix: &Key,
        page: &PageRequest,
        name_of: impl Fn(&T) -> String,
    ) -> Result<Listing<T>, CatalogError> {
        let after = page.after.as_deref().map(|name| prefix.clone().with(name));
        let limit = page.limit();
        let entries = self.meta.scan(prefix, after.as_ref(), limit + 1).await?;
        let more = entries.len() > limit;
        let items: Vec<T> = entries.iter().take(limit).map(Entry::json).collect::<Result<_, _>>()?;
        let next = if more { items.last().map(name_of) } else { None };
        Ok(Listing { items, next })
    }
}

/// Lower-cases a name and refuses one that cannot be stored.
pub(crate) fn folded(field: &'static str, name: &str) -> Result<String, CatalogError> {
    if name.is_empty() {
        return Err(CatalogError::Invalid { field, reason: "it is empty".into() });
    }
    Ok(name.to_lowercase())
}
