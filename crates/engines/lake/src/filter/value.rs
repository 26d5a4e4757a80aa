use std::cmp::Ordering;

use crate::json::time;
use crate::types::{self, HiveType};

/// How values of a partition key compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// Integers and decimals of any size.
    Number,
    Float,
    Date,
    Timestamp,
    Boolean,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Number(Number),
    Float(f64),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01.
    Timestamp(i64),
    Boolean(bool),
}

/// A decimal number as its digits, so that no size overflows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Number {
    negative: bool,
    /// Without leading zeros.
    integer: String,
    /// Without trailing zeros.
    fraction: String,
}

impl Kind {
    /// `None` for types that no partition key can have.
    pub(super) fn of(type_: &str) -> Option<Kind> {
        Some(match types::parse(type_).ok()? {
            HiveType::String | HiveType::Varchar(_) | HiveType::Char(_) => Kind::Text,
            HiveType::TinyInt | HiveType::SmallInt | HiveType::Int | HiveType::BigInt => Kind::Number,
            HiveType::Decimal { .. } => Kind::Number,
            HiveType::Float | HiveType::Double => Kind::Float,
            HiveType::Date => Kind::Date,
            HiveType::Timestamp => Kind::Timestamp,
            HiveType::Boolean => Kind::Boolean,
            HiveType::Binary | HiveType::Array(_) | HiveType::Map(..) | HiveType::Struct(_) => return None,
        })
    }

    /// `None` when the text is no such value. A date reads only in its canonical form, so that the
    /// order of dates is the order of their text.
    pub(super) fn read(self, text: &str) -> Option<Value> {
        Some(match self {
            Kind::Text => Value::Text(text.to_owned()),
            Kind::Number => Value::Number(Number::read(text)?),
            Kind::Float => Value::Float(text.trim().parse().ok()?),
            Kind::Date => Value::Date(time::parse_date(text)?),
            Kind::Timestamp => Value::Timestamp(time::parse_timestamp(text)?),
            Kind::Boolean if text.eq_ignore_ascii_case("true") => Value::Boolean(true),
            Kind::Boolean if text.eq_ignore_ascii_case("false") => Value::Boolean(false),
            Kind::Boolean => return None,
        })
    }
}

impl Value {
    /// `None` when the two are of different kinds or not a number.
    pub(super) fn compare(&self, other: &Value) -> Option<Ordering> {
        match (self, other) {
            (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
            (Value::Number(a), Value::Number(b)) => Some(a.cmp(b)),
            (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
            (Value::Date(a), Value::Date(b)) => Some(a.cmp(b)),
            (Value::Timestamp(a), Value::Timestamp(b)) => Some(a.cmp(b)),
            (Value::Boolean(a), Value::Boolean(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}

impl Number {
    fn read(text: &str) -> Option<Number> {
        let text = text.trim();
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (integer, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if (integer.is_empty() && fraction.is_empty()) || !all_digits(integer) || !all_digits(fraction) {
            return None;
        }
        let integer = integer.trim_start_matches('0').to_owned();
        let fraction = fraction.trim_end_matches('0').to_owned();
        let zero = integer.is_empty() && fraction.is_empty();
        Some(Number { negative: negative && !zero, integer, fraction })
    }

    fn magnitude(&self) -> (usize, &str, &str) {
        (self.integer.len(), &self.integer, &self.fraction)
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Number) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.magnitude().cmp(&other.magnitude()),
            (true, true) => other.magnitude().cmp(&self.magnitude()),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
