use aws::ApiError;
use lake::CatalogError;
use lake::FilterError;

use crate::model::{self, ErrorDetail, error};

/// The catalog's errors in Glue's words, which clients read.
pub(crate) fn from_catalog(cause: CatalogError) -> ApiError {
    match cause {
        CatalogError::NoSuchDatabase(name) => {
            error::entity_not_found_exception(format!("Database {name} not found."))
        }
        CatalogError::NoSuchTable { table, .. } => {
            error::entity_not_found_exception(format!("Table {table} not found."))
        }
        CatalogError::NoSuchPartition { .. } => error::entity_not_found_exception("Cannot find partition."),
        CatalogError::NoSuchVersion { .. } => error::entity_not_found_exception("Version not found."),
        CatalogError::DatabaseExists(_) => error::already_exists_exception("Database already exists."),
        CatalogError::TableExists { .. } => error::already_exists_exception("Table already exists."),
        CatalogError::PartitionExists { .. } => error::already_exists_exception("Partition already exists."),
        CatalogError::VersionConflict { .. } => {
            error::concurrent_modification_exception("Update table failed due to concurrent modifications.")
        }
        CatalogError::DatabaseBusy(name) => error::concurrent_modification_exception(format!(
            "Update of database {name} failed due to concurrent modifications."
        )),
        CatalogError::CurrentVersion { .. } => {
            error::invalid_input_exception("The latest version of a table cannot be deleted.")
        }
        CatalogError::Invalid { field: "values", reason } => error::invalid_input_exception(format!(
            "The number of partition keys do not match the number of partition values: {reason}"
        )),
        CatalogError::Invalid { field, reason } => {
            error::invalid_input_exception(format!("{field}: {reason}"))
        }
        CatalogError::Meta(source) => {
            error::internal_service_exception("The catalog's store failed.").with_source(source)
        }
    }
}

/// A GetPartitions expression that does not read.
pub(crate) fn from_filter(cause: FilterError) -> ApiError {
    error::invalid_input_exception(format!("Unsupported expression: {cause}"))
}

/// The same error as one item of a batch has it.
pub(crate) fn detail(cause: CatalogError) -> ErrorDetail {
    detail_of(&from_catalog(cause))
}

pub(crate) fn detail_of(cause: &ApiError) -> ErrorDetail {
    model::ErrorDetail {
        error_code: Some(cause.code().to_owned()),
        error_message: Some(cause.message().to_owned()),
    }
}
