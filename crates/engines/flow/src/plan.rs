//! What a batch will be, fixed before its first byte is written.

use lake::Table;
use log::Offset;
use rt::{Rt, Timestamp};
use serde::{Deserialize, Serialize};

use crate::FlowSpec;
use crate::prefix::{KeyPart, KeySource, name_time};
use crate::reject::FailureKind;
use crate::spec::Names;

/// Bytes a partition contributes before it is the next one's turn.
pub(crate) const TURN_BYTES_MAX: u64 = 4 << 20;
const TURN_BYTES_MIN: u64 = 64 << 10;

/// The format of a stored plan.
pub(crate) const PLAN_VERSION: u32 = 2;

/// One batch. The records of a plan are a function of the plan and the source alone: see
/// [`Reader`](crate::reader::Reader).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) version: u32,
    /// 1 for the first batch of the delivery.
    pub(crate) batch: u64,
    pub(crate) planned: Timestamp,
    /// Arrival of the oldest record; the time in prefixes and names.
    pub(crate) oldest: Timestamp,
    /// The spec as it was: an update takes effect with the next plan.
    pub(crate) spec: FlowSpec,
    /// Where each partition stands, and the most of it that may be in the batch; by partition.
    pub(crate) spans: Vec<Span>,
    /// The batch ends with the record that reaches this many bytes.
    pub(crate) bytes: u64,
    pub(crate) turn_bytes: u64,
    /// About how many there are.
    pub(crate) source_bytes: u64,
    /// Of the data object of a batch that is not partitioned by keys.
    pub(crate) data_key: String,
    /// Of the data objects of one that is.
    #[serde(default)]
    pub(crate) partitioned: Option<PartitionedKey>,
    /// Kinds of failure may share an object.
    pub(crate) error_keys: Vec<(FailureKind, String)>,
    #[serde(default)]
    pub(crate) backup_key: Option<String>,
    /// The table as it was, for its columns.
    pub(crate) table: Option<Table>,
}

/// The keys of objects that follow from their records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PartitionedKey {
    pub(crate) prefix: Vec<KeyPart>,
    pub(crate) stem: String,
    pub(crate) suffix: String,
}

impl PartitionedKey {
    /// The `piece`-th object below a prefix, from 0.
    pub(crate) fn object(&self, prefix: &str, piece: u32) -> String {
        let PartitionedKey { stem, suffix, .. } = self;
        if piece == 0 { format!("{prefix}{stem}{suffix}") } else { format!("{prefix}{stem}-{piece}{suffix}") }
    }

    /// The names of the keys of one source, each once.
    pub(crate) fn keys(&self, source: KeySource) -> Vec<String> {
        let mut keys = Vec::new();
        for part in &self.prefix {
            if let KeyPart::Key(from, name) = part
                && *from == source
                && !keys.contains(name)
            {
                keys.push(name.clone());
            }
        }
        keys
    }
}

/// A half-open range of offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Span {
    pub(crate) partition: u32,
    pub(crate) from: Offset,
    pub(crate) to: Offset,
}

/// What the next plan is made from.
pub(crate) struct Draft<'a> {
    pub(crate) batch: u64,
    pub(crate) spec: &'a FlowSpec,
    pub(crate) names: &'a Names,
    pub(crate) oldest: Timestamp,
    pub(crate) spans: Vec<Span>,
    pub(crate) source_bytes: u64,
    /// When the batch is full.
    pub(crate) bytes: u64,
    pub(crate) table: Option<Table>,
}

impl Draft<'_> {
    pub(crate) fn plan(self, rt: &Rt) -> Plan {
        let Draft { batch, spec, names, oldest, spans, source_bytes, bytes, table } = self;
        let sink = &spec.sink;
        let zone = names.zone;
        let time = name_time(oldest, zone);
        let stem = format!("{}-{time}-{}", sink.name, rt.uuid());
        let data_prefix = names.prefix.render(oldest, zone, "", rt);
        let partitioned = names.prefix.has_keys().then(|| PartitionedKey {
            prefix: names.prefix.render_parts(oldest, zone, "", rt),
            stem: stem.clone(),
            suffix: sink.suffix.clone(),
        });
        let error_key = |kind: FailureKind| {
            let prefix = names.error_prefix.render(oldest, zone, kind.as_str(), rt);
            (kind, format!("{prefix}{stem}"))
        };
        let backup_key = spec.backup.as_ref().zip(names.backup_prefix.as_ref()).map(|(backup, prefix)| {
            let prefix = prefix.render(oldest, zone, "", rt);
            // Another name than the data's: both may be asked for in the same place.
            format!("{prefix}{}-{time}-{}{}", backup.name, rt.uuid(), backup.suffix)
        });
        Plan {
            version: PLAN_VERSION,
            batch,
            planned: rt.now(),
            oldest,
            spec: spec.clone(),
            bytes,
            turn_bytes: turn_bytes(bytes, spans.len()),
            spans,
            source_bytes,
            data_key: format!("{data_prefix}{stem}{}", sink.suffix),
            partitioned,
            error_keys: spec.failure_kinds().into_iter().map(error_key).collect(),
            backup_key,
            table,
        }
    }
}

/// Turns short enough that every partition gets one within the batch, as far as that is sensible.
fn turn_bytes(bytes: u64, partitions: usize) -> u64 {
    let partitions = u64::try_from(partitions.max(1)).unwrap_or(u64::MAX);
    (bytes / partitions).clamp(TURN_BYTES_MIN, TURN_BYTES_MAX)
}
