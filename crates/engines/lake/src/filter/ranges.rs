//! From a predicate to the key ranges that can hold its matches.
//!
//! Only keys whose text sorts as their values do are used: text and dates. `n = 1` over a number
//! says nothing about text, since `1` and `01` are the same number.

use std::collections::BTreeSet;

use super::value::{Kind, Value};
use super::{Comparison, LikeToken, Predicate};
use crate::json::time;

/// The most ranges a filter falls into; beyond it, fewer keys are fixed.
pub const RANGES_MAX: usize = 1_024;

/// Partitions whose first values are `fixed` and whose next value lies in `from..=to`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyRange {
    pub fixed: Vec<String>,
    pub from: Option<String>,
    pub to: Option<String>,
}

pub(super) fn of(predicate: &Predicate, keys: &[Kind]) -> Vec<KeyRange> {
    let mut terms = Vec::new();
    flatten(predicate, &mut terms);
    let mut ranges = vec![KeyRange::default()];
    for (key, kind) in keys.iter().enumerate() {
        if !matches!(kind, Kind::Text | Kind::Date) {
            break;
        }
        let Some(values) = allowed(&terms, key) else {
            let (from, to) = between(&terms, key);
            for range in &mut ranges {
                range.from.clone_from(&from);
                range.to.clone_from(&to);
            }
            break;
        };
        if ranges.len() * values.len() > RANGES_MAX {
            break;
        }
        ranges = ranges
            .iter()
            .flat_map(|range| {
                values.iter().map(|value| {
                    let mut fixed = range.fixed.clone();
                    fixed.push(value.clone());
                    KeyRange { fixed, ..KeyRange::default() }
                })
            })
            .collect();
    }
    ranges
}

/// The terms that must all hold.
fn flatten<'a>(predicate: &'a Predicate, terms: &mut Vec<&'a Predicate>) {
    match predicate {
        Predicate::And(all) => all.iter().for_each(|one| flatten(one, terms)),
        other => terms.push(other),
    }
}

/// The values some term restricts `key` to, in text order; `None` when none does.
fn allowed(terms: &[&Predicate], key: usize) -> Option<BTreeSet<String>> {
    let mut allowed: Option<BTreeSet<String>> = None;
    for term in terms {
        let values: BTreeSet<String> = match term {
            Predicate::Compare { key: of, comparison: Comparison::Equal, value } if *of == key => {
                text(value).into_iter().collect()
            }
            Predicate::In { key: of, values } if *of == key => values.iter().filter_map(text).collect(),
            Predicate::Or(any) => match any_of(any, key) {
                Some(values) => values,
                None => continue,
            },
            _ => continue,
        };
        allowed = Some(match allowed {
            Some(before) => before.intersection(&values).cloned().collect(),
            None => values,
        });
    }
    allowed
}

/// `k = 'a' OR k IN ('b', 'c')`, the form in which several engines send a list.
fn any_of(any: &[Predicate], key: usize) -> Option<BTreeSet<String>> {
    let mut union = BTreeSet::new();
    for term in any {
        let mut terms = Vec::new();
        flatten(term, &mut terms);
        union.extend(allowed(&terms, key)?);
    }
    Some(union)
}

fn between(terms: &[&Predicate], key: usize) -> (Option<String>, Option<String>) {
    let (mut from, mut to) = (None, None);
    for term in terms {
        match term {
            Predicate::Compare { key: of, comparison, value } if *of == key => match comparison {
                Comparison::Greater | Comparison::GreaterOrEqual => from = from.max(text(value)),
                Comparison::Less | Comparison::LessOrEqual => to = lower(to, text(value)),
                Comparison::Equal | Comparison::NotEqual => {}
            },
            Predicate::Like { key: of, pattern } if *of == key => from = from.max(Some(prefix(pattern))),
            _ => {}
        }
    }
    (from, to)
}

fn lower(a: Option<String>, b: Option<String>) -> Option<String> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn prefix(pattern: &[LikeToken]) -> String {
    pattern
        .iter()
        .map_while(|token| match token {
            LikeToken::Char(c) => Some(*c),
            LikeToken::AnyChar | LikeToken::AnyText => None,
        })
        .collect()
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Date(days) => Some(time::format_date(*days)),
        Value::Number(_) | Value::Float(_) | Value::Timestamp(_) | Value::Boolean(_) => None,
    }
}
