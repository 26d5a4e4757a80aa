//! jq programs on JSON records.

use std::fmt;

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::Term;
use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Filter, Vars, data::JustLut, unwrap_valr};
use jaq_json::{Map, Num, Val};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// A program that can be run on any thread.
pub(crate) struct Query {
    filter: Filter<JustLut<Val>>,
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
        let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let natives = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
        let arena = Arena::default();
        let program = File { code: text, path: () };
        let modules = Loader::new(definitions).load(&arena, program).map_err(|errors| {
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
        let compiled = Compiler::default().with_funs(natives).compile(modules);
        let filter = compiled.map_err(|errors| {
            let first = errors.into_iter().flat_map(|(_, errors)| errors).next();
            QueryError(first.map_or_else(
                || "it is no jq program".to_owned(),
                |(name, kind)| format!("the {} {name:?} is not defined", kind.as_str()),
            ))
        })?;
        Ok(Query { filter })
    }

    /// The first output for a record; an error is told in words.
    pub(crate) fn first(&self, record: &[u8]) -> Result<Val, String> {
        let mut json = serde_json::Deserializer::from_slice(record);
        let value = Json.deserialize(&mut json).and_then(|value| json.end().map(|()| value));
        let value = value.map_err(|error| format!("the record is no JSON document: {error}"))?;
        let context = Ctx::<JustLut<Val>>::new(&self.filter.lut, Vars::new([]));
        let output = self.filter.id.run((context, value)).map(unwrap_valr).next();
        match output {
            None => Err("the query has no output".to_owned()),
            Some(Err(error)) => Err(format!("the query failed: {error}")),
            Some(Ok(output)) => Ok(output),
        }
    }
}

/// Strict JSON of limited depth.
#[derive(Clone, Copy)]
struct Json;

impl<'de> DeserializeSeed<'de> for Json {
    type Value = Val;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Val, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Json {
    type Value = Val;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Val, E> {
        Ok(Val::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Val, E> {
        Ok(Val::Num(Num::from_integral(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Val, E> {
        Ok(Val::Num(Num::from_integral(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Val, E> {
        Ok(Val::Num(Num::Float(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Val, E> {
        Ok(Val::utf8_str(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Val, E> {
        Ok(Val::utf8_str(value))
    }

    fn visit_unit<E>(self) -> Result<Val, E> {
        Ok(Val::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Val, A::Error> {
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(self)? {
            array.push(element);
        }
        Ok(Val::Arr(array.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Val, A::Error> {
        let mut object = Map::default();
        while let Some(key) = members.next_key_seed(self)? {
            let value = members.next_value_seed(self)?;
            object.insert(key, value);
        }
        Ok(Val::obj(object))
    }
}
