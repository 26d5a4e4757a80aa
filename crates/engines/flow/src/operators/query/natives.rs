//! What programs may call: the library of jq, but for what is unfit for records.

use std::cmp::Ordering;

use jaq_core::load::parse::Def;
use jaq_core::native::{Fun, bome, run, unary, v};
use jaq_core::{Cv, Error, Exn, ValR, ValX, ValXs};
use jaq_json::Val;
use jaq_std::ValT as _;

use super::budget::{Bounded, step};
use super::json;
use super::value::Value;

/// They end the process, show its environment, or write records to its log.
const REFUSED: [&str; 8] =
    ["halt", "halt_error", "env", "debug", "debug_empty", "stderr", "stderr_empty", "input"];

/// Ours instead: what counts its steps, and what is the same when a batch is done again.
const REPLACED: [(&str, usize); 2] = [("range", 3), ("now", 0)];

pub(super) fn definitions() -> impl Iterator<Item = Def<&'static str>> {
    let all = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    all.filter(|definition| !REFUSED.contains(&definition.name))
}

pub(super) fn all() -> impl Iterator<Item = Fun<Bounded>> {
    let theirs = jaq_core::funs().chain(jaq_std::funs()).filter(|(name, arguments, _)| {
        !REFUSED.contains(name) && !REPLACED.contains(&(*name, arguments.len()))
    });
    let ours: [Fun<Bounded>; 8] = [
        run(("range", v(3), |cv| range(cv))),
        run(("now", v(0), |cv| bome(Ok(Value::from(cv.0.data().now.as_millis() as f64 / 1_000.0))))),
        run(("fromjson", v(0), |cv| bome(from_json(&cv.1)))),
        run(("tojson", v(0), |cv| bome(Ok(Value::from(cv.1.to_string()))))),
        run(("length", v(0), |cv| bome(length(cv.1)))),
        run(("contains", v(1), |cv| unary(cv, |x, y| Ok(Value::from(contains(x.val(), y.val())))))),
        run(("has", v(1), |cv| unary(cv, |x, key| has(&x, &key)))),
        run(("indices", v(1), |cv| unary(cv, |x, y| indices(&x, &y)))),
    ];
    theirs.chain(ours)
}

fn range<'a>((mut context, _): Cv<'a, Bounded>) -> ValXs<'a, Value> {
    let (by, to, from) = (context.pop_var(), context.pop_var(), context.pop_var());
    let direction = by.cmp(&Value::from(0_isize));
    let mut next: Option<ValX<'a, Value>> = Some(Ok(from));
    Box::new(std::iter::from_fn(move || {
        step();
        let value = match next.take()? {
            Ok(value) => value,
            failed => return Some(failed),
        };
        let within = match direction {
            Ordering::Greater => value < to,
            Ordering::Less => value > to,
            Ordering::Equal => value != to,
        };
        next = Some((value.clone() + by.clone()).map_err(Exn::from));
        within.then_some(Ok(value))
    }))
}

/// Of limited depth, as records are.
fn from_json(text: &Value) -> ValR<Value> {
    let parsed = json::parse(text.try_as_utf8_bytes()?);
    parsed.map(Value::of).map_err(|error| Error::str(format_args!("cannot parse as JSON: {error}")))
}

fn length(value: Value) -> ValR<Value> {
    match value.val() {
        Val::Null => Ok(Value::from(0_usize)),
        Val::Bool(_) => Err(Error::str(format_args!("{value} has no length"))),
        Val::Num(_) if value < Value::from(0_isize) => -value,
        Val::Num(_) => Ok(value),
        Val::TStr(text) => Ok(Value::from(String::from_utf8_lossy(text).chars().count())),
        Val::BStr(bytes) => Ok(Value::from(bytes.len())),
        Val::Arr(items) => Ok(Value::from(items.len())),
        Val::Obj(members) => Ok(Value::from(members.len())),
    }
}

/// Texts by their parts, arrays and objects by their members, all else by being the same.
fn contains(whole: &Val, part: &Val) -> bool {
    step();
    match (whole, part) {
        (Val::BStr(whole), Val::BStr(part)) | (Val::TStr(whole), Val::TStr(part)) => {
            found(whole, part).next().is_some()
        }
        (Val::Arr(whole), Val::Arr(part)) => {
            part.iter().all(|part| whole.iter().any(|whole| contains(whole, part)))
        }
        (Val::Obj(whole), Val::Obj(part)) => {
            part.iter().all(|(key, part)| whole.get(key).is_some_and(|whole| contains(whole, part)))
        }
        _ => whole == part,
    }
}

/// Where `part` begins in `whole`, in bytes.
fn found<'a>(whole: &'a [u8], part: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let last = whole.len().checked_sub(part.len());
    last.into_iter().flat_map(|last| 0..=last).filter(move |at| whole[*at..].starts_with(part))
}

fn has(value: &Value, key: &Value) -> ValR<Value> {
    match (value.val(), key.val()) {
        (Val::Obj(members), key) => Ok(Value::from(members.contains_key(key))),
        (Val::Arr(items), Val::Num(_)) => {
            let at = key.as_isize().and_then(|at| usize::try_from(at).ok());
            Ok(Value::from(at.is_some_and(|at| at < items.len())))
        }
        _ => Err(Error::index(value.clone(), key.clone())),
    }
}

fn indices(whole: &Value, part: &Value) -> ValR<Value> {
    let numbers = |found: &mut dyn Iterator<Item = usize>| Ok(found.map(Value::from).collect());
    match (whole.val(), part.val()) {
        (Val::Null, _) => Ok(Value::of(Val::Null)),
        (Val::BStr(_) | Val::TStr(_), Val::BStr(part) | Val::TStr(part)) if part.is_empty() => {
            numbers(&mut std::iter::empty())
        }
        (Val::BStr(whole), Val::BStr(part)) => numbers(&mut found(whole, part)),
        (Val::TStr(whole), Val::TStr(part)) => {
            // In characters, as everything about texts.
            let count = |bytes: &[u8]| String::from_utf8_lossy(bytes).chars().count();
            let (mut last, mut characters) = (0, 0);
            numbers(&mut found(whole, part).map(|at| {
                characters += count(&whole[last..at]);
                last = at;
                characters
            }))
        }
        (Val::Arr(_), Val::Arr(part)) if part.is_empty() => numbers(&mut std::iter::empty()),
        (Val::Arr(whole), Val::Arr(part)) => {
            let windows = whole.windows(part.len()).enumerate();
            numbers(&mut windows.filter(|(_, window)| **window == part[..]).map(|(at, _)| at))
        }
        (Val::Arr(whole), part) => {
            numbers(&mut whole.iter().enumerate().filter(|(_, item)| *item == part).map(|(at, _)| at))
        }
        _ => Err(Error::index(whole.clone(), part.clone())),
    }
}
