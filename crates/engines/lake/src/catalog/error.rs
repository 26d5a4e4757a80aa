use meta::MetaError;
use thiserror::Error;

/// Why the catalog did not do what it was asked. Nothing was changed.
#[derive(Debug, Error)]
pub enum CatalogError {
    #[error("database {0} not found")]
    NoSuchDatabase(String),
    #[error("table {database}.{table} not found")]
    NoSuchTable { database: String, table: String },
    #[error("partition ({}) of {database}.{table} not found", values.join(", "))]
    NoSuchPartition { database: String, table: String, values: Vec<String> },
    #[error("version {version} of {database}.{table} not found")]
    NoSuchVersion { database: String, table: String, version: u64 },
    #[error("database {0} already exists")]
    DatabaseExists(String),
    #[error("table {database}.{table} already exists")]
    TableExists { database: String, table: String },
    #[error("partition ({}) of {database}.{table} already exists", values.join(", "))]
    PartitionExists { database: String, table: String, values: Vec<String> },
    /// The update was based on another version than the current one, or lost every race.
    #[error("{database}.{table} was changed by someone else")]
    VersionConflict { database: String, table: String },
    /// Too many others changed the same database at once.
    #[error("database {0} was changed by someone else")]
    DatabaseBusy(String),
    /// The version asked to be deleted is the table's current one.
    #[error("version {version} of {database}.{table} is the current one")]
    CurrentVersion { database: String, table: String, version: u64 },
    #[error("{field}: {reason}")]
    Invalid { field: &'static str, reason: String },
    #[error("the catalog's store failed")]
    Meta(#[from] MetaError),
}
