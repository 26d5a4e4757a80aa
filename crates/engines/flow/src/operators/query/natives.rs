//! What programs may call: the library of jq, but for what is unfit for records.

use std::cmp::Ordering;

use jaq_core::load::parse::Def;
use jaq_core::native::{Fun, bome, run, v};
use jaq_core::{Cv, Error, Exn, ValX, ValXs};
use jaq_json::{Val, ValR};

use super::budget::Bounded;
use super::json;

/// They end the process, show its environment, or write records to its log.
const REFUSED: [&str; 8] =
    ["halt", "halt_error", "env", "debug", "debug_empty", "stderr", "stderr_empty", "input"];

/// Ours instead: what counts its steps, what is the same when a batch is done again, and what minds its depth.
const REPLACED: [(&str, usize); 3] = [("range", 3), ("now", 0), ("fromjson", 0)];

pub(super) fn definitions() -> impl Iterator<Item = Def<&'static str>> {
    let all = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    all.filter(|definition| !REFUSED.contains(&definition.name))
}

pub(super) fn all() -> impl Iterator<Item = Fun<Bounded>> {
    let theirs = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    let theirs = theirs.filter(|(name, arguments, _)| {
        !REFUSED.contains(name) && !REPLACED.contains(&(*name, arguments.len()))
    });
    let ours: [Fun<Bounded>; 3] = [
        run(("range", v(3), |cv| range(cv))),
        run(("now", v(0), |cv| bome(Ok(Val::from(seconds(&cv)))))),
        run(("fromjson", v(0), |cv| bome(from_json(&cv.1)))),
    ];
    theirs.chain(ours)
}

fn range<'a>((mut context, _): Cv<'a, Bounded>) -> ValXs<'a, Val> {
    let (by, to, from) = (context.pop_var(), context.pop_var(), context.pop_var());
    let budget = context.data().budget;
    let direction = by.cmp(&Val::from(0_isize));
    let mut next: Option<ValX<'a, Val>> = Some(Ok(from));
    Box::new(std::iter::from_fn(move || {
        budget.step();
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

fn seconds((context, _): &Cv<'_, Bounded>) -> f64 {
    context.data().budget.now.as_millis() as f64 / 1_000.0
}

fn from_json(text: &Val) -> ValR {
    let text = text.try_as_utf8_bytes_owned()?;
    json::parse(&text).map_err(|error| Error::str(format_args!("cannot parse as JSON: {error}")))
}
