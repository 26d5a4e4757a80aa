//! What a delivery is asked to do. Stored as JSON, so a field is only ever added with a default.

use std::time::Duration;

use chrono_tz::Tz;
use lake::json::JsonOptions;
use lake::parquet::ParquetSettings;
use log::TopicId;
use names::Scope;
use rt::Timestamp;
use serde::{Deserialize, Serialize};

use crate::prefix::{Prefix, PrefixError};
use crate::reject::ErrorShape;

/// The name of a delivery within its scope.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FlowId {
    pub scope: Scope,
    pub name: String,
}

impl FlowId {
    pub fn new(scope: Scope, name: impl Into<String>) -> FlowId {
        FlowId { scope, name: name.into() }
    }
}

impl std::fmt::Display for FlowId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.scope, self.name)
    }
}

/// Source, conversion and sink of a delivery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowSpec {
    pub source: Source,
    pub buffer: Buffer,
    pub encode: Encode,
    pub sink: Sink,
    /// Add the partition an object lies in to the table's partitions, if the object lies below the table.
    pub register_partitions: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    pub topic: TopicId,
    pub start: Start,
    /// Delivered records are no longer needed by anybody: trim the topic after each commit.
    pub trim: bool,
    /// Records may be aggregates of a producer library: each is delivered as the records in it.
    #[serde(default)]
    pub aggregates: bool,
}

/// Where a delivery begins in the partitions that exist when it is created. Fixed as offsets then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Start {
    Oldest,
    Latest,
    At(Timestamp),
}

/// When a batch closes: at `bytes` of source records, or when its oldest record is `interval` old. Zero:
/// as soon as possible, with whatever is there then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buffer {
    pub bytes: u64,
    pub interval: Duration,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Encode {
    Raw(RawEncode),
    Parquet(Box<ParquetEncode>),
}

/// Records one after the other as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawEncode {
    /// Written after each record.
    pub delimiter: Option<String>,
    pub compression: Compression,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Compression {
    None,
    Gzip,
}

/// JSON records to a Parquet file with the columns of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParquetEncode {
    pub scope: Scope,
    pub database: String,
    pub table: String,
    pub version: TableVersion,
    pub json: JsonOptions,
    pub parquet: ParquetSettings,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TableVersion {
    /// Whatever is the newest when a batch is planned.
    Latest,
    Fixed(u64),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sink {
    pub bucket: String,
    /// With expressions, see [`Prefix`].
    pub prefix: String,
    pub error_prefix: String,
    /// The file name is `<name>-<yyyy-MM-dd-HH-mm-ss>-<uuid><suffix>`.
    pub name: String,
    /// Such as `.parquet` or `.gz`; may be empty.
    pub suffix: String,
    /// An IANA name; empty is UTC.
    pub time_zone: String,
    pub content_type: Option<String>,
    pub errors: ErrorShape,
}

/// The most bytes one batch may be asked to hold.
pub(crate) const BUFFER_BYTES_MAX: u64 = 4 << 30;

/// Why a spec cannot be executed. `field` is the path of the field in [`FlowSpec`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    #[error("the prefix is invalid")]
    Prefix(#[source] PrefixError),
    #[error("the error prefix is invalid")]
    ErrorPrefix(#[source] PrefixError),
    #[error("the time zone {0:?} is unknown")]
    TimeZone(String),
    #[error("a buffer of {0} bytes is not between 1 and {BUFFER_BYTES_MAX}")]
    BufferBytes(u64),
}

/// The parts of a spec that are read once, not with every batch.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) prefix: Prefix,
    pub(crate) error_prefix: Prefix,
    pub(crate) zone: Tz,
}

impl FlowSpec {
    /// Says what in the spec can never be executed. What only a lookup can tell (a bucket, a table that
    /// does not exist) is found when a batch is planned.
    pub fn check(&self) -> Result<(), SpecError> {
        if !(1..=BUFFER_BYTES_MAX).contains(&self.buffer.bytes) {
            return Err(SpecError::BufferBytes(self.buffer.bytes));
        }
        self.sink.names().map(|_| ())
    }
}

impl Sink {
    pub(crate) fn names(&self) -> Result<Names, SpecError> {
        let zone = if self.time_zone.is_empty() {
            Tz::UTC
        } else {
            self.time_zone.parse().map_err(|_| SpecError::TimeZone(self.time_zone.clone()))?
        };
        Ok(Names {
            prefix: Prefix::parse(&self.prefix).map_err(SpecError::Prefix)?,
            error_prefix: Prefix::parse_errors(&self.error_prefix, &self.prefix)
                .map_err(SpecError::ErrorPrefix)?,
            zone,
        })
    }
}
