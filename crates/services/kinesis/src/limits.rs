//! Quotas, each with its source. AWS's throughput per shard is not enforced.

use std::time::Duration;

/// Open shards of one account in one region. AWS: 20,000 in its largest regions.
pub(crate) const SHARDS_MAX: usize = 20_000;
/// Shards of one stream. AWS's quota is the account's; ours keeps a description in bounds.
pub(crate) const SHARDS_PER_STREAM_MAX: usize = 10_000;
/// On-demand streams of one account in one region. AWS: 50.
pub(crate) const ON_DEMAND_STREAMS_MAX: usize = 50;
/// Shards of a new on-demand stream. AWS: 4.
pub(crate) const ON_DEMAND_SHARDS: u32 = 4;
/// Tags of one stream. Developer guide, "Tag your resources".
pub(crate) const TAGS_MAX: usize = 50;
/// The largest partition key and data together unless the stream says otherwise. `MaxRecordSizeInKiB`.
pub(crate) const RECORD_KIB: u32 = 1024;
/// Partition keys and data of one PutRecords. API reference.
pub(crate) const PUT_BYTES_MAX: usize = 10 << 20;
/// Records of one PutRecords. Service model.
pub(crate) const PUT_RECORDS_MAX: usize = 500;
/// Characters of a partition key. Service model.
pub(crate) const PARTITION_KEY_CHARS_MAX: usize = 256;
/// Data of one record. Service model.
pub(crate) const DATA_BYTES_MAX: usize = 10 << 20;
/// Partition keys and data of one GetRecords. API reference.
pub(crate) const GET_BYTES_MAX: usize = 10 << 20;
/// Records of one GetRecords. API reference.
pub(crate) const GET_RECORDS_MAX: usize = 10_000;
/// Retention in hours. API reference.
pub(crate) const RETENTION_HOURS_MIN: i32 = 24;
pub(crate) const RETENTION_HOURS_MAX: i32 = 8760;
/// How long a shard iterator is good. API reference.
pub(crate) const ITERATOR_LIFE: Duration = Duration::from_secs(300);
/// How long the continuation of a list of shards is good. API reference.
pub(crate) const TOKEN_LIFE: Duration = Duration::from_secs(300);
/// Shards of one DescribeStream unless it says otherwise. API reference.
pub(crate) const DESCRIBED_SHARDS: usize = 100;
/// Shards of one ListShards, at most and unless it says otherwise. API reference.
pub(crate) const LISTED_SHARDS_MAX: usize = 1000;
/// Streams of one ListStreams, at most and unless it says otherwise. API reference.
pub(crate) const LISTED_STREAMS_MAX: usize = 100;
/// Tags of one ListTagsForStream, at most and unless it says otherwise. Service model.
pub(crate) const LISTED_TAGS_MAX: usize = 50;
