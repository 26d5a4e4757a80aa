//! Quotas, from the public model and the service's documentation.

/// Databases, tables and versions on a page: `CatalogGetterPageSize`.
pub(crate) const PAGE: usize = 100;
/// Partitions and search results on a page: `PageSize`.
pub(crate) const LARGE_PAGE: usize = 1_000;
/// Partition indexes of a table: "a maximum of 3 partition indexes".
pub(crate) const INDEXES: usize = 3;
/// Tags of a resource: `TagsMap`.
pub(crate) const TAGS: usize = 50;
/// Tables that one search goes through; ours, since the search has no index.
pub(crate) const SEARCHED_TABLES: usize = 20_000;
