//! Lines of the error output, as the public service documents them.

use flow::{Cause, ErrorShape, ErrorValue, FailureKind};
use serde_json::json;

const CODES: [(Cause, &str); 12] = [
    (Cause::Format, "DataFormatConversion.ParseError"),
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
];

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
