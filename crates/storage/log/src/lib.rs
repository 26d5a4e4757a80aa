//! Partitioned, append-only records with cursors: what streams and delivery buffers are made of.
//!
//! Concepts
//! - A *topic* has *partitions*; each covers a range of a 128-bit hash space and holds records at the
//!   *offsets* 0, 1, 2 … The *tail* is the next offset to be assigned, the *oldest* the first that is
//!   still kept.
//! - All partitions share one *journal*: a row of segment files in which one thread writes the batches of
//!   every caller together, so that one fsync serves all who wait (group commit).
//! - A *frame* is one batch of one partition on disk; its format, and that of the files around it, is
//!   described in `docs/internals/log-format.md`.
//!
//! Guarantees
//! - [`Log::append`] returns after its records are on disk. A crash at any moment keeps every record of an
//!   append that returned, in order; one that did not return may be kept in whole, in part or not at all.
//! - Offsets of a partition only grow and are never given twice, also after retention, deletion of
//!   everything kept, crashes and failed writes. They may skip: a batch that checksums expose as damaged
//!   is reported, never served, and does not keep the rest from being read.
//! - Timestamps never go backwards within a partition.
//! - Partitions are split and merged in one transaction ([`Log::reshard`]): every hash has exactly one open
//!   partition at any moment, a parent's last record is on disk before a child's first is accepted, and a
//!   closed partition is read to its end until its time is over.
//! - A read sees what was appended before it; a reader at the tail is served from memory.
//! - Memory is bounded by [`LogSettings`]: the queue of writes, the tail cache, index lists, open files.
//! - A full disk refuses appends with [`LogError::StorageFull`] and takes them again when there is space.
//!
//! What it never does: it does not know who reads (cursors belong to the readers), it does not interpret
//! keys or data, and it never overwrites or reorders what it has acknowledged.
//!
//! Start reading at [`Log`], then `writer.rs` (the way in), `read.rs` (the way out), `recovery.rs`.

mod append;
mod direct;
pub mod disk;
mod error;
mod frame;
mod index;
pub mod inspect;
mod journal;
mod keys;
mod lru;
mod partition;
mod queue;
mod read;
mod record;
mod recovery;
mod reshard;
mod retention;
mod scan;
mod segment;
mod settings;
pub mod stepped;
mod store;
mod tail;
mod topic;
mod topics;
mod writer;

pub use error::{LogError, OpenError};
pub use journal::Stats;
pub use record::{Appended, Batch, NewRecord, Offset, Page, Position, ReadLimit, Record};
pub use reshard::Change;
pub use settings::LogSettings;
pub use store::Log;
pub use tail::TailWatch;
pub use topic::{HashRange, Partition, Route, Routes, Topic, TopicId};

#[cfg(test)]
mod tests;
