//! What PutRecord and PutRecords share: records to shards, shards to one append.

use std::collections::HashMap;
use std::time::Instant;

use aws::{ApiError, Context};
use bytes::Bytes;
use log::{Appended, Batch, LogError, NewRecord, Routes, TopicId};
use md5::{Digest, Md5};

use crate::error::from_log;
use crate::limits::{PUT_BYTES_MAX, ROUTINGS_MAX};
use crate::live::Live;
use crate::model::{PutRecordInput, PutRecordsInput, PutRecordsRequestEntry, error};
use crate::pace::Intake;
use crate::sequence::{SequenceNumber, ShardNumbers};
use crate::{Kinesis, stream};

/// A request to put, whichever decoder read it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PutRequest {
    pub(crate) stream_name: Option<String>,
    pub(crate) stream_arn: Option<String>,
    pub(crate) records: Vec<PutEntry>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PutEntry {
    pub(crate) key: Bytes,
    /// Instead of the key's hash.
    pub(crate) explicit_hash: Option<u128>,
    pub(crate) data: Bytes,
}

/// Where the records of a request went, or why none of them went anywhere.
pub(crate) struct Put {
    pub(crate) stream: TopicId,
    places: Vec<Place>,
    outcome: Result<Vec<(u32, Vec<SequenceNumber>)>, LogError>,
    /// The shard of each batch.
    shards: Vec<u32>,
    /// Records that their shard had no room for.
    pub(crate) throttled: usize,
}

/// What becomes of one record of a request.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// It goes out in a batch, at a place in it.
    Sent { batch: u32, place: u32 },
    /// Its shard takes in no more now.
    Throttled { shard: u32 },
}

/// What became of one record.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    Stored(u32, SequenceNumber),
    Throttled(u32),
}

impl PutEntry {
    fn hash(&self) -> u128 {
        self.explicit_hash.unwrap_or_else(|| u128::from_be_bytes(Md5::digest(&self.key).into()))
    }

    fn size(&self) -> usize {
        self.key.len() + self.data.len()
    }
}

impl Put {
    /// The shard of each record, in the order of the request.
    pub(crate) fn shards(&self) -> impl Iterator<Item = u32> {
        self.places.iter().map(|place| match *place {
            Place::Sent { batch, .. } => self.shards[batch as usize],
            Place::Throttled { shard } => shard,
        })
    }

    /// What became of each record, in the order of the request.
    pub(crate) fn fates(&self) -> Result<impl ExactSizeIterator<Item = Fate>, &LogError> {
        let batches = self.outcome.as_ref()?;
        Ok(self.places.iter().map(|place| match *place {
            Place::Sent { batch, place } => {
                let (shard, numbers) = &batches[batch as usize];
                Fate::Stored(*shard, numbers[place as usize])
            }
            Place::Throttled { shard } => Fate::Throttled(shard),
        }))
    }

    pub(crate) fn into_error(self) -> Option<LogError> {
        self.outcome.err()
    }
}

impl Kinesis {
    /// Appends the records of a request. An error says that the request was wrong; failures to append are
    /// told in the outcome.
    pub(crate) async fn put(&self, ctx: &Context, request: PutRequest) -> Result<Put, ApiError> {
        let stream = stream::named(ctx, request.stream_name.as_deref(), request.stream_arn.as_deref())?;
        let mut routes = self.routes(&stream)?;
        let live = self.live(&stream, &routes).await?;
        check_sizes(&request.records, live.record_bytes_max)?;
        let now = self.rt.instant();
        let limits = self.is_limited().then_some((&*live, now));
        let mut routed = Routed::new(&routes, request.records, limits);
        for _ in 0..ROUTINGS_MAX {
            match self.log.append_batches(&stream, &routed.batches).await {
                // The shard was split or merged. Nothing was written; the records go where they belong now.
                Err(LogError::PartitionClosed { .. } | LogError::Sealed) => {
                    routes = self.routes(&stream)?;
                    routed = routed.again(&routes);
                }
                Err(missing @ LogError::NoSuchTopic(_)) => return Err(from_log(&stream, missing)),
                Err(error) => return Ok(routed.into_put(stream, Err(error))),
                Ok(appended) => {
                    if live.on_demand {
                        routed.count(&live, now);
                    }
                    let numbers = appended.iter().map(|appended| number(&routes, appended)).collect();
                    return Ok(routed.into_put(stream, Ok(numbers)));
                }
            }
        }
        Ok(routed.into_put(stream, Err(LogError::Overloaded)))
    }
}

struct Routed {
    /// One for each shard that gets a record.
    batches: Vec<Batch>,
    places: Vec<Place>,
    /// Of each record, so that it can be routed again.
    hashes: Vec<u128>,
}

/// The batches of a request in the making.
struct Batches<'a> {
    routes: &'a Routes,
    batches: Vec<Batch>,
    by_shard: HashMap<u32, usize>,
    /// How many records are to be expected in a batch.
    expected: usize,
}

