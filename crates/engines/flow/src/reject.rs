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
    /// An operator refused it, or it has no partition.
    Processing,
    /// It could not be decompressed.
    Decompression,
    /// The endpoint it should go to did not take it.
    Endpoint,
    /// Splunk did not take it.
    Splunk,
    /// It is no row of the table it was for, or there is no such table.
    Table,
}

/// What was wrong with a record, finer than the step it failed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Cause {
    /// It is no JSON.
    Format,
    /// It is JSON, but not what the columns of the table ask for.
    Schema,
    Decompression,
    /// It is no delivery of a log group.
    LogMessages,
    /// The records in it cannot be told apart.
    Split,
    /// The function said so.
    FunctionRefused,
    /// The function was called in vain.
    FunctionFailed,
    /// The function's answer cannot be read.
    FunctionAnswer,
    /// The function's answer leaves records out.
    FunctionMissingRecord,
    /// The function's answer has a record twice.
    FunctionDuplicateRecord,
    /// A partition key has no value.
    PartitionKeys,
    /// Its partition is one too many.
    PartitionsLimit,
    /// The endpoint did not take it.
    Endpoint,
    /// Splunk did not take it.
    Splunk,
    /// It is no row of its table.
    Table,
    /// The table it is for is not there, or is none that rows can be written to.
    NoTable,
    /// It does not say which table it is for.
    NoRoute,
}

impl Cause {
    pub fn kind(self) -> FailureKind {
        match self {
            Cause::Format | Cause::Schema => FailureKind::Format,
            Cause::Decompression => FailureKind::Decompression,
            Cause::Endpoint => FailureKind::Endpoint,
            Cause::Splunk => FailureKind::Splunk,
            Cause::Table | Cause::NoTable | Cause::NoRoute => FailureKind::Table,
            Cause::LogMessages
            | Cause::Split
            | Cause::FunctionRefused
            | Cause::FunctionFailed
            | Cause::FunctionAnswer
            | Cause::FunctionMissingRecord
            | Cause::FunctionDuplicateRecord
            | Cause::PartitionKeys
            | Cause::PartitionsLimit => FailureKind::Processing,
        }
    }
}

impl FailureKind {
    /// The name in object keys.
    pub fn as_str(self) -> &'static str {
        match self {
            FailureKind::Format => "format-conversion-failed",
            FailureKind::Processing => "processing-failed",
            FailureKind::Decompression => "decompression-failed",
            FailureKind::Endpoint => "http-endpoint-failed",
            FailureKind::Splunk => "splunk-failed",
            FailureKind::Table => "iceberg-failed",
        }
    }
}

/// The members of an error line, in order. Whoever makes a spec gives the line the shape its users know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ErrorShape {
    pub fields: Vec<ErrorField>,
    /// Kinds of failure whose lines look otherwise.
    #[serde(default)]
    pub others: Vec<(FailureKind, Vec<ErrorField>)>,
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
    /// One of these by cause; null for a cause that is not listed.
    ByCause(Vec<(Cause, Value)>),
    /// What the place outside calls the failure; null for failures before it.
    Code,
    /// How often it was tried.
    Attempts,
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
        ErrorShape { fields: error_fields(fields), others: Vec::new() }
    }

    /// The same with other members for one kind of failure.
    #[must_use]
    pub fn with<N: Into<String>>(
        mut self,
        kind: FailureKind,
        fields: impl IntoIterator<Item = (N, ErrorValue)>,
    ) -> ErrorShape {
        self.others.push((kind, error_fields(fields)));
        self
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

fn error_fields<N: Into<String>>(fields: impl IntoIterator<Item = (N, ErrorValue)>) -> Vec<ErrorField> {
    fields.into_iter().map(|(name, value)| ErrorField { name: name.into(), value }).collect()
}

/// A record that failed.
#[derive(Debug)]
pub(crate) struct Failure<'a> {
    pub(crate) cause: Cause,
    pub(crate) attempts: u32,
    pub(crate) code: Option<&'a str>,
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
        let kind = failure.cause.kind();
        let other = self.others.iter().find(|(of, _)| *of == kind);
        out.push(b'{');
        for (index, field) in other.map_or(&self.fields, |(_, fields)| fields).iter().enumerate() {
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
            let known = kinds.iter().find(|(kind, _)| *kind == failure.cause.kind());
            json(&known.map(|(_, value)| value), out);
        }
        ErrorValue::ByCause(causes) => {
            let known = causes.iter().find(|(cause, _)| *cause == failure.cause);
            json(&known.map(|(_, value)| value), out);
        }
        ErrorValue::Code => json(&failure.code, out),
        ErrorValue::Attempts => json(&failure.attempts, out),
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
            cause: Cause::Format,
            attempts: 1,
            code: None,
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
