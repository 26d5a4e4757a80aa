//! Predicates over partition keys, in the SQL subset that catalogs take:
//! `year = '2024' AND (month IN (1, 2) OR day BETWEEN '2024-03-01' AND '2024-03-09') AND NOT city LIKE 'S%'`.
//!
//! Values are compared by the key's type: text, number, date, timestamp or boolean. A value that is
//! absent or does not read as its type is unknown, and a partition is kept only where the whole
//! predicate is true, as in SQL. [`PartitionFilter::ranges`] tells which keys can match at all, so
//! that a catalog reads only those; it may allow too much, never too little.

mod lexer;
mod parser;
mod ranges;
mod value;

#[cfg(test)]
mod tests;

use thiserror::Error;

use crate::model::Column;
use crate::partition::DEFAULT_PARTITION;
use value::{Kind, Value};

pub use ranges::{KeyRange, RANGES_MAX};

/// Why an expression is not a predicate over the table's partition keys.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FilterError {
    #[error("at character {at}: {reason}")]
    Syntax { at: usize, reason: String },
    #[error("'{0}' is not a partition key")]
    NoSuchKey(String),
    #[error("'{literal}' is not a {type_}, the type of partition key {key}")]
    Literal { key: String, type_: String, literal: String },
    #[error("partition key {key} has the type {type_}, which cannot be compared")]
    KeyType { key: String, type_: String },
}

/// A parsed predicate over the values of one table's partition keys.
#[derive(Debug, Clone)]
pub struct PartitionFilter {
    predicate: Predicate,
    keys: Vec<Kind>,
    segment: Option<Segment>,
}

/// One of `total` disjoint parts of a listing, by hash of the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Segment {
    number: u32,
    total: u32,
}

#[derive(Debug, Clone, PartialEq)]
enum Predicate {
    Always(bool),
    Compare { key: usize, comparison: Comparison, value: Value },
    In { key: usize, values: Vec<Value> },
    Like { key: usize, pattern: Vec<LikeToken> },
    IsNull { key: usize },
    Not(Box<Predicate>),
    And(Vec<Predicate>),
    Or(Vec<Predicate>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LikeToken {
    Char(char),
    AnyChar,
    AnyText,
}

impl PartitionFilter {
    /// Every partition; the start of a filter that is only a segment.
    pub fn all(keys: &[Column]) -> PartitionFilter {
        let keys = keys.iter().map(|key| Kind::of(&key.type_).unwrap_or(Kind::Text)).collect();
        PartitionFilter { predicate: Predicate::Always(true), keys, segment: None }
    }

    /// Reads `expression` over the partition keys of a table. A blank one is true everywhere.
    pub fn parse(expression: &str, keys: &[Column]) -> Result<PartitionFilter, FilterError> {
        if expression.trim().is_empty() {
            return Ok(PartitionFilter::all(keys));
        }
        let predicate = parser::parse(expression, keys)?;
        Ok(PartitionFilter { predicate, ..PartitionFilter::all(keys) })
    }

    /// Keeps only the `number`-th (from 0) of `total` parts that together are the whole.
    pub fn with_segment(mut self, number: u32, total: u32) -> PartitionFilter {
        self.segment = Some(Segment { number, total: total.max(1) });
        self
    }

    /// Whether a partition with these values is kept.
    pub fn matches<V: AsRef<str>>(&self, values: &[V]) -> bool {
        let in_segment = self.segment.is_none_or(|segment| segment.holds(values));
        in_segment && self.predicate.test(&self.keys, values) == Some(true)
    }

    /// Ranges of values outside of which nothing matches: sorted, disjoint, at most [`RANGES_MAX`].
    pub fn ranges(&self) -> Vec<KeyRange> {
        ranges::of(&self.predicate, &self.keys)
    }
}

impl Segment {
    fn holds<V: AsRef<str>>(self, values: &[V]) -> bool {
        // FNV-1a: the same on every machine and in every version, as a caller's paging needs.
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        for value in values {
            for byte in value.as_ref().bytes().chain([0]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        (hash ^ (hash >> 32)) % u64::from(self.total) == u64::from(self.number)
    }
}

impl Predicate {
    /// Three-valued: `None` is unknown.
    fn test<V: AsRef<str>>(&self, keys: &[Kind], values: &[V]) -> Option<bool> {
        let read = |key: usize| {
            let text = values.get(key)?.as_ref();
            if text == DEFAULT_PARTITION { None } else { keys[key].read(text) }
        };
        match self {
            Predicate::Always(constant) => Some(*constant),
            Predicate::Compare { key, comparison, value } => Some(comparison.holds(&read(*key)?, value)),
            Predicate::In { key, values } => {
                let found = read(*key)?;
                Some(values.iter().any(|value| Comparison::Equal.holds(&found, value)))
            }
            Predicate::Like { key, pattern } => {
                let text = values.get(*key)?.as_ref();
                (text != DEFAULT_PARTITION).then(|| like(text, pattern))
            }
            Predicate::IsNull { key } => Some(values.get(*key)?.as_ref() == DEFAULT_PARTITION),
            Predicate::Not(inner) => inner.test(keys, values).map(|holds| !holds),
            Predicate::And(all) => fold(all.iter().map(|one| one.test(keys, values)), false),
            Predicate::Or(any) => fold(any.iter().map(|one| one.test(keys, values)), true),
        }
    }
}

/// AND (`decisive` false) or OR (`decisive` true) in three-valued logic.
fn fold(terms: impl Iterator<Item = Option<bool>>, decisive: bool) -> Option<bool> {
    let mut result = Some(!decisive);
    for term in terms {
        match term {
            Some(holds) if holds == decisive => return Some(decisive),
            Some(_) => {}
            None => result = None,
        }
    }
    result
}

impl Comparison {
    fn holds(self, left: &Value, right: &Value) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let Some(order) = left.compare(right) else { return false };
        match self {
            Comparison::Equal => order == Equal,
            Comparison::NotEqual => order != Equal,
            Comparison::Less => order == Less,
            Comparison::LessOrEqual => order != Greater,
            Comparison::Greater => order == Greater,
            Comparison::GreaterOrEqual => order != Less,
        }
    }

    /// The comparison with its sides exchanged.
    fn flipped(self) -> Comparison {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::LessOrEqual => Comparison::GreaterOrEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterOrEqual => Comparison::LessOrEqual,
            same => same,
        }
    }
}

/// Matches from left to right; on a mismatch only the last `%` takes one character more, so the
/// work is bounded by text × pattern.
fn like(text: &str, pattern: &[LikeToken]) -> bool {
    let mut rest = text.chars();
    let mut at = 0;
    let mut retry: Option<(usize, std::str::Chars<'_>)> = None;
    loop {
        match pattern.get(at) {
            Some(LikeToken::AnyText) => {
                at += 1;
                retry = Some((at, rest.clone()));
                continue;
            }
            None if rest.as_str().is_empty() => return true,
            token => {
                let next = rest.next();
                match (token, next) {
                    (Some(LikeToken::AnyChar), Some(_)) => {
                        at += 1;
                        continue;
                    }
                    (Some(LikeToken::Char(wanted)), Some(found)) if *wanted == found => {
                        at += 1;
                        continue;
                    }
                    _ => {}
                }
            }
        }
        let Some((after, from)) = &mut retry else { return false };
        if from.next().is_none() {
            return false;
        }
        at = *after;
        rest = from.clone();
    }
}
