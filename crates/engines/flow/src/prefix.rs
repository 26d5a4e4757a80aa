//! Key prefixes with expressions: `!{namespace:value}` evaluated once per object.
//!
//! | expression | value |
//! |---|---|
//! | `!{timestamp:PATTERN}` | the arrival of the oldest record of the object, in the sink's time zone |
//! | `!{firehose:random-string}` | eleven random characters, new for each place it stands |
//! | `!{firehose:error-output-type}` | the kind of failure; only in an error prefix |
//! | `!{partitionKeyFromQuery:KEY}` | a key that a query found in the record; only in the prefix of delivered objects |
//! | `!{partitionKeyFromLambda:KEY}` | a key that a function gave the record; likewise |
//!
//! A prefix without any expression is followed by `yyyy/MM/dd/HH/`, an error prefix by the kind of failure
//! and the same. Everything but partition keys is evaluated when a batch is planned and fixed in its plan, so
//! that the names of objects follow from the plan and the records.

mod pattern;

use chrono::{DateTime, Duration, NaiveDateTime, TimeZone, Timelike};
use chrono_tz::Tz;
use rt::{Rt, Timestamp};
use serde::{Deserialize, Serialize};

use pattern::DatePattern;
pub use pattern::PatternError;
pub(crate) use pattern::Unit;

/// Letters of a random string.
const RANDOM_LENGTH: usize = 11;

/// A prefix that was read and can be evaluated at any time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    parts: Vec<Part>,
    expressions: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Time(DatePattern),
    Random,
    Failure,
    Key(KeySource, String),
}

/// Who finds a partition key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum KeySource {
    Query,
    Function,
}

/// A prefix of which all is known but the keys of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum KeyPart {
    Text(String),
    Key(KeySource, String),
}

/// Why a prefix cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    #[error("the expression at position {0} is not closed with '}}'")]
    Open(usize),
    #[error("the expression {0:?} is not of the form namespace:value")]
    Form(String),
    #[error("the namespace {0:?} is not supported")]
    Namespace(String),
    #[error("{0:?} is no value of its namespace")]
    Value(String),
    #[error("the date pattern {pattern:?} is invalid")]
    Pattern { pattern: String, source: PatternError },
    #[error("the kind of failure has no value outside an error prefix")]
    FailureOutsideErrors,
    #[error("partition keys have no value outside the prefix of delivered objects")]
    KeyOutsideRecords,
}

impl Prefix {
    /// Reads the prefix of delivered objects.
    pub fn parse(text: &str) -> Result<Prefix, PrefixError> {
        let mut prefix = Prefix::read(text)?;
        if prefix.has_failure() {
            return Err(PrefixError::FailureOutsideErrors);
        }
        if !prefix.expressions {
            prefix.push_default_time();
        }
        Ok(prefix)
    }

    /// Reads the prefix of objects that hold records of all partitions.
    pub(crate) fn parse_unpartitioned(text: &str) -> Result<Prefix, PrefixError> {
        let prefix = Prefix::parse(text)?;
        if prefix.has_keys() { Err(PrefixError::KeyOutsideRecords) } else { Ok(prefix) }
    }

    /// Reads the prefix of objects of rejected records. An empty one lies below `delivered`, the text of
    /// the other prefix, as long as that has no expressions.
    pub fn parse_errors(text: &str, delivered: &str) -> Result<Prefix, PrefixError> {
        let plain_delivered = !Prefix::read(delivered)?.expressions;
        let text = if text.is_empty() && plain_delivered { delivered } else { text };
        let mut prefix = Prefix::read(text)?;
        if prefix.has_keys() {
            return Err(PrefixError::KeyOutsideRecords);
        }
        if !prefix.expressions {
            prefix.parts.extend([Part::Failure, Part::Literal("/".to_owned())]);
            prefix.push_default_time();
        }
        Ok(prefix)
    }

    /// Whether the text has any expression.
    pub fn has_expressions(text: &str) -> Result<bool, PrefixError> {
        Ok(Prefix::read(text)?.expressions)
    }

    /// Whether the text names the kind of failure.
    pub fn names_failure(text: &str) -> Result<bool, PrefixError> {
        Ok(Prefix::read(text)?.has_failure())
    }

    /// The partition keys of one source that the prefix names, each once.
    pub fn keys(&self, source: KeySource) -> Vec<&str> {
        let mut keys = Vec::new();
        for part in &self.parts {
            if let Part::Key(from, name) = part
                && *from == source
                && !keys.contains(&name.as_str())
            {
                keys.push(name.as_str());
            }
        }
        keys
    }

