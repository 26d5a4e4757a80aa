//! What a delivery is asked to do. Stored as JSON, so a field is only ever added with a default.

use std::time::Duration;

use chrono_tz::Tz;
use lake::json::JsonOptions;
use lake::orc::OrcSettings;
use lake::parquet::ParquetSettings;
use log::TopicId;
use names::Scope;
use rt::Timestamp;
use serde::{Deserialize, Serialize};

use crate::operator::{Operator, Partitioning};
use crate::operators::query::{Query, QueryError};
use crate::outlet::RequestEncode;
use crate::prefix::{KeySource, Prefix, PrefixError};
use crate::reject::{ErrorShape, FailureKind};

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
    /// Applied to every record, in this order.
    #[serde(default)]
    pub operators: Vec<Operator>,
    /// Needed where the sink's prefix has partition keys.
    #[serde(default)]
    pub partitioning: Option<Partitioning>,
    /// A second copy of everything the source gave, before any operator.
    #[serde(default)]
    pub backup: Option<Backup>,
    /// Queries of the table see records from the moment the source has them, not only those in files. Without
    /// effect where the records do not become rows of a table, or pass through a function.
    #[serde(default)]
    pub live: bool,
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
    /// To a place outside, not into the sink, which keeps what was not taken there.
    Requests(Box<RequestEncode>),
    Iceberg(Box<IcebergEncode>),
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
    /// An archive with one file.
    Zip,
    /// Snappy's framing format.
    Snappy,
    /// Raw Snappy in Hadoop's blocks.
    HadoopSnappy,
}

/// JSON records to a columnar file with the columns of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParquetEncode {
    pub scope: Scope,
    pub database: String,
    pub table: String,
    pub version: TableVersion,
    pub json: JsonOptions,
    pub parquet: ParquetSettings,
    /// If given, the file is an ORC file of these settings and no Parquet file.
    #[serde(default)]
    pub orc: Option<OrcSettings>,
}

/// JSON records to rows of Iceberg tables. The sink's bucket and error prefix take what is rejected; the names of
/// data files are the tables' own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IcebergEncode {
    pub scope: Scope,
    /// Tables with settings of their own. With a single one it takes every record that names no other; records
    /// may name further tables, which are appended to.
    pub tables: Vec<IcebergTarget>,
    /// Unique keys are not looked at: every record is a new row.
    pub append_only: bool,
    /// A field that the table does not know becomes a column.
    pub evolve: bool,
    /// `s3://bucket/prefix`: a table that does not exist is made below it, with the columns of its first records.
    pub warehouse: Option<String>,
    /// Operators say with the keys `destinationDatabaseName`, `destinationTableName` and `operation` (`insert`,
    /// `update`, `delete`) what becomes of a record.
    pub routed: bool,
    pub json: JsonOptions,
    pub parquet: ParquetSettings,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IcebergTarget {
    pub database: String,
    pub table: String,
    /// A record replaces the row with the same values in these columns. Empty: every record is a new row.
    pub unique_keys: Vec<String>,
    /// Columns by whose values a table that is made here is partitioned.
    pub partition_by: Vec<String>,
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

/// Where source records are copied to, one after the other as they are, in the commit that delivers them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    pub bucket: String,
    /// With expressions, see [`Prefix`]; no partition keys.
    pub prefix: String,
    pub name: String,
    pub suffix: String,
    pub compression: Compression,
    pub content_type: Option<String>,
}

/// The most bytes one batch may be asked to hold.
pub(crate) const BUFFER_BYTES_MAX: u64 = 4 << 30;

/// The most bytes of a batch that becomes a ZIP archive: sizes in it have 32 bits.
pub(crate) const ZIP_BYTES_MAX: u64 = 1 << 30;

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
    #[error("the query cannot be compiled")]
    Query(#[source] QueryError),
    #[error("the prefix names partition keys, but the delivery does not partition by keys")]
    NotPartitioned,
    #[error("the prefix names the partition key {0:?}, but no operator finds it")]
    NoSuchKey(String),
    #[error("the backup's prefix is invalid")]
    BackupPrefix(#[source] PrefixError),
    #[error("a ZIP archive of {0} bytes is larger than {ZIP_BYTES_MAX}")]
    ZipBytes(u64),
}

/// The parts of a spec that are read once, not with every batch.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) prefix: Prefix,
    pub(crate) error_prefix: Prefix,
    pub(crate) backup_prefix: Option<Prefix>,
    pub(crate) zone: Tz,
}

