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
//! - The machine is the limit; overload is answered with `ProvisionedThroughputExceededException`. With
//!   [`Throughput::Aws`] it is AWS's numbers per shard ([`pace`]).
//! - Shards are split and merged in one transaction ([`reshard`]), by request or, of on-demand streams, by
//!   their load ([`scaling`]). Sequence numbers of children are greater than all of their parents'.
//! - A consumer has one subscription per shard at a time, which ends after five minutes ([`subscription`]).
//!
//! It never looks into records: what producers aggregate passes through as it is.
//!
//! Start reading at [`operations`], then `ops/put_records.rs` and `ops/get_records.rs`.

mod account;
mod consumer;
mod decode;
mod error;
mod history;
mod iterator;
mod keys;
mod limits;
mod live;
pub mod model;
mod monitoring;
mod ops;
mod pace;
mod policy;
mod position;
mod put;
mod records;
mod reshard;
mod resource;
mod retention;
mod scaling;
mod sequence;
mod shard;
mod stream;
mod subscription;
mod subscriptions;
mod tags;
mod warm;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use aws::{operation, raw_operation, stream_operation};
use log::{Log, TopicId};
use meta::Meta;
use model::op;
use parking_lot::{Mutex, RwLock};
use rt::Rt;
use serde::{Deserialize, Serialize};

pub use stream::topic_id;

/// What limits a shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Throughput {
    /// What the disk and the processor give: for production.
    #[default]
    Machine,
    /// AWS's numbers per shard and per stream: for testing clients against them.
    Aws,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KinesisSettings {
    /// Default: the machine.
    pub limits: Throughput,
}

/// The service: streams of all accounts and regions.
pub struct Kinesis {
    rt: Rt,
    meta: Meta,
    log: Log,
    settings: KinesisSettings,
    /// Streams in use.
    live: RwLock<HashMap<TopicId, Arc<live::Live>>>,
    /// Streams whose shards are being changed.
    updating: Mutex<HashSet<TopicId>>,
    /// Streams that follow their load.
    on_demand: Mutex<BTreeSet<TopicId>>,
    /// Held while a consumer is registered, so that there are never too many.
    registering: tokio::sync::Mutex<()>,
    subscriptions: subscriptions::Subscriptions,
    history: history::History,
}

impl Kinesis {
    pub fn new(rt: Rt, meta: Meta, log: Log) -> Kinesis {
        Kinesis::with_settings(rt, meta, log, KinesisSettings::default())
    }

    pub fn with_settings(rt: Rt, meta: Meta, log: Log, settings: KinesisSettings) -> Kinesis {
        Kinesis {
            history: history::History::new(&rt),
            rt,
            meta,
            log,
            settings,
            live: RwLock::default(),
            updating: Mutex::default(),
            on_demand: Mutex::default(),
            registering: tokio::sync::Mutex::default(),
            subscriptions: subscriptions::Subscriptions::default(),
        }
    }
}

/// Every built operation with its handler.
pub fn operations() -> Vec<aws::Operation<Kinesis>> {
    vec![
        operation(&op::ADD_TAGS_TO_STREAM, ops::add_tags_to_stream::handle),
        operation(&op::CREATE_STREAM, ops::create_stream::handle),
        operation(&op::DECREASE_STREAM_RETENTION_PERIOD, ops::decrease_stream_retention_period::handle),
        operation(&op::DELETE_RESOURCE_POLICY, ops::delete_resource_policy::handle),
        operation(&op::DELETE_STREAM, ops::delete_stream::handle),
        operation(&op::DEREGISTER_STREAM_CONSUMER, ops::deregister_stream_consumer::handle),
        operation(&op::DESCRIBE_ACCOUNT_SETTINGS, ops::describe_account_settings::handle),
        operation(&op::DESCRIBE_LIMITS, ops::describe_limits::handle),
        operation(&op::DESCRIBE_STREAM, ops::describe_stream::handle),
        operation(&op::DESCRIBE_STREAM_CONSUMER, ops::describe_stream_consumer::handle),
        operation(&op::DESCRIBE_STREAM_SUMMARY, ops::describe_stream_summary::handle),
        operation(&op::DISABLE_ENHANCED_MONITORING, ops::disable_enhanced_monitoring::handle),
        operation(&op::ENABLE_ENHANCED_MONITORING, ops::enable_enhanced_monitoring::handle),
        raw_operation(&op::GET_RECORDS, ops::get_records::handle),
        operation(&op::GET_RESOURCE_POLICY, ops::get_resource_policy::handle),
        operation(&op::GET_SHARD_ITERATOR, ops::get_shard_iterator::handle),
        operation(&op::INCREASE_STREAM_RETENTION_PERIOD, ops::increase_stream_retention_period::handle),
        operation(&op::LIST_SHARDS, ops::list_shards::handle),
        operation(&op::LIST_STREAM_CONSUMERS, ops::list_stream_consumers::handle),
        operation(&op::LIST_STREAMS, ops::list_streams::handle),
        operation(&op::LIST_TAGS_FOR_RESOURCE, ops::list_tags_for_resource::handle),
        operation(&op::LIST_TAGS_FOR_STREAM, ops::list_tags_for_stream::handle),
        operation(&op::MERGE_SHARDS, ops::merge_shards::handle),
        raw_operation(&op::PUT_RECORD, ops::put_record::handle),
        raw_operation(&op::PUT_RECORDS, ops::put_records::handle),
        operation(&op::PUT_RESOURCE_POLICY, ops::put_resource_policy::handle),
        operation(&op::REGISTER_STREAM_CONSUMER, ops::register_stream_consumer::handle),
        operation(&op::REMOVE_TAGS_FROM_STREAM, ops::remove_tags_from_stream::handle),
        operation(&op::SPLIT_SHARD, ops::split_shard::handle),
        stream_operation(&op::SUBSCRIBE_TO_SHARD, ops::subscribe_to_shard::handle),
        operation(&op::TAG_RESOURCE, ops::tag_resource::handle),
        operation(&op::UNTAG_RESOURCE, ops::untag_resource::handle),
        operation(&op::UPDATE_ACCOUNT_SETTINGS, ops::update_account_settings::handle),
        operation(&op::UPDATE_MAX_RECORD_SIZE, ops::update_max_record_size::handle),
        operation(&op::UPDATE_SHARD_COUNT, ops::update_shard_count::handle),
        operation(&op::UPDATE_STREAM_MODE, ops::update_stream_mode::handle),
        operation(&op::UPDATE_STREAM_WARM_THROUGHPUT, ops::update_stream_warm_throughput::handle),
    ]
}

#[cfg(test)]
mod tests;
