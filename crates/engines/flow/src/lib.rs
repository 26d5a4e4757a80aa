//! Everything that moves data: records of a log topic through a conversion into objects, exactly once.
//!
//! # Concepts
//!
//! * A **delivery** ([`FlowSpec`]) is a source topic, a way to encode and a sink. It has one task, and its
//!   state of record in `meta`: the next offset of each partition, its [`Ledger`], and a plan.
//! * **Operators** ([`Operator`]) change, split, drop or refuse records on their way, chunk by chunk.
//! * A **batch** becomes one data object for each partition its records belong to (one if the sink's prefix
//!   has no partition keys), one object per kind of failure, and one of the copied source. It closes when its
//!   bytes reach the buffer's size or its oldest record the buffer's age, and at the latest where the
//!   prefix of the objects changes: no object holds records of two hours, if hours name the folder.
//! * A **plan** fixes everything a batch depends on: where it starts, the end of each partition, the
//!   limit of bytes, the object names (up to the partition keys, which follow from the records), the columns
//!   of the table. It is committed before the first byte is written, so that a crash redoes the same batch
//!   to the same names.
//!
//! # Guarantees
//!
//! * Exactly once: objects become visible in the commit that advances the offsets, clears the plan,
//!   counts the ledger and adds the partitions of the table.
//! * Every record is delivered, or in the error output with its reason, or dropped by an operator that was
//!   asked to, or pending; see [`Ledger`].
//! * A delivery that cannot go on (no bucket, no table, no source) says why in [`FlowStatus`], tries
//!   again with growing pauses, and goes on by itself when it can.
//! * Memory is bounded by [`FlowSettings::memory_bytes`] for all deliveries together.
//!
//! # What it never does
//!
//! It holds no record that is not in the log, reads nothing from the log that is not durable, and knows
//! no wire API: error lines get their shape from the spec ([`ErrorShape`]).
//!
//! Start with [`Flow`], then `delivery` (the loop of one task) and `batch` (one plan, start to end). A record
//! goes from `reader` (chunks) through `convert` (operators, then the form it is encoded in) to `lanes` (the
//! objects of all partitions) and `commit`.

mod aggregate;
mod backlog;
mod batch;
mod commit;
mod compress;
mod convert;
mod delivery;
mod encode;
mod error;
mod failpoints;
mod flow;
mod functions;
mod keys;
mod lanes;
mod ledger;
mod operator;
mod operators;
mod outlet;
mod output;
mod parts;
mod plan;
mod prefix;
mod reader;
mod records;
mod register;
mod reject;
mod requests;
mod settings;
mod spec;
mod state;
mod tables;
mod unwritten;

pub use error::FlowError;
#[cfg(any(test, feature = "failpoints"))]
pub use failpoints::{Action, Failpoints};
pub use flow::Flow;
pub use functions::{FunctionError, Functions};
pub use ledger::{FlowStatus, Ledger, Phase};
pub use operator::{Extract, Operator, Partitioning, Split, Transform};
pub use operators::query::{QueryError, query_keys};
pub use outlet::{Answer, Outlet, Request, RequestEncode, Trouble};
pub use prefix::{KeySource, PatternError, Prefix, PrefixError};
pub use reject::{Cause, ErrorField, ErrorShape, ErrorValue, FailureKind};
pub use settings::FlowSettings;
pub use spec::{
    Backup, Buffer, Compression, Encode, FlowId, FlowSpec, IcebergEncode, IcebergTarget, ParquetEncode,
    RawEncode, Sink, Source, SpecError, Start, TableVersion,
};

#[cfg(test)]
mod tests;
