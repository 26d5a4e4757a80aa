use meta::MetaError;
use objects::{ObjectError, PublishError};
use thiserror::Error;

use crate::catalog::CatalogError;
use crate::location::LocationError;
use crate::parquet::ParquetError;
use crate::types::TypeError;

/// Why something about an Iceberg table was not done. The table is as it was.
#[derive(Debug, Error)]
pub enum IcebergError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The catalog knows the table, but as one of another kind.
    #[error("{database}.{table} is not an iceberg table")]
    NotIceberg { database: String, table: String },
    /// The catalog says iceberg and does not say where the metadata lies.
    #[error("{database}.{table} has no metadata_location")]
    NoMetadataLocation { database: String, table: String },
    #[error(transparent)]
    Location(#[from] LocationError),
    #[error(transparent)]
    Type(#[from] TypeError),
    #[error("column {0} is not in the table")]
    NoSuchColumn(String),
    #[error("snapshot {0} is not in the table")]
    NoSuchSnapshot(i64),
    #[error("{0}")]
    Invalid(String),
    /// Another writer committed first, and what was to be committed cannot be moved onto its snapshot.
    /// Nothing happened; may be begun again from a fresh load.
    #[error("{database}.{table} was changed by another writer")]
    Conflict { database: String, table: String },
    /// Only a later writer of another table format version may change it.
    #[error("{database}.{table} has format version {version}, which is only read")]
    FormatVersion { database: String, table: String, version: u8 },
    #[error("the table has more than {limit} {what}")]
    TooMany { limit: usize, what: &'static str },
    #[error(transparent)]
    Parquet(#[from] ParquetError),
    #[error("the objects of the table failed")]
    Objects(#[from] ObjectError),
    #[error("the table's metadata failed")]
    Meta(#[from] MetaError),
    #[error("iceberg metadata cannot be read or written")]
    Format(#[from] Box<::iceberg::Error>),
    #[error("the rows do not fit the table")]
    Arrow(#[from] arrow::error::ArrowError),
}

impl From<::iceberg::Error> for IcebergError {
    fn from(error: ::iceberg::Error) -> IcebergError {
        IcebergError::Format(Box::new(error))
    }
}

impl IcebergError {
    /// Of a commit to the table `database.table`.
    pub(super) fn of_publish(error: PublishError, database: &str, table: &str) -> IcebergError {
        match error {
            PublishError::Conflict { .. } => {
                IcebergError::Conflict { database: database.to_owned(), table: table.to_owned() }
            }
            PublishError::Object(error) => error.into(),
        }
    }
}
