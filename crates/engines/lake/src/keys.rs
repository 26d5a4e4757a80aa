//! Every key this crate owns in `meta`. All are below the scope and the segment `lake`.
//!
//! | key | value |
//! |---|---|
//! | `database` / name | [`Database`](crate::Database) as JSON |
//! | `table` / database / name | [`Table`](crate::Table) as JSON, the current version |
//! | `version` / database / table / u64::MAX − version | an archived [`Table`](crate::Table), newest first |
//! | `note` / database / `database` / kind / name | an attachment of a database: any JSON |
//! | `note` / database / `table` / table / kind / name | an attachment of a table |
//! | `note` / database / `partition` / table / value₁ … / kind / name | an attachment of a partition |
//! | `partition` / database / table / value₁ / value₂ … | [`Partition`](crate::Partition) as JSON |
//!
//! A partition's values are segments in the order of the partition keys, so that a predicate that
//! fixes leading keys is a prefix, and one that bounds the next key is a range.

use meta::Key;
use names::Scope;

fn owned(scope: &Scope, kind: &str) -> Key {
    Key::scoped(scope, "lake").with(kind)
}

/// The prefix of all databases.
pub fn databases(scope: &Scope) -> Key {
    owned(scope, "database")
}

pub fn database(scope: &Scope, name: &str) -> Key {
    databases(scope).with(name)
}

/// The prefix of a database's tables.
pub fn tables(scope: &Scope, database: &str) -> Key {
    owned(scope, "table").with(database)
}

pub fn table(scope: &Scope, database: &str, name: &str) -> Key {
    tables(scope, database).with(name)
}

/// The prefix of the archived versions of all of a database's tables.
pub fn versions_in(scope: &Scope, database: &str) -> Key {
    owned(scope, "version").with(database)
}

/// The prefix of a table's archived versions, newest first.
pub fn versions(scope: &Scope, database: &str, table: &str) -> Key {
    versions_in(scope, database).with(table)
}

pub fn version(scope: &Scope, database: &str, table: &str, version: u64) -> Key {
    versions(scope, database, table).with_u64(u64::MAX - version)
}

/// The prefix of the partitions of all of a database's tables.
pub fn partitions_in(scope: &Scope, database: &str) -> Key {
    owned(scope, "partition").with(database)
}

/// The prefix of a table's partitions.
pub fn partitions(scope: &Scope, database: &str, table: &str) -> Key {
    partitions_in(scope, database).with(table)
}

pub fn partition(scope: &Scope, database: &str, table: &str, values: &[String]) -> Key {
    values.iter().fold(partitions(scope, database, table), |key, value| key.with(value))
}

/// The prefix of everything attached to a database, its tables and their partitions.
pub fn attachments_in(scope: &Scope, database: &str) -> Key {
    owned(scope, "note").with(database)
}

pub fn database_attachments(scope: &Scope, database: &str) -> Key {
    attachments_in(scope, database).with("database")
}

pub fn table_attachments(scope: &Scope, database: &str, table: &str) -> Key {
    attachments_in(scope, database).with("table").with(table)
}

/// The prefix of what is attached to the partition at `values`; of all of a table's without values.
pub fn partition_attachments(scope: &Scope, database: &str, table: &str, values: &[String]) -> Key {
    let all = attachments_in(scope, database).with("partition").with(table);
    values.iter().fold(all, |key, value| key.with(value))
}
