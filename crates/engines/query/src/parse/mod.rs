//! From a statement's text to a syntax tree: tokens, parameters, routing, and errors in Trino's words.

mod prepared;
mod tokens;
mod travel;

use datafusion::sql::sqlparser::ast::{Query, Statement};
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

pub use prepared::Prepared;
pub(crate) use tokens::Tokens;
pub(crate) use travel::{AsOf, split as split_as_of};

use crate::dialect::AthenaDialect;
use crate::error::{ErrorKind, Position, QueryError};

/// How deep expressions may nest.
const RECURSION_LIMIT: usize = 200;

/// The query (SELECT, VALUES, WITH …) that `tokens` spell.
pub(crate) fn query(tokens: &Tokens) -> Result<Query, QueryError> {
    let mut parser = Parser::new(&AthenaDialect)
        .with_recursion_limit(RECURSION_LIMIT)
        .with_tokens_with_locations(tokens.for_query()?);
    let statement = parser.parse_statement().map_err(|error| explain(&error, tokens))?;
    let next = parser.peek_token();
    if next.token != Token::EOF {
        let position = Position { line: next.span.start.line, column: next.span.start.column };
        return Err(mismatched(position, &next.token.to_string(), "<EOF>"));
    }
    match statement {
        Statement::Query(query) => Ok(*query),
        _ => Err(QueryError::unsupported(format!("The statement {}", tokens.first_words(2)))),
    }
}

pub(crate) fn mismatched(position: Position, found: &str, expected: &str) -> QueryError {
    QueryError::syntax(position, format!("mismatched input '{found}'. Expecting: {expected}"))
}

/// sqlparser says "Expected: an expression, found: FROM at Line: 1, Column: 8".
fn explain(error: &ParserError, tokens: &Tokens) -> QueryError {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.as_str(),
        ParserError::RecursionLimitExceeded => {
            return QueryError::new(
                ErrorKind::NotSupported,
                "statement is too large (stack overflow while parsing)",
            );
        }
    };
    let (message, position) = split_position(text);
    let position = position.unwrap_or_else(|| tokens.end());
    let parts = message.strip_prefix("Expected: ").and_then(|rest| rest.rsplit_once(", found: "));
    match parts {
        Some((expected, found)) => {
            let found = if found == "EOF" { "<EOF>" } else { found };
            mismatched(position, found, &expecting(expected))
        }
        None => QueryError::syntax(position, message),
    }
}

fn expecting(expected: &str) -> String {
    match expected {
        "an expression" | "an expression:" => "<expression>".into(),
        "identifier" => "<identifier>".into(),
        "end of statement" => "<EOF>".into(),
        other => other.into(),
    }
}

/// Takes sqlparser's " at Line: 1, Column: 8" off a message.
fn split_position(text: &str) -> (&str, Option<Position>) {
    let Some((message, at)) = text.rsplit_once(" at Line: ") else {
        return (text, None);
    };
    let position = at.split_once(", Column: ").and_then(|(line, column)| {
        Some(Position { line: line.trim().parse().ok()?, column: column.trim().parse().ok()? })
    });
    (message, position)
}

/// The lower-cased word of a token that is not quoted.
pub(crate) fn keyword(token: &TokenWithSpan) -> Option<String> {
    match &token.token {
        Token::Word(Word { value, quote_style: None, .. }) => Some(value.to_ascii_lowercase()),
        _ => None,
    }
}

pub(crate) fn position(token: &TokenWithSpan) -> Position {
    Position { line: token.span.start.line, column: token.span.start.column }
}