impl Names {
    /// The first time after `time` at which records may belong elsewhere.
    pub(crate) fn change_after(&self, time: Timestamp) -> Option<Timestamp> {
        let prefixes = [Some(&self.prefix), self.backup_prefix.as_ref()].into_iter().flatten();
        prefixes.filter_map(|prefix| prefix.changes_after(time, self.zone)).min()
    }
}

impl FlowSpec {
    /// Says what in the spec can never be executed. What only a lookup can tell (a bucket, a table that
    /// does not exist) is found when a batch is planned.
    pub fn check(&self) -> Result<(), SpecError> {
        let bytes = self.buffer.bytes;
        if !(1..=BUFFER_BYTES_MAX).contains(&bytes) {
            return Err(SpecError::BufferBytes(bytes));
        }
        let raw = match &self.encode {
            Encode::Raw(raw) => Some(raw.compression),
            Encode::Parquet(_) | Encode::Requests(_) | Encode::Iceberg(_) => None,
        };
        let zip =
            [raw, self.backup.as_ref().map(|backup| backup.compression)].contains(&Some(Compression::Zip));
        if zip && bytes > ZIP_BYTES_MAX {
            return Err(SpecError::ZipBytes(bytes));
        }
        let names = self.names()?;
        self.check_keys(&names.prefix)?;
        for operator in &self.operators {
            if let Operator::Extract(extract) = operator {
                Query::compile(&extract.query).map_err(SpecError::Query)?;
            }
        }
        Ok(())
    }

    /// The keys in the prefix and where they would come from.
    fn check_keys(&self, prefix: &Prefix) -> Result<(), SpecError> {
        let (query, function) = (prefix.keys(KeySource::Query), prefix.keys(KeySource::Function));
        if self.partitioning.is_none() && !(query.is_empty() && function.is_empty()) {
            return Err(SpecError::NotPartitioned);
        }
        let extracts = self.operators.iter().any(|operator| matches!(operator, Operator::Extract(_)));
        let transforms = self.operators.iter().any(|operator| matches!(operator, Operator::Transform(_)));
        let missing = [(query, extracts), (function, transforms)].into_iter();
        let mut missing = missing.filter(|(_, found)| !found).flat_map(|(keys, _)| keys);
        missing.next().map_or(Ok(()), |key| Err(SpecError::NoSuchKey(key.to_owned())))
    }

    pub(crate) fn names(&self) -> Result<Names, SpecError> {
        let Sink { prefix, error_prefix, time_zone, .. } = &self.sink;
        let zone = match time_zone.as_str() {
            "" => Tz::UTC,
            name => name.parse().map_err(|_| SpecError::TimeZone(name.to_owned()))?,
        };
        let backup = self.backup.as_ref().map(|backup| Prefix::parse_unpartitioned(&backup.prefix));
        Ok(Names {
            prefix: Prefix::parse(prefix).map_err(SpecError::Prefix)?,
            error_prefix: Prefix::parse_errors(error_prefix, prefix).map_err(SpecError::ErrorPrefix)?,
            backup_prefix: backup.transpose().map_err(SpecError::BackupPrefix)?,
            zone,
        })
    }

    /// The steps in which a record can fail.
    pub(crate) fn failure_kinds(&self) -> Vec<FailureKind> {
        let mut kinds = Vec::new();
        match &self.encode {
            Encode::Raw(_) => {}
            Encode::Parquet(_) => kinds.push(FailureKind::Format),
            Encode::Requests(requests) => kinds.push(requests.failure.kind()),
            Encode::Iceberg(_) => kinds.push(FailureKind::Table),
        }
        let kind = |operator: &Operator| match operator {
            Operator::Decompress => FailureKind::Decompression,
            Operator::LogMessages | Operator::Split(_) | Operator::Transform(_) | Operator::Extract(_) => {
                FailureKind::Processing
            }
        };
        kinds.extend(self.operators.iter().map(kind));
        if self.partitioning.is_some() {
            kinds.push(FailureKind::Processing);
        }
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }
}
