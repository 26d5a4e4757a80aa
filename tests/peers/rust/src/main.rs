//! The conversation of ../README.md with the AWS SDK for Rust.

use std::collections::{HashMap, HashSet, VecDeque};
use std::error::Error;
use std::time::{Duration, SystemTime};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_kinesis::error::ProvideErrorMetadata;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{
    ChildShard, ConsumerStatus, PutRecordsRequestEntry, Record, ScalingType, Shard, ShardIteratorType,
    StartingPosition, StreamStatus, SubscribeToShardEventStream,
};
use serde_json::{Value, json};

type Answer<T = Value> = Result<T, Box<dyn Error>>;

const POLL: Duration = Duration::from_millis(20);
const POLLS_MAX: usize = 1500;
const READS_MAX: usize = 500;
const MIDDLE: &str = "170141183460469231731687303715884105728";
const DAY: Duration = Duration::from_secs(86_400);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Answer<()> {
    let variable = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
    let credentials =
        Credentials::new(variable("AWS_ACCESS_KEY_ID")?, variable("AWS_SECRET_ACCESS_KEY")?, None, None, "environment");
    let config = aws_sdk_kinesis::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(variable("AWS_ENDPOINT_URL")?)
        .region(Region::new(variable("AWS_REGION")?))
        .credentials_provider(credentials)
        .retry_config(RetryConfig::disabled())
        .build();
    let peer = Peer(Client::from_conf(config));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (stem, steps) = arguments.split_first().ok_or("peer STREAM STEP…")?;
    for step in steps {
        let stream = format!("{stem}-{step}");
        let mut seen = match step.as_str() {
            "put-get" => peer.put_get(&stream).await?,
            "subscribe" => peer.subscribe(&stream).await?,
            "reshard" => peer.reshard(&stream).await?,
            _ => return Err(format!("there is no step {step}").into()),
        };
        seen["step"] = json!(step);
        println!("{seen}");
        peer.0.delete_stream().stream_name(stream).enforce_consumer_deletion(true).send().await?;
    }
    Ok(())
}

struct Peer(Client);

impl Peer {
    async fn create(&self, stream: &str, shards: i32) -> Answer<String> {
        self.0.create_stream().stream_name(stream).shard_count(shards).send().await?;
        self.active(stream).await
    }

    /// Waits until the stream is active; its ARN.
    async fn active(&self, stream: &str) -> Answer<String> {
        for _ in 0..POLLS_MAX {
            let seen = self.0.describe_stream_summary().stream_name(stream).send().await?;
            let summary = seen.stream_description_summary().ok_or("no summary")?;
            if *summary.stream_status() == StreamStatus::Active {
                return Ok(summary.stream_arn().to_owned());
            }
            tokio::time::sleep(POLL).await;
        }
        Err(format!("gave up waiting until {stream} is active").into())
    }

    async fn put(&self, stream: &str, from: usize, count: usize, keys: usize) -> Answer<Option<i32>> {
        let records = (from..from + count).map(|n| {
            PutRecordsRequestEntry::builder()
                .partition_key(format!("key-{}", n % keys))
                .data(Blob::new(format!("record-{n}")))
                .build()
        });
        let records = records.collect::<Result<Vec<_>, _>>()?;
        let seen = self.0.put_records().stream_name(stream).set_records(Some(records)).send().await?;
        Ok(seen.failed_record_count())
    }

    async fn shards(&self, stream: &str) -> Answer<Vec<Shard>> {
        Ok(self.0.list_shards().stream_name(stream).send().await?.shards().to_vec())
    }

    /// Reads a shard from its oldest record until it ends or nothing is left to read.
    async fn read(&self, stream: &str, shard: &str) -> Answer<(Vec<Record>, Vec<ChildShard>, bool)> {
        let (mut records, start) = (Vec::new(), ShardIteratorType::TrimHorizon);
        let seen = self.0.get_shard_iterator().stream_name(stream).shard_id(shard).shard_iterator_type(start);
        let mut iterator = seen.send().await?.shard_iterator().ok_or("no iterator")?.to_owned();
        for _ in 0..READS_MAX {
            let seen = self.0.get_records().shard_iterator(&iterator).send().await?;
            records.extend_from_slice(seen.records());
            match seen.next_shard_iterator() {
                None => return Ok((records, seen.child_shards().to_vec(), true)),
                Some(next) => next.clone_into(&mut iterator),
            }
            if seen.records().is_empty() && seen.millis_behind_latest() == Some(0) {
                break;
            }
        }
        Ok((records, Vec::new(), false))
    }

    async fn put_get(&self, stream: &str) -> Answer {
        self.create(stream, 2).await?;
        let binary = Blob::new((0..=255).collect::<Vec<u8>>());
        self.0.put_record().stream_name(stream).partition_key("binary").data(binary.clone()).send().await?;
        let failed = self.put(stream, 0, 100, 7).await?;
        let (mut ids, mut records) = (Vec::new(), Vec::new());
        for shard in self.shards(stream).await? {
            records.extend(self.read(stream, shard.shard_id()).await?.0);
            ids.push(shard.shard_id().to_owned());
        }
        let at = records.iter().position(|r| r.partition_key() == Some("binary")).ok_or("no binary record")?;
        let first = records.remove(at);
        let arrived = SystemTime::try_from(*first.approximate_arrival_timestamp().ok_or("no arrival")?)?;
        let recent = arrived.elapsed().map_or_else(|early| early.duration() < DAY, |age| age < DAY);
        let missing = self.0.put_record().stream_name("no-such-stream").partition_key("k").data(binary).send().await;
        let bad = self.0.get_records().shard_iterator("no-such-iterator").send().await;
        Ok(json!({
            "shards": ids,
            "failed": failed,
            "binary": first.data().as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
            "records": pairs(&records),
            "recent": recent,
            "missingStream": missing.err().as_ref().and_then(ProvideErrorMetadata::code),
            "badIterator": bad.err().as_ref().and_then(ProvideErrorMetadata::code),
        }))
    }

