//! DataFusion's errors in Athena's words.

use arrow::error::ArrowError;
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;

use crate::error::{ErrorKind, Failure, Position, QueryError};
use crate::parse::Tokens;

/// What `error` means to the author of the statement; `tokens` help to find the place.
pub(crate) fn explain(error: &DataFusionError, tokens: Option<&Tokens>) -> QueryError {
    let position = error
        .diagnostic()
        .and_then(|diagnostic| diagnostic.span)
        .map(|span| Position { line: span.start.line, column: span.start.column });
    let mut explained = classify(error, tokens);
    if explained.position.is_none() && names_a_place(explained.kind) {
        explained.position = position;
    }
    explained
}

fn names_a_place(kind: ErrorKind) -> bool {
    !matches!(
        kind,
        ErrorKind::Internal
            | ErrorKind::DivisionByZero
            | ErrorKind::InvalidCast
            | ErrorKind::ResourceExhausted
    )
}

fn classify(error: &DataFusionError, tokens: Option<&Tokens>) -> QueryError {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => classify(inner, tokens),
        DataFusionError::Shared(inner) => classify(inner, tokens),
        DataFusionError::Collection(errors) => match errors.first() {
            Some(first) => classify(first, tokens),
            None => QueryError::internal("no error was given"),
        },
        DataFusionError::External(source) => match source.downcast_ref::<Failure>() {
            Some(failure) => placed(failure.0.clone(), tokens),
            None => match source.downcast_ref::<DataFusionError>() {
                Some(inner) => classify(inner, tokens),
                None => match source.downcast_ref::<ArrowError>() {
                    Some(arrow) => from_arrow(arrow, tokens),
                    None => QueryError::internal(source),
                },
            },
        },
        DataFusionError::ArrowError(arrow, _) => from_arrow(arrow, tokens),
        DataFusionError::SchemaError(schema, _) => from_schema(schema, tokens),
        DataFusionError::ResourcesExhausted(message) => QueryError::new(
            ErrorKind::ResourceExhausted,
            format!("Query exhausted resources at this scale factor: {}", first_line(message)),
        ),
        DataFusionError::NotImplemented(message) => QueryError::unsupported(first_line(message)),
        DataFusionError::Plan(message) => from_plan(message, tokens),
        DataFusionError::Execution(message) => from_execution(message),
        DataFusionError::ParquetError(error) => from_source(error.as_ref(), tokens),
        other => QueryError::internal(first_line(&other.strip_backtrace())),
    }
}

/// A failure of ours may be wrapped by a library on its way.
fn from_source(error: &(dyn std::error::Error + 'static), tokens: Option<&Tokens>) -> QueryError {
    let mut source = Some(error);
    while let Some(current) = source {
        if let Some(failure) = current.downcast_ref::<Failure>() {
            return placed(failure.0.clone(), tokens);
        }
        source = current.source();
    }
    QueryError::new(ErrorKind::BadData, first_line(&error.to_string()))
}

/// Functions fail without knowing where they stand: the first call of that name is the place.
fn placed(mut error: QueryError, tokens: Option<&Tokens>) -> QueryError {
    if error.position.is_none()
        && error.kind == ErrorKind::TypeMismatch
        && let Some(tokens) = tokens
    {
        let function =
            error.message.split_once(" for function ").and_then(|(_, rest)| rest.split('.').next());
        error.position = function.and_then(|name| tokens.find_call(name.trim()));
    }
    error
}

fn from_schema(error: &SchemaError, tokens: Option<&Tokens>) -> QueryError {
    match error {
        SchemaError::FieldNotFound { field, .. } => {
            let name = match &field.relation {
                Some(relation) => format!("{relation}.{}", field.name),
                None => field.name.clone(),
            };
            let message = format!(
                "Column '{name}' cannot be resolved or requester is not authorized to access requested resources"
            );
            let span = field.spans.first().map(|s| Position { line: s.start.line, column: s.start.column });
            let first = name.split('.').next().unwrap_or(&name);
            let mut error = QueryError::new(ErrorKind::NoSuchColumn, message);
            error.position = span.or_else(|| tokens.and_then(|tokens| tokens.find_word(first)));
            error
        }
        SchemaError::AmbiguousReference { field } => {
            let mut error =
                QueryError::new(ErrorKind::AmbiguousColumn, format!("Column '{}' is ambiguous", field.name));
            error.position = tokens.and_then(|tokens| tokens.find_word(&field.name));
            error
        }
        other => QueryError::new(ErrorKind::Syntax, first_line(&other.to_string())),
    }
}

fn from_arrow(error: &ArrowError, tokens: Option<&Tokens>) -> QueryError {
    match error {
        ArrowError::DivideByZero => QueryError::new(ErrorKind::DivisionByZero, "Division by zero"),
        ArrowError::ExternalError(source) => match source.downcast_ref::<Failure>() {
            Some(failure) => placed(failure.0.clone(), tokens),
            None => match source.downcast_ref::<DataFusionError>() {
                Some(inner) => classify(inner, tokens),
                None => QueryError::internal(source),
            },
        },
        ArrowError::ArithmeticOverflow(message) => QueryError::new(ErrorKind::OutOfRange, message),
        ArrowError::CastError(message) | ArrowError::ParseError(message) => {
            QueryError::new(ErrorKind::InvalidCast, message)
        }
        ArrowError::ParquetError(message) => QueryError::new(ErrorKind::BadData, message),
        other => QueryError::internal(other),
    }
}

fn from_plan(message: &str, tokens: Option<&Tokens>) -> QueryError {
    let message = first_line(message);
    if let Some(rest) = message.strip_prefix("Invalid function '") {
        let name = rest.split('\'').next().unwrap_or(rest);
        let mut error =
            QueryError::new(ErrorKind::NoSuchFunction, format!("Function '{name}' not registered"));
        error.position = tokens.and_then(|tokens| tokens.find_call(name));
        return error;
    }
    if message.contains("must appear in the GROUP BY clause")
        || message.contains("could not be resolved from available columns")
    {
        let column = message.split('"').nth(1).or_else(|| message.split('\'').nth(1));
        let name = column.unwrap_or("").rsplit('.').next().unwrap_or("").to_owned();
        let mut error = QueryError::new(
            ErrorKind::Syntax,
            format!("'{name}' must be an aggregate expression or appear in GROUP BY clause"),
        );
        error.position = tokens.and_then(|tokens| tokens.find_word(&name));
        return error;
    }
    let mismatch =
        ["coerc", "Cannot infer common", "type", "signature"].iter().any(|hint| message.contains(hint));
    let kind = if mismatch { ErrorKind::TypeMismatch } else { ErrorKind::Syntax };
    let mut error = QueryError::new(kind, message);
    if kind == ErrorKind::Syntax {
        error.position = Some(Position { line: 1, column: 1 });
    }
    error
}

fn from_execution(message: &str) -> QueryError {
    let message = first_line(message);
    if message.contains("Divide by zero") {
        return QueryError::new(ErrorKind::DivisionByZero, "Division by zero");
    }
    if message.contains("returned more than one row") || message.contains("more than one row") {
        return QueryError::new(ErrorKind::InvalidArgument, "Scalar sub-query has returned multiple rows");
    }
    if message.contains("Cannot cast column") {
        return QueryError::new(ErrorKind::BadData, message);
    }
    QueryError::new(ErrorKind::Internal, message)
}

fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or("").trim().to_owned()
}
