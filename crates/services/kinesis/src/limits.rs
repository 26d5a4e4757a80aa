//! Quotas, each with its source.

use std::time::Duration;

/// Open shards of one account in one region. AWS: 20,000 in its largest regions.
pub(crate) const SHARDS_MAX: usize = 20_000;
/// Shards of one stream. AWS's quota is the account's; ours keeps a description in bounds.
pub(crate) const SHARDS_PER_STREAM_MAX: usize = 10_000;
/// On-demand streams of one account in one region. AWS: 50.
pub(crate) const ON_DEMAND_STREAMS_MAX: usize = 50;
/// Shards of a new on-demand stream. AWS: 4.
pub(crate) const ON_DEMAND_SHARDS: u32 = 4;
/// Shards that an on-demand stream grows to by itself. AWS: 10 GB/s in its largest regions.
pub(crate) const ON_DEMAND_SHARDS_MAX: usize = 10_000;
/// What one shard takes in a second. Developer guide, "Quotas and limits". Only with AWS's limits.
pub(crate) const WRITE_BYTES_PER_SECOND: u64 = 1 << 20;
pub(crate) const WRITE_RECORDS_PER_SECOND: u64 = 1000;
/// What one shard gives out in a second to GetRecords, and to each subscription. Likewise.
pub(crate) const READ_BYTES_PER_SECOND: u64 = 2 << 20;
/// GetRecords on one shard in a second. Likewise.
pub(crate) const READS_PER_SECOND: u64 = 5;
/// UpdateShardCount of one stream in 24 hours. API reference. Only with AWS's limits.
pub(crate) const SCALINGS_PER_DAY: usize = 10;
/// UpdateStreamMode of one stream in 24 hours. Developer guide. Only with AWS's limits.
pub(crate) const MODE_CHANGES_PER_DAY: usize = 2;
/// Consumers of one stream. API reference.
pub(crate) const CONSUMERS_MAX: usize = 20;
/// The same of an on-demand stream of an account with a throughput commitment. API reference.
pub(crate) const CONSUMERS_COMMITTED_MAX: usize = 50;
/// Consumers of one ListStreamConsumers unless it says otherwise. API reference.
pub(crate) const LISTED_CONSUMERS: usize = 100;
/// Bytes of a resource policy. IAM's limit for policies of this kind.
pub(crate) const POLICY_BYTES_MAX: usize = 20 << 10;
/// How long a throughput commitment lasts at least. Service model.
pub(crate) const COMMITMENT_LIFE: Duration = Duration::from_secs(24 * 3600);
/// How often a put is routed anew because its shards were closed under it.
pub(crate) const ROUTINGS_MAX: usize = 8;
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
/// SubscribeToShard of one consumer on one shard in a second. Likewise.
pub(crate) const SUBSCRIBES_PER_SECOND: u64 = 5;
/// How long a subscription lasts. API reference.
pub(crate) const SUBSCRIPTION_LIFE: Duration = Duration::from_secs(300);
/// How long a subscription is safe from being taken over. API reference.
pub(crate) const SUBSCRIPTION_HOLD: Duration = Duration::from_secs(5);
/// A subscription says at least so often where it is, also when nothing comes.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(5);
/// Keys and data of one event of a subscription.
pub(crate) const EVENT_BYTES_MAX: usize = 1 << 20;
/// Records of one event of a subscription.
pub(crate) const EVENT_RECORDS_MAX: usize = 10_000;
/// Pages of history that are read and written at once, of all streams: with both forms of the data, 200 MiB at
/// most.
pub(crate) const HISTORY_READS_MAX: usize = 8;
/// A page of history while somebody writes.
pub(crate) const COURTEOUS_BYTES_MAX: usize = 1 << 20;