    async fn consumer_active(&self, arn: &str) -> Answer<String> {
        for _ in 0..POLLS_MAX {
            let seen = self.0.describe_stream_consumer().consumer_arn(arn).send().await?;
            let consumer = seen.consumer_description().ok_or("no description")?;
            if *consumer.consumer_status() == ConsumerStatus::Active {
                return Ok(consumer.consumer_status().to_string());
            }
            tokio::time::sleep(POLL).await;
        }
        Err("gave up waiting until the consumer is active".into())
    }

    async fn subscribe(&self, stream: &str) -> Answer {
        let arn = self.create(stream, 1).await?;
        self.put(stream, 0, 20, 5).await?;
        let registered = self.0.register_stream_consumer().stream_arn(&arn).consumer_name("peer").send().await?;
        let consumer = registered.consumer().ok_or("no consumer")?.consumer_arn().to_owned();
        let status = self.consumer_active(&consumer).await?;
        let start = StartingPosition::builder().r#type(ShardIteratorType::TrimHorizon).build()?;
        let subscription = self.0.subscribe_to_shard().consumer_arn(&consumer).starting_position(start);
        let shard = self.shards(stream).await?[0].shard_id().to_owned();
        let mut events = subscription.shard_id(shard).send().await?.event_stream;
        let (mut texts, mut continues, mut behind, mut more) = (Vec::new(), true, None, false);
        while let Some(event) = events.recv().await? {
            let SubscribeToShardEventStream::SubscribeToShardEvent(event) = event else { continue };
            texts.extend(event.records().iter().map(text));
            continues &= !event.continuation_sequence_number().is_empty();
            behind = Some(event.millis_behind_latest());
            if texts.len() >= 20 && !more {
                more = true;
                self.put(stream, 20, 20, 5).await?;
            }
            if texts.len() >= 40 {
                break;
            }
        }
        drop(events);
        self.0.deregister_stream_consumer().consumer_arn(&consumer).send().await?;
        let mut left = Vec::new();
        for _ in 0..POLLS_MAX {
            let seen = self.0.list_stream_consumers().stream_arn(&arn).send().await?;
            left = seen.consumers().iter().map(|c| c.consumer_name().to_owned()).collect();
            if left.is_empty() {
                break;
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(json!({"status": status, "texts": texts, "continues": continues, "behind": behind, "consumers": left}))
    }

    async fn walk(&self, stream: &str, family: &[Shard]) -> Answer<(Vec<Record>, Vec<String>)> {
        let parents: HashMap<_, _> = family.iter().map(|shard| (shard.shard_id(), parents(shard))).collect();
        let mut queue = VecDeque::from([family[0].shard_id().to_owned()]);
        let (mut done, mut records, mut ended) = (HashSet::new(), Vec::new(), Vec::new());
        while let Some(shard) = queue.pop_front() {
            let (seen, children, at_end) = self.read(stream, &shard).await?;
            records.extend(seen);
            done.insert(shard.clone());
            if at_end {
                ended.push(shard);
            }
            for child in children {
                let child = child.shard_id().to_owned();
                if parents[child.as_str()].iter().all(|p| done.contains(*p)) && !queue.contains(&child) {
                    queue.push_back(child);
                }
            }
        }
        Ok((records, ended))
    }

    async fn reshard(&self, stream: &str) -> Answer {
        self.create(stream, 1).await?;
        self.put(stream, 0, 20, 5).await?;
        let root = self.shards(stream).await?[0].shard_id().to_owned();
        self.0.split_shard().stream_name(stream).shard_to_split(root).new_starting_hash_key(MIDDLE).send().await?;
        self.active(stream).await?;
        self.put(stream, 20, 20, 5).await?;
        let open: Vec<_> = self.shards(stream).await?.into_iter().filter(is_open).collect();
        let merge = self.0.merge_shards().stream_name(stream).shard_to_merge(open[0].shard_id());
        merge.adjacent_shard_to_merge(open[1].shard_id()).send().await?;
        self.active(stream).await?;
        self.put(stream, 40, 20, 5).await?;
        let scale = self.0.update_shard_count().stream_name(stream).target_shard_count(2);
        scale.scaling_type(ScalingType::UniformScaling).send().await?;
        self.active(stream).await?;
        self.put(stream, 60, 20, 5).await?;
        let family = self.shards(stream).await?;
        let (records, ended) = self.walk(stream, &family).await?;
        let lineage: Vec<_> =
            family.iter().map(|s| [Some(s.shard_id()), s.parent_shard_id(), s.adjacent_parent_shard_id()]).collect();
        let open: Vec<_> = family.iter().filter(|shard| is_open(shard)).map(Shard::shard_id).collect();
        Ok(json!({"records": pairs(&records), "ended": ended, "lineage": lineage, "open": open}))
    }
}

fn text(record: &Record) -> String {
    String::from_utf8_lossy(record.data().as_ref()).into_owned()
}

fn pairs(records: &[Record]) -> Vec<[String; 2]> {
    records.iter().map(|record| [record.partition_key().unwrap_or_default().to_owned(), text(record)]).collect()
}

fn is_open(shard: &Shard) -> bool {
    shard.sequence_number_range().is_some_and(|range| range.ending_sequence_number().is_none())
}

fn parents(shard: &Shard) -> Vec<&str> {
    shard.parent_shard_id().into_iter().chain(shard.adjacent_parent_shard_id()).collect()
}
