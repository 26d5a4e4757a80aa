//! What a batch will be, fixed before its first byte is written.

use lake::Table;
use log::Offset;
use rt::{Rt, Timestamp};
use serde::{Deserialize, Serialize};

use crate::prefix::name_time;
use crate::reject::FailureKind;
use crate::spec::Names;
use crate::{Encode, FlowSpec};

/// Bytes a partition contributes before it is the next one's turn.
const TURN_BYTES_MAX: u64 = 4 << 20;
const TURN_BYTES_MIN: u64 = 64 << 10;

/// The format of a stored plan.
pub(crate) const PLAN_VERSION: u32 = 1;

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
    pub(crate) data_key: String,
    pub(crate) error_keys: Vec<(FailureKind, String)>,
    /// The table as it was, for its columns.
    pub(crate) table: Option<Table>,
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
    pub(crate) table: Option<Table>,
}

impl Draft<'_> {
    pub(crate) fn plan(self, rt: &Rt) -> Plan {
        let Draft { batch, spec, names, oldest, spans, source_bytes, table } = self;
        let sink = &spec.sink;
        let stem = format!("{}-{}-{}", sink.name, name_time(oldest, names.zone), rt.uuid());
        let data_prefix = names.prefix.render(oldest, names.zone, "", rt);
        let kinds: &[FailureKind] = match spec.encode {
            Encode::Raw(_) => &[],
            Encode::Parquet(_) => &[FailureKind::Format],
        };
        let error_key = |kind: &FailureKind| {
            let prefix = names.error_prefix.render(oldest, names.zone, kind.as_str(), rt);
            (*kind, format!("{prefix}{stem}"))
        };
        Plan {
            version: PLAN_VERSION,
            batch,
            planned: rt.now(),
            oldest,
            spec: spec.clone(),
            bytes: spec.buffer.bytes,
            turn_bytes: turn_bytes(spec.buffer.bytes, spans.len()),
            spans,
            source_bytes,
            data_key: format!("{data_prefix}{stem}{}", sink.suffix),
            error_keys: kinds.iter().map(error_key).collect(),
            table,
        }
    }
}

/// Turns short enough that every partition gets one within the batch, as far as that is sensible.
fn turn_bytes(bytes: u64, partitions: usize) -> u64 {
    let partitions = u64::try_from(partitions.max(1)).unwrap_or(u64::MAX);
    (bytes / partitions).clamp(TURN_BYTES_MIN, TURN_BYTES_MAX)
}
