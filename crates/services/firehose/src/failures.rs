//! Lines of the error output, as the public service documents them.

use flow::{Cause, ErrorShape, ErrorValue, FailureKind};
use serde_json::json;

/// The codes of format conversion: what is no JSON, and JSON that does not fit the schema, an empty record among it.
/// They are those of error outputs that the public service wrote; its developer guide shows the line alone.
const CONVERSION: [(Cause, &str); 2] = [
    (Cause::Format, "DataFormatConversion.ParseError"),
    (Cause::Schema, "DataFormatConversion.MalformedData"),
];

/// Those of functions are in the developer guide, "Monitor Amazon Data Firehose Using CloudWatch Logs", and those of
/// tables that are not there in "Configure the destination: Apache Iceberg Tables". `ProcessingFailedStatus` and those
/// of dynamic partitioning are what the public service writes. It documents none for decompression, log messages,
/// de-aggregation, and rows that do not fit their table: these are ours, in its form.
const CODES: [(Cause, &str); 13] = [
    (Cause::Decompression, "Decompression.DecompressionFailed"),
    (Cause::LogMessages, "CloudWatchLogProcessing.MessageExtractionFailed"),
    (Cause::Split, "RecordDeAggregation.DeAggregationFailed"),
    (Cause::FunctionRefused, "Lambda.ProcessingFailedStatus"),
    (Cause::FunctionFailed, "Lambda.FunctionError"),
    (Cause::FunctionAnswer, "Lambda.JsonProcessingException"),
    (Cause::FunctionMissingRecord, "Lambda.MissingRecordId"),
    (Cause::FunctionDuplicateRecord, "Lambda.DuplicatedRecordId"),
    (Cause::PartitionKeys, "DynamicPartitioning.MetadataExtractionFailed"),
    (Cause::PartitionsLimit, "DynamicPartitioning.ActivePartitionsLimitExceeded"),
    (Cause::Table, "Iceberg.InvalidRecord"),
    (Cause::NoTable, "Iceberg.NoSuchTable"),
    (Cause::NoRoute, "Iceberg.InvalidTableName"),
];

/// The code of a record that failed format conversion.
pub(crate) fn conversion_code() -> ErrorValue {
    ErrorValue::ByCause(CONVERSION.iter().map(|(cause, code)| (*cause, json!(code))).collect())
}

/// Of records that failed before format conversion.
pub(crate) fn processing_shape() -> ErrorShape {
    ErrorShape::new(processing_fields())
}

/// The same beside lines for format conversion.
pub(crate) fn with_processing(conversion: ErrorShape) -> ErrorShape {
    conversion
        .with(FailureKind::Processing, processing_fields())
        .with(FailureKind::Decompression, processing_fields())
}

/// The same beside lines for what a place outside did not take.
pub(crate) fn outside(kind: FailureKind) -> ErrorShape {
    let mut fields = Vec::from([
        ("attemptsMade", ErrorValue::Attempts),
        ("arrivalTimestamp", ErrorValue::Arrival),
        ("errorCode", ErrorValue::Code),
        ("errorMessage", ErrorValue::Reason),
        ("attemptEndingTimestamp", ErrorValue::Attempted),
        ("rawData", ErrorValue::Data),
    ]);
    if kind == FailureKind::Splunk {
        fields.push(("EventId", ErrorValue::Position));
    }
    processing_shape().with(kind, fields)
}

fn processing_fields() -> [(&'static str, ErrorValue); 6] {
    let codes = CODES.iter().map(|(cause, code)| (*cause, json!(code))).collect();
    [
        ("attemptsMade", ErrorValue::Attempts),
        ("arrivalTimestamp", ErrorValue::Arrival),
        ("errorCode", ErrorValue::ByCause(codes)),
        ("errorMessage", ErrorValue::Reason),
        ("attemptEndingTimestamp", ErrorValue::Attempted),
        ("rawData", ErrorValue::Data),
    ]
}