impl<'a> Batches<'a> {
    fn new(routes: &'a Routes, records: usize) -> Batches<'a> {
        let expected = records / routes.open_count().max(1) + 1;
        Batches { routes, batches: Vec::new(), by_shard: HashMap::new(), expected }
    }

    fn shard(&self, hash: u128) -> u32 {
        self.routes.partition(hash).expect("the open shards of a stream cover every hash")
    }

    fn push(&mut self, shard: u32, record: NewRecord) -> Place {
        let Batches { batches, by_shard, expected, .. } = self;
        let batch = *by_shard.entry(shard).or_insert_with(|| {
            batches.push(Batch { partition: shard, records: Vec::with_capacity(*expected) });
            batches.len() - 1
        });
        let records = &mut batches[batch].records;
        records.push(record);
        Place::Sent { batch: batch as u32, place: records.len() as u32 - 1 }
    }
}

impl Routed {
    fn new(routes: &Routes, records: Vec<PutEntry>, limits: Option<(&Live, Instant)>) -> Routed {
        let mut batches = Batches::new(routes, records.len());
        let mut places = Vec::with_capacity(records.len());
        let mut hashes = Vec::with_capacity(records.len());
        for entry in records {
            let hash = entry.hash();
            let shard = batches.shard(hash);
            let admitted = limits.is_none_or(|(live, now)| live.pace.admit_record(shard, entry.size(), now));
            hashes.push(hash);
            places.push(if admitted {
                batches.push(shard, NewRecord { key: entry.key, data: entry.data })
            } else {
                Place::Throttled { shard }
            });
        }
        Routed { batches: batches.batches, places, hashes }
    }

    /// The same records in the same order, by other routes.
    fn again(mut self, routes: &Routes) -> Routed {
        let mut batches = Batches::new(routes, self.places.len());
        for (place, hash) in self.places.iter_mut().zip(&self.hashes) {
            if let Place::Sent { batch, place: at } = *place {
                let record = std::mem::take(&mut self.batches[batch as usize].records[at as usize]);
                *place = batches.push(batches.shard(*hash), record);
            }
        }
        Routed { batches: batches.batches, ..self }
    }

    fn count(&self, live: &Live, now: Instant) {
        for batch in &self.batches {
            let bytes =
                batch.records.iter().map(|record| (record.key.len() + record.data.len()) as u64).sum();
            let intake = Intake { bytes, records: batch.records.len() as u64 };
            live.pace.count(batch.partition, intake, now);
        }
    }

    fn into_put(self, stream: TopicId, outcome: Result<Vec<(u32, Vec<SequenceNumber>)>, LogError>) -> Put {
        let shards = self.batches.iter().map(|batch| batch.partition).collect();
        let throttled = self.places.iter().filter(|place| matches!(place, Place::Throttled { .. })).count();
        Put { stream, places: self.places, outcome, shards, throttled }
    }
}

fn number(routes: &Routes, appended: &Appended) -> (u32, Vec<SequenceNumber>) {
    let created = routes.created(appended.partition).unwrap_or_default();
    let first = ShardNumbers::new(appended.partition, created).record(appended.first, appended.at);
    let numbers = std::iter::successors(Some(first), |number| Some(number.next()));
    (appended.partition, numbers.take(appended.count as usize).collect())
}

fn check_sizes(records: &[PutEntry], bytes_max: usize) -> Result<(), ApiError> {
    if let Some(large) = records.iter().map(PutEntry::size).find(|size| *size > bytes_max) {
        return Err(error::invalid_argument_exception(format!(
            "Record size of {large} bytes exceeds the maximum record size of {bytes_max} bytes."
        )));
    }
    if records.iter().map(PutEntry::size).sum::<usize>() > PUT_BYTES_MAX {
        return Err(error::invalid_argument_exception("Records size exceeds 10 MB limit"));
    }
    Ok(())
}

impl TryFrom<PutRecordsInput> for PutRequest {
    type Error = ApiError;

    fn try_from(input: PutRecordsInput) -> Result<PutRequest, ApiError> {
        let records = input.records.into_iter().enumerate().map(|(index, record)| {
            let PutRecordsRequestEntry { data, explicit_hash_key, partition_key } = record;
            let member = || format!("records.{}.member.partitionKey", index + 1);
            entry(partition_key, member, explicit_hash_key, data.into_bytes())
        });
        Ok(PutRequest {
            records: records.collect::<Result<_, _>>()?,
            stream_name: input.stream_name,
            stream_arn: input.stream_arn,
        })
    }
}

impl TryFrom<PutRecordInput> for PutRequest {
    type Error = ApiError;

    fn try_from(input: PutRecordInput) -> Result<PutRequest, ApiError> {
        let member = || "partitionKey".to_owned();
        let entry = entry(input.partition_key, member, input.explicit_hash_key, input.data.into_bytes())?;
        Ok(PutRequest { records: vec![entry], stream_name: input.stream_name, stream_arn: input.stream_arn })
    }
}

fn entry(
    key: Option<String>,
    member: impl Fn() -> String,
    explicit_hash_key: Option<String>,
    data: Bytes,
) -> Result<PutEntry, ApiError> {
    // Optional in the model only for a record distribution that ignores keys, which no stream here has.
    let key = key.ok_or_else(|| {
        error::validation_exception(format!(
            "1 validation error detected: Value null at '{}' failed to satisfy constraint: Member must not be null",
            member()
        ))
    })?;
    let explicit_hash = explicit_hash_key.map(|text| explicit_hash(&text)).transpose()?;
    Ok(PutEntry { key: key.into(), explicit_hash, data })
}

fn explicit_hash(text: &str) -> Result<u128, ApiError> {
    text.parse().map_err(|_| {
        error::invalid_argument_exception(format!(
            "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was {text}"
        ))
    })
}
