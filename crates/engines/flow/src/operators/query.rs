//! jq programs on JSON records.
//!
//! A program is bounded in what it may do to one record ([`budget`]), and it sees nothing but the record: neither
//! this process nor the time, but for that of the batch. A batch that is done again therefore comes out the same.

mod budget;
mod json;
mod natives;
mod value;

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::Term;
use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Filter, Vars};
use jaq_json::Val;
use rt::Timestamp;

use budget::{Bounded, Run};
use value::Value;

/// A program that can be run on any thread.
pub(crate) struct Query {
    filter: Filter<Bounded>,
}

/// Why a text is no program, with the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct QueryError(String);

/// The keys of the object that a query builds, if its text says so: `{a: .b, c}` has `a` and `c`. `None` if
/// only running it can tell.
pub fn query_keys(query: &str) -> Result<Option<Vec<String>>, QueryError> {
    Query::compile(query)?;
    let Some(Term::Obj(members)) = jaq_core::load::parse(query, |parser| parser.term()) else {
        return Ok(None);
    };
    Ok(members.iter().map(|(key, _)| literal(key)).collect())
}

fn literal(key: &Term<&str>) -> Option<String> {
    match key {
        Term::Call(name, arguments) if arguments.is_empty() => Some((*name).to_owned()),
        Term::Var(name) => Some(name.trim_start_matches('$').to_owned()),
        Term::Str(None, parts) => parts.iter().map(text).collect(),
        _ => None,
    }
}

fn text(part: &StrPart<&str, Term<&str>>) -> Option<String> {
    match part {
        StrPart::Str(text) => Some((*text).to_owned()),
        StrPart::Char(letter) => Some(letter.to_string()),
        StrPart::Term(_) => None,
    }
}

impl Query {
    pub(crate) fn compile(text: &str) -> Result<Query, QueryError> {
        let arena = Arena::default();
        let program = File { code: text, path: () };
        let modules = Loader::new(natives::definitions()).load(&arena, program).map_err(|errors| {
            use jaq_core::load::Error;
            let first = errors.into_iter().next().map(|(_, error)| match error {
                Error::Io(errors) => errors.into_iter().next().map(|(at, _)| (at, "a module")),
                Error::Lex(errors) => errors.into_iter().next().map(|(what, at)| (at, what.as_str())),
                Error::Parse(errors) => errors.into_iter().next().map(|(what, at)| (at, what.as_str())),
            });
            match first.flatten() {
                Some(("", expected)) => QueryError(format!("{expected} was expected at the end")),
                Some((at, expected)) => QueryError(format!("{expected} was expected at {at:?}")),
                None => QueryError("it is no jq program".to_owned()),
            }
        })?;
        let compiled = Compiler::default().with_funs(natives::all()).compile(modules);
        let filter = compiled.map_err(|errors| {
            let first = errors.into_iter().flat_map(|(_, errors)| errors).next();
            QueryError(first.map_or_else(
                || "it is no jq program".to_owned(),
                |(name, kind)| format!("the {} {name:?} is not defined", kind.as_str()),
            ))
        })?;
        Ok(Query { filter })
    }

    /// The first output for a record of a batch that was planned at `now`; an error is told in words.
    pub(crate) fn first(&self, record: &[u8], now: Timestamp) -> Result<Val, String> {
        let value =
            json::parse(record).map_err(|error| format!("the record is no JSON document: {error}"))?;
        let outcome = budget::within(record.len(), || {
            let context = Ctx::<Bounded>::new(Run { lut: &self.filter.lut, now }, Vars::new([]));
            match self.filter.id.run((context, Value::of(value))).next() {
                None => Err("the query has no output".to_owned()),
                Some(Ok(output)) => Ok(output.into_val()),
                Some(Err(thrown)) => Err(match thrown.get_err() {
                    Ok(error) => format!("the query failed: {error}"),
                    Err(_) => "the query stopped without an output".to_owned(),
                }),
            }
        });
        outcome.unwrap_or_else(|exceeded| Err(exceeded.to_string()))
    }
}
