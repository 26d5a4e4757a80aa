//! What PutRecord and PutRecords share: records to shards, shards to one append.

use std::collections::HashMap;

use aws::{ApiError, Context};
use bytes::Bytes;
use log::{Appended, Batch, LogError, NewRecord, Routes, TopicId};
use md5::{Digest, Md5};

use crate::error::from_log;
use crate::limits::PUT_BYTES_MAX;
use crate::model::{PutRecordInput, PutRecordsInput, PutRecordsRequestEntry, error};
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
    /// For each record its batch and its place in the batch.
    places: Vec<(usize, usize)>,
    outcome: Result<Vec<(u32, Vec<SequenceNumber>)>, LogError>,
    /// The shard of each batch.
    shards: Vec<u32>,
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
        self.places.iter().map(|(batch, _)| self.shards[*batch])
    }

    /// Shard and sequence number of each record, in the order of the request.
    pub(crate) fn placed(&self) -> Result<impl Iterator<Item = (u32, SequenceNumber)>, &LogError> {
        let batches = self.outcome.as_ref()?;
        Ok(self.places.iter().map(|(batch, place)| (batches[*batch].0, batches[*batch].1[*place])))
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
        let routes = self.routes(&stream)?;
        let bytes_max = self.record_bytes_max(&stream, &routes).await?;
        check_sizes(&request.records, bytes_max)?;
        let Routed { batches, places } = route(&routes, request.records);
        let shards = batches.iter().map(|batch| batch.partition).collect();
        let outcome = match self.log.append(&stream, batches).await {
            Ok(appended) => Ok(appended.iter().map(|appended| number(&routes, appended)).collect()),
            Err(missing @ LogError::NoSuchTopic(_)) => return Err(from_log(&stream, missing)),
            Err(error) => Err(error),
        };
        Ok(Put { stream, places, outcome, shards })
    }
}

struct Routed {
    batches: Vec<Batch>,
    places: Vec<(usize, usize)>,
}

/// One batch for each shard that gets a record.
fn route(routes: &Routes, records: Vec<PutEntry>) -> Routed {
    let mut batches: Vec<Batch> = Vec::new();
    let mut by_shard = HashMap::new();
    let count = records.len();
    let mut places = Vec::with_capacity(count);
    for entry in records {
        let shard = routes.partition(entry.hash()).expect("the open shards of a stream cover every hash");
        let batch = *by_shard.entry(shard).or_insert_with(|| {
            let records = Vec::with_capacity(count / routes.open_count().max(1) + 1);
            batches.push(Batch { partition: shard, records });
            batches.len() - 1
        });
        let records = &mut batches[batch].records;
        places.push((batch, records.len()));
        records.push(NewRecord { key: entry.key, data: entry.data });
    }
    Routed { batches, places }
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
