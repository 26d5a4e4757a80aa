//! Why a statement failed, worded as Athena words it.

use std::fmt;

/// A statement's failure. [`fmt::Display`] gives what a state change reason shows, such as
/// `COLUMN_NOT_FOUND: line 1:8: Column 'x' cannot be resolved or requester is not authorized to
/// access requested resources`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryError {
    pub kind: ErrorKind,
    /// Where in the statement, 1-based, when it is known.
    pub position: Option<Position>,
    /// Without prefix and position.
    pub message: String,
}

/// 1-based line and column of the first character concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub line: u64,
    pub column: u64,
}

/// What a caller may want to tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    Syntax,
    NoSuchDatabase,
    NoSuchTable,
    NoSuchColumn,
    NoSuchFunction,
    AmbiguousColumn,
    TypeMismatch,
    /// A parameter, a literal or a format that cannot be taken.
    InvalidArgument,
    InvalidCast,
    DivisionByZero,
    /// A number left its type's range.
    OutOfRange,
    /// Data that does not fit the table's declaration.
    BadData,
    /// Hive's refusal of a data definition; the message carries its own prefix.
    Ddl,
    NotSupported,
    Cancelled,
    ResourceExhausted,
    Internal,
}

impl ErrorKind {
    /// The code that Athena puts before the message; `None` for messages that stand alone.
    pub fn code(self) -> Option<&'static str> {
        Some(match self {
            ErrorKind::Syntax => return None,
            ErrorKind::NoSuchDatabase => "SCHEMA_NOT_FOUND",
            ErrorKind::NoSuchTable => "TABLE_NOT_FOUND",
            ErrorKind::NoSuchColumn => "COLUMN_NOT_FOUND",
            ErrorKind::NoSuchFunction => "FUNCTION_NOT_FOUND",
            ErrorKind::AmbiguousColumn => "AMBIGUOUS_NAME",
            ErrorKind::TypeMismatch => "TYPE_MISMATCH",
            ErrorKind::InvalidArgument => "INVALID_FUNCTION_ARGUMENT",
            ErrorKind::InvalidCast => "INVALID_CAST_ARGUMENT",
            ErrorKind::DivisionByZero => "DIVISION_BY_ZERO",
            ErrorKind::OutOfRange => "NUMERIC_VALUE_OUT_OF_RANGE",
            ErrorKind::BadData => "HIVE_BAD_DATA",
            ErrorKind::Ddl => return None,
            ErrorKind::NotSupported => "NOT_SUPPORTED",
            ErrorKind::Cancelled => return None,
            ErrorKind::ResourceExhausted => "EXCEEDED_LOCAL_MEMORY_LIMIT",
            ErrorKind::Internal => "GENERIC_INTERNAL_ERROR",
        })
    }
}

impl QueryError {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> QueryError {
        QueryError { kind, position: None, message: message.into() }
    }

    pub fn at(mut self, position: Position) -> QueryError {
        self.position = Some(position);
        self
    }

    pub fn syntax(position: Position, message: impl Into<String>) -> QueryError {
        QueryError::new(ErrorKind::Syntax, message).at(position)
    }

    pub(crate) fn internal(message: impl fmt::Display) -> QueryError {
        QueryError::new(ErrorKind::Internal, message.to_string())
    }

    pub(crate) fn unsupported(what: impl fmt::Display) -> QueryError {
        QueryError::new(ErrorKind::NotSupported, format!("{what} is not supported by Mulgil yet"))
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(code) = self.kind.code() {
            write!(f, "{code}: ")?;
        }
        if let Some(Position { line, column }) = self.position {
            write!(f, "line {line}:{column}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for QueryError {}

/// A failure inside a function or a scan, carried through the engine's own error type.
#[derive(Debug, Clone)]
pub(crate) struct Failure(pub(crate) QueryError);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Failure {}

/// The carrier of `kind` and `message` through DataFusion.
pub(crate) fn fail(kind: ErrorKind, message: impl Into<String>) -> datafusion::error::DataFusionError {
    datafusion::error::DataFusionError::External(Box::new(Failure(QueryError::new(kind, message))))
}

pub(crate) fn invalid(message: impl Into<String>) -> datafusion::error::DataFusionError {
    fail(ErrorKind::InvalidArgument, message)
}

pub(crate) fn mismatch(message: impl Into<String>) -> datafusion::error::DataFusionError {
    fail(ErrorKind::TypeMismatch, message)
}
