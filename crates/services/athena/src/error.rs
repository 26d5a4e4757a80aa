//! What goes wrong below, as the service's modelled errors and in the numbers of its error catalogue.

use aws::ApiError;
use lake::CatalogError;
use meta::{CommitError, MetaError};
use objects::ObjectError;
use query::{ErrorKind, QueryError};

use crate::execution::Failure;
use crate::model;

/// The `AthenaErrorCode` of a refused request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    Input,
    Syntax,
    NoSuchExecution,
    ExecutionState,
    IdempotencyMismatch,
    NoSuchCatalog,
}

impl Rejection {
    fn code(self) -> &'static str {
        match self {
            Rejection::Input => "INVALID_INPUT",
            Rejection::Syntax => "MALFORMED_QUERY",
            Rejection::NoSuchExecution => "QUERY_EXECUTION_NOT_FOUND",
            Rejection::ExecutionState => "INVALID_QUERY_EXECUTION_STATE",
            Rejection::IdempotencyMismatch => "IDEMPOTENT_PARAMETER_MISMATCH",
            Rejection::NoSuchCatalog => "DATACATALOG_NOT_FOUND",
        }
    }
}

/// `InvalidRequestException`, this service's one answer to a caller's mistake.
pub(crate) fn invalid(rejection: Rejection, message: impl Into<String>) -> ApiError {
    let code = rejection.code();
    model::error::invalid_request_exception(message)
        .with_field("AthenaErrorCode", code)
        .with_field("ErrorCode", code)
}

pub(crate) fn not_found(message: impl Into<String>, resource: &str) -> ApiError {
    model::error::resource_not_found_exception(message).with_field("ResourceName", resource)
}

/// The caller asks for something that is not built.
pub(crate) fn unsupported(what: &str) -> ApiError {
    invalid(Rejection::Input, format!("{what} is not supported"))
}

pub(crate) fn too_many_queries() -> ApiError {
    model::error::too_many_requests_exception(
        "You have exceeded the limit for the number of queries you can run concurrently. Please reduce the \
         number of concurrent queries submitted by this account.",
    )
    .with_field("Reason", "CONCURRENT_QUERY_LIMIT_EXCEEDED")
}

fn internal(source: impl std::error::Error + Send + Sync + 'static) -> ApiError {
    model::error::internal_server_exception("The request failed because of an internal error.")
        .with_source(source)
}

pub(crate) fn from_meta(error: MetaError) -> ApiError {
    internal(error)
}

pub(crate) fn from_commit(error: CommitError) -> ApiError {
    internal(error)
}

pub(crate) fn from_object(error: ObjectError) -> ApiError {
    match error {
        ObjectError::NoSuchBucket { .. } | ObjectError::NoSuchKey { .. } => {
            invalid(Rejection::Input, format!("The results are no longer there: {error}"))
        }
        error => internal(error),
    }
}

/// Errors of the operations that read the catalog.
pub(crate) fn from_catalog(error: CatalogError) -> ApiError {
    match error {
        CatalogError::Meta(error) => from_meta(error),
        error @ (CatalogError::NoSuchDatabase { .. } | CatalogError::NoSuchTable { .. }) => {
            model::error::metadata_exception(format!("{error}"))
                .with_field("AthenaErrorCode", "ENTITY_NOT_FOUND")
        }
        error => model::error::metadata_exception(format!("{error}")),
    }
}

const SYSTEM: i32 = 1;
const USER: i32 = 2;

/// A failed statement in the numbers of the service's error catalogue.
pub(crate) fn failure(error: &QueryError) -> Failure {
    let (category, error_type) = match error.kind {
        ErrorKind::DivisionByZero | ErrorKind::BadData => (USER, 1001),
        ErrorKind::TypeMismatch => (USER, 1002),
        ErrorKind::Ddl => (USER, 1003),
        ErrorKind::Syntax | ErrorKind::NoSuchColumn | ErrorKind::AmbiguousColumn => (USER, 1006),
        ErrorKind::InvalidCast | ErrorKind::OutOfRange => (USER, 1100),
        ErrorKind::InvalidArgument => (USER, 1106),
        ErrorKind::NotSupported => (USER, 1200),
        ErrorKind::NoSuchTable | ErrorKind::NoSuchDatabase => (USER, 1301),
        ErrorKind::NoSuchFunction => (USER, 1303),
        ErrorKind::ResourceExhausted => (SYSTEM, 2),
        ErrorKind::Cancelled | ErrorKind::Internal => (SYSTEM, 200),
    };
    let retryable = matches!(error.kind, ErrorKind::ResourceExhausted | ErrorKind::Internal);
    Failure { reason: error.to_string(), category, error_type, retryable }
}

pub(crate) fn timeout_failure() -> Failure {
    Failure { reason: "Query timeout".to_owned(), category: USER, error_type: 206, retryable: false }
}

/// The result could not be written to its location.
pub(crate) fn write_failure(error: &ObjectError) -> Failure {
    Failure {
        reason: format!("Failed to write query results: {error}"),
        category: SYSTEM,
        error_type: 401,
        retryable: true,
    }
}

/// A statement that may not run twice was running when the process ended.
pub(crate) fn interrupted_failure() -> Failure {
    Failure {
        reason:
            "The statement was running when the service stopped. It may have taken effect; it was not run \
                 again because it is not known to be repeatable."
                .to_owned(),
        category: SYSTEM,
        error_type: 100,
        retryable: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_table_is_a_user_error_of_its_own_number_with_the_whole_reason() {
        let error = QueryError::new(ErrorKind::NoSuchTable, "Table 'a.b' does not exist");
        let failure = failure(&error);
        assert_eq!((failure.category, failure.error_type, failure.retryable), (USER, 1301, false));
        assert_eq!(failure.reason, "TABLE_NOT_FOUND: Table 'a.b' does not exist");
    }

    #[test]
    fn a_refused_request_names_its_code_twice_as_clients_expect() {
        let error = invalid(Rejection::NoSuchExecution, "QueryExecution x was not found");
        assert_eq!(error.status(), 400);
        assert_eq!(error.fields()["AthenaErrorCode"], "QUERY_EXECUTION_NOT_FOUND");
        assert_eq!(error.fields()["ErrorCode"], "QUERY_EXECUTION_NOT_FOUND");
    }
}
