//! Kinesis Data Streams on the engine `log`.
//!
//! A stream is a topic of the space `stream`; a shard is a partition, its records are the partition's. What
//! only Kinesis knows of a stream (capacity mode, record size, tags) lies beside it in the metadata store
//! and comes and goes in one transaction with the topic.
//!
//! - A put is answered after its records are on disk. Records of one request share one fsync.
//! - A record's sequence number carries its offset, so every position is exact and survives restarts
//!   ([`sequence`]).
//! - Shard iterators are positions, not sessions: they hold nothing here and outlive the process.
//! - The machine is the limit. Overload is answered with `ProvisionedThroughputExceededException`.
//!
//! It never looks into records, and it does not count AWS's throughput per shard.
//!
//! Start reading at [`operations`], then `ops/put_records.rs` and `ops/get_records.rs`.

mod decode;
mod error;
mod iterator;
mod keys;
mod limits;
pub mod model;
mod ops;
mod put;
mod retention;
mod sequence;
mod shard;
mod stream;
mod tags;

use std::collections::HashMap;
use std::sync::Arc;

use aws::{operation, raw_operation};
use log::{Log, TopicId};
use meta::Meta;
use model::op;
use parking_lot::RwLock;
use rt::Rt;

pub use stream::topic_id;

/// The service: streams of all accounts and regions.
pub struct Kinesis {
    meta: Meta,
    log: Log,
    /// Record sizes of streams that were put to, checked against the incarnation of the topic.
    record_sizes: RwLock<HashMap<TopicId, Arc<stream::RecordSize>>>,
}

impl Kinesis {
    pub fn new(_rt: Rt, meta: Meta, log: Log) -> Kinesis {
        Kinesis { meta, log, record_sizes: RwLock::default() }
    }
}

/// Every built operation with its handler.
pub fn operations() -> Vec<aws::Operation<Kinesis>> {
    vec![
        operation(&op::ADD_TAGS_TO_STREAM, ops::add_tags_to_stream::handle),
        operation(&op::CREATE_STREAM, ops::create_stream::handle),
        operation(&op::DECREASE_STREAM_RETENTION_PERIOD, ops::decrease_stream_retention_period::handle),
        operation(&op::DELETE_STREAM, ops::delete_stream::handle),
        operation(&op::DESCRIBE_LIMITS, ops::describe_limits::handle),
        operation(&op::DESCRIBE_STREAM, ops::describe_stream::handle),
        operation(&op::DESCRIBE_STREAM_SUMMARY, ops::describe_stream_summary::handle),
        operation(&op::GET_RECORDS, ops::get_records::handle),
        operation(&op::GET_SHARD_ITERATOR, ops::get_shard_iterator::handle),
        operation(&op::INCREASE_STREAM_RETENTION_PERIOD, ops::increase_stream_retention_period::handle),
        operation(&op::LIST_SHARDS, ops::list_shards::handle),
        operation(&op::LIST_STREAMS, ops::list_streams::handle),
        operation(&op::LIST_TAGS_FOR_RESOURCE, ops::list_tags_for_resource::handle),
        operation(&op::LIST_TAGS_FOR_STREAM, ops::list_tags_for_stream::handle),
        raw_operation(&op::PUT_RECORD, ops::put_record::handle),
        raw_operation(&op::PUT_RECORDS, ops::put_records::handle),
        operation(&op::REMOVE_TAGS_FROM_STREAM, ops::remove_tags_from_stream::handle),
        operation(&op::TAG_RESOURCE, ops::tag_resource::handle),
        operation(&op::UNTAG_RESOURCE, ops::untag_resource::handle),
    ]
}

#[cfg(test)]
mod tests;