    pub(crate) fn has_keys(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Key(..)))
    }

    /// Of a prefix without partition keys.
    pub(crate) fn render(&self, time: Timestamp, zone: Tz, failure: &str, rt: &Rt) -> String {
        let parts = self.render_parts(time, zone, failure, rt).into_iter();
        parts.map(|part| if let KeyPart::Text(text) = part { text } else { String::new() }).collect()
    }

    /// Everything but the partition keys.
    pub(crate) fn render_parts(&self, time: Timestamp, zone: Tz, failure: &str, rt: &Rt) -> Vec<KeyPart> {
        let local = local(time, zone);
        let mut parts = Vec::new();
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => out.push_str(text),
                Part::Time(pattern) => pattern.render(&local, &mut out),
                Part::Random => random(rt, &mut out),
                Part::Failure => out.push_str(failure),
                Part::Key(source, name) => {
                    parts.push(KeyPart::Text(std::mem::take(&mut out)));
                    parts.push(KeyPart::Key(*source, name.clone()));
                }
            }
        }
        parts.push(KeyPart::Text(out));
        parts
    }

    /// The first time after `time` at which the prefix may have another value, if it ever has. Units below
    /// an hour do not count: a prefix with minutes in it names objects, it does not partition records.
    pub(crate) fn changes_after(&self, time: Timestamp, zone: Tz) -> Option<Timestamp> {
        let finest = self.parts.iter().filter_map(|part| match part {
            Part::Time(pattern) => pattern.finest(),
            Part::Literal(_) | Part::Random | Part::Failure | Part::Key(..) => None,
        });
        let unit = finest.min()?.max(Unit::Hour);
        Some(next_start(unit, time, zone))
    }

    fn read(text: &str) -> Result<Prefix, PrefixError> {
        let mut parts = Vec::new();
        let mut expressions = false;
        let mut rest = text;
        while let Some(at) = rest.find("!{") {
            if at > 0 {
                parts.push(Part::Literal(rest[..at].to_owned()));
            }
            let body = &rest[at + 2..];
            let open = || PrefixError::Open(text.len() - rest.len() + at);
            let end = body.find('}').ok_or_else(open)?;
            parts.push(expression(&body[..end])?);
            expressions = true;
            rest = &body[end + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        Ok(Prefix { parts, expressions })
    }

    fn has_failure(&self) -> bool {
        self.parts.contains(&Part::Failure)
    }

    fn push_default_time(&mut self) {
        let pattern = DatePattern::parse("yyyy/MM/dd/HH/").expect("the default pattern is valid");
        self.parts.push(Part::Time(pattern));
    }
}

/// The time that stands in an object's name.
pub(crate) fn name_time(time: Timestamp, zone: Tz) -> String {
    local(time, zone).format("%Y-%m-%d-%H-%M-%S").to_string()
}

fn expression(body: &str) -> Result<Part, PrefixError> {
    let (namespace, value) = body.split_once(':').ok_or_else(|| PrefixError::Form(body.to_owned()))?;
    match (namespace, value) {
        ("timestamp", pattern) => DatePattern::parse(pattern)
            .map(Part::Time)
            .map_err(|source| PrefixError::Pattern { pattern: pattern.to_owned(), source }),
        ("firehose", "random-string") => Ok(Part::Random),
        ("firehose", "error-output-type") => Ok(Part::Failure),
        ("partitionKeyFromQuery" | "partitionKeyFromLambda", "") => Err(PrefixError::Value(String::new())),
        ("partitionKeyFromQuery", key) => Ok(Part::Key(KeySource::Query, key.to_owned())),
        ("partitionKeyFromLambda", key) => Ok(Part::Key(KeySource::Function, key.to_owned())),
        ("firehose", value) => Err(PrefixError::Value(value.to_owned())),
        (namespace, _) => Err(PrefixError::Namespace(namespace.to_owned())),
    }
}

fn local(time: Timestamp, zone: Tz) -> DateTime<Tz> {
    time.to_utc().with_timezone(&zone)
}

fn random(rt: &Rt, out: &mut String) {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut bits = rt.random_u64();
    for _ in 0..RANDOM_LENGTH {
        out.push(char::from(LETTERS[(bits & 31) as usize]));
        bits >>= 5;
    }
}

/// The first start of a unit (hour or day, local time) after `time`. Where clocks are turned the start
/// may not exist; then the first later quarter of an hour that does.
fn next_start(unit: Unit, time: Timestamp, zone: Tz) -> Timestamp {
    let naive: NaiveDateTime = local(time, zone).naive_local();
    let hour = naive.date().and_hms_opt(naive.hour(), 0, 0).expect("an hour of a day exists");
    let (mut next, step) = match unit {
        Unit::Day => {
            let midnight = naive.date().and_hms_opt(0, 0, 0).expect("midnight exists on the local calendar");
            (midnight + Duration::days(1), Duration::minutes(15))
        }
        _ => (hour + Duration::hours(1), Duration::minutes(15)),
    };
    // No zone skips more than a day; the bound only keeps the loop finite.
    for _ in 0..200 {
        let candidate = zone.from_local_datetime(&next).earliest();
        if let Some(start) = candidate.map(|start| Timestamp::from_utc(start.to_utc()))
            && start > time
        {
            return start;
        }
        next += step;
    }
    time.plus(std::time::Duration::from_secs(3600))
}

#[cfg(test)]
mod tests;
