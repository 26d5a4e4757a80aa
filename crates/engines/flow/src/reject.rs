//! Records that cannot be delivered, and the lines they become in the error output.

use bytes::Bytes;
use rt::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which step a record failed in. Each kind has its own object, and its own value in an error prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FailureKind {
    /// The record could not be read as the format it should have.
    Format,
    /// An operator refused it.
    Processing,
}

impl FailureKind {
    /// The name in object keys.
    pub fn as_str(self) -> &'static str {
        match self {
            FailureKind::Format => "format-conversion-failed",
            FailureKind::Processing => "processing-failed",
        }
    }
}

/// The members of an error line, in order. Whoever makes a spec gives the line the shape its users know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ErrorShape {
    pub fields: Vec<ErrorField>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorField {
    pub name: String,
    pub value: ErrorValue,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ErrorValue {
    /// The same in every line.
    Constant(Value),
    /// One of these by kind of failure; null for a kind that is not listed.
    ByKind(Vec<(FailureKind, Value)>),
    /// Why, in words a person can act on.
    Reason,
    /// Milliseconds since 1970 at which the source accepted the record.
    Arrival,
    /// Milliseconds since 1970 at which the batch was planned.
    Attempted,
    /// The original bytes in base64.
    Data,
    /// Partition and offset as `partition:offset`.
    Position,
    Partition,
    Offset,
    /// The version of the table the record was read with; null without a table.
    TableVersion,
}

impl ErrorShape {
    /// `(name, value)` pairs.
    pub fn new<N: Into<String>>(fields: impl IntoIterator<Item = (N, ErrorValue)>) -> ErrorShape {
        let field = |(name, value): (N, ErrorValue)| ErrorField { name: name.into(), value };
        ErrorShape { fields: fields.into_iter().map(field).collect() }
    }

    /// A shape for deliveries that have no API to please.
    pub fn plain() -> ErrorShape {
        ErrorShape::new([
            ("reason", ErrorValue::Reason),
            ("arrival", ErrorValue::Arrival),
            ("position", ErrorValue::Position),
            ("data", ErrorValue::Data),
        ])
    }
}

/// A record that failed.
#[derive(Debug)]
pub(crate) struct Failure<'a> {
    pub(crate) kind: FailureKind,
    pub(crate) reason: &'a str,
    pub(crate) data: &'a Bytes,
    pub(crate) arrival: Timestamp,
    pub(crate) partition: u32,
    pub(crate) offset: u64,
}

/// What all lines of a batch share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    pub(crate) planned: Timestamp,
    pub(crate) table_version: Option<u64>,
}

impl ErrorShape {
    /// Appends the failure as one line of JSON. The same failure gives the same bytes.
    pub(crate) fn write_line(&self, failure: &Failure<'_>, attempt: Attempt, out: &mut Vec<u8>) {
        out.push(b'{');
        for (index, field) in self.fields.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            json(&field.name, out);
            out.push(b':');
            value(&field.value, failure, attempt, out);
        }
        out.extend_from_slice(b"}\n");
    }
}

fn value(value: &ErrorValue, failure: &Failure<'_>, attempt: Attempt, out: &mut Vec<u8>) {
    match value {
        ErrorValue::Constant(constant) => json(constant, out),
        ErrorValue::ByKind(kinds) => {
            let known = kinds.iter().find(|(kind, _)| *kind == failure.kind);
            json(&known.map(|(_, value)| value), out);
        }
        ErrorValue::Reason => json(failure.reason, out),
        ErrorValue::Arrival => json(&failure.arrival.as_millis(), out),
        ErrorValue::Attempted => json(&attempt.planned.as_millis(), out),
        ErrorValue::Data => {
            out.push(b'"');
            base64_simd::STANDARD.encode_append(failure.data, out);
            out.push(b'"');
        }
        ErrorValue::Position => json(&format!("{}:{}", failure.partition, failure.offset), out),
        ErrorValue::Partition => json(&failure.partition, out),
        ErrorValue::Offset => json(&failure.offset, out),
        ErrorValue::TableVersion => json(&attempt.table_version, out),
    }
}

fn json<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("strings, numbers and JSON values are serialisable");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_members_of_the_shape_in_their_order() {
        let shape = ErrorShape::new([
            ("attempts", ErrorValue::Constant(Value::from(1))),
            ("code", ErrorValue::ByKind(vec![(FailureKind::Format, Value::from("Parse"))])),
            ("why", ErrorValue::Reason),
            ("at", ErrorValue::Arrival),
            ("ended", ErrorValue::Attempted),
            ("raw", ErrorValue::Data),
            ("position", ErrorValue::Position),
            ("version", ErrorValue::TableVersion),
        ]);
        let data = Bytes::from_static(b"{oops");
        let failure = Failure {
            kind: FailureKind::Format,
            reason: "a \"quote\"",
            data: &data,
            arrival: Timestamp::from_millis(5),
            partition: 3,
            offset: 9,
        };
        let attempt = Attempt { planned: Timestamp::from_millis(7), table_version: None };
        let mut out = Vec::new();
        shape.write_line(&failure, attempt, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                r#"{"attempts":1,"code":"Parse","why":"a \"quote\"","at":5,"ended":7,"raw":"e29vcHM=","#,
                r#""position":"3:9","version":null}"#,
                "\n"
            )
        );
    }
}
