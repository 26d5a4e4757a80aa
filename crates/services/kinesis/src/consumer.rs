//! Registered consumers: the names under which subscriptions are held.

use std::collections::BTreeMap;

use aws::{ApiError, Context};
use log::TopicId;
use meta::{CommitError, Entry, Revision, Txn};
use rt::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Kinesis;
use crate::error::{from_meta, stream_not_found};
use crate::keys::KinesisKey;
use crate::limits::{CONSUMERS_COMMITTED_MAX, CONSUMERS_MAX};
use crate::model::{Consumer, ConsumerStatus, error};
use crate::resource::ConsumerName;
use crate::stream;

/// What is stored of a consumer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConsumerRecord {
    pub(crate) created: Timestamp,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tags: BTreeMap<String, String>,
    /// The resource policy as it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<String>,
}

/// A consumer as it was found.
pub(crate) struct Found {
    pub(crate) name: ConsumerName,
    pub(crate) record: ConsumerRecord,
    pub(crate) revision: Revision,
}

impl Found {
    pub(crate) fn describe(&self, consumer_status: ConsumerStatus) -> Consumer {
        Consumer {
            consumer_name: self.name.name.clone(),
            consumer_arn: self.name.arn(),
            consumer_status,
            consumer_creation_timestamp: self.record.created.into(),
        }
    }
}

/// How often a change of a consumer is tried when others change it too.
const ATTEMPTS_MAX: usize = 16;

pub(crate) fn not_found(name: &ConsumerName) -> ApiError {
    error::resource_not_found_exception(format!(
        "Consumer {}, account {} not found.",
        name.name, name.stream.scope.account
    ))
}

impl Kinesis {
    /// Stores a new consumer.
    pub(crate) async fn register(
        &self,
        stream: &TopicId,
        name: &str,
        record: ConsumerRecord,
        now: Timestamp,
    ) -> Result<Found, ApiError> {
        let _alone = self.registering.lock().await;
        let consumers = self.consumers(stream, None, CONSUMERS_COMMITTED_MAX + 1).await?;
        if consumers.iter().any(|consumer| consumer.name.name == name) {
            return Err(error::resource_in_use_exception(format!(
                "Consumer {name} of stream {} under account {} already exists.",
                stream.name, stream.scope.account
            )));
        }
        let committed = self.account(&stream.scope).await?.is_committed(now);
        let on_demand = self.record(stream).await?.on_demand;
        let limit = if committed && on_demand { CONSUMERS_COMMITTED_MAX } else { CONSUMERS_MAX };
        if consumers.len() >= limit {
            return Err(error::limit_exceeded_exception(format!(
                "Stream {} under account {} has {limit} registered consumers, which is the limit.",
                stream.name, stream.scope.account
            )));
        }
        let txn = Txn::new()
            .require_present(KinesisKey::Stream(stream).key())
            .put_json(KinesisKey::Consumer(stream, name).key(), &record);
        match self.meta.commit(txn).await {
            Ok(revision) => {
                Ok(Found { name: ConsumerName::new(stream, name, record.created), record, revision })
            }
            Err(CommitError::Conflict { .. }) => Err(stream_not_found(stream)),
            Err(CommitError::Meta(error)) => Err(from_meta(error)),
        }
    }

    /// The consumer of this name; one that was registered anew since is another.
    pub(crate) async fn consumer(&self, name: &ConsumerName) -> Result<Found, ApiError> {
        let found = self.consumer_called(&name.stream, &name.name).await?;
        found.filter(|found| found.name == *name).ok_or_else(|| not_found(name))
    }

    async fn consumer_called(&self, stream: &TopicId, name: &str) -> Result<Option<Found>, ApiError> {
        let entry = self.meta.get(&KinesisKey::Consumer(stream, name).key()).await.map_err(from_meta)?;
        entry.map(|entry| found(stream, name, &entry)).transpose()
    }

    /// The consumer that a request names by ARN, by stream and name, or by all of them.
    pub(crate) async fn consumer_named(
        &self,
        ctx: &Context,
        stream_arn: Option<&str>,
        name: Option<&str>,
        arn: Option<&str>,
    ) -> Result<Found, ApiError> {
        let by_arn = arn.map(|arn| ConsumerName::parse(ctx, arn)).transpose()?;
        let stream = stream_arn.map(|arn| stream::of_arn(ctx, arn)).transpose()?;
        let Some(by_arn) = by_arn else {
            let (Some(stream), Some(name)) = (stream, name) else {
                return Err(error::invalid_argument_exception(
                    "Either ConsumerARN or both StreamARN and ConsumerName must be specified.",
                ));
            };
            // An absent stream is the better answer than an absent consumer.
            self.routes(&stream)?;
            let missing =
                || not_found(&ConsumerName { stream: stream.clone(), name: name.to_owned(), created_s: 0 });
            return self.consumer_called(&stream, name).await?.ok_or_else(missing);
        };
        let fits = stream.is_none_or(|stream| stream == by_arn.stream)
            && name.is_none_or(|name| name == by_arn.name);
        if !fits {
            return Err(error::invalid_argument_exception(
                "StreamARN and ConsumerName do not name the consumer of ConsumerARN.",
            ));
        }
        self.consumer(&by_arn).await
    }

    /// Consumers of a stream in the order of their names.
    pub(crate) async fn consumers(
        &self,
        stream: &TopicId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Found>, ApiError> {
        let after = after.map(|name| KinesisKey::Consumer(stream, name).key());
        let entries = self.meta.scan(&KinesisKey::Consumers(stream).key(), after.as_ref(), limit).await;
        let entries = entries.map_err(from_meta)?;
        let named = entries.iter().filter_map(|entry| Some((entry.key.last_str()?, entry)));
        named.map(|(name, entry)| found(stream, &name, entry)).collect()
    }

    /// Changes what is stored of a consumer, again if someone else changed it meanwhile.
    pub(crate) async fn change_consumer(
        &self,
        name: &ConsumerName,
        change: impl Fn(&mut ConsumerRecord) -> Result<(), ApiError>,
    ) -> Result<(), ApiError> {
        let key = KinesisKey::Consumer(&name.stream, &name.name).key();
        for _ in 0..ATTEMPTS_MAX {
            let Found { mut record, revision, .. } = self.consumer(name).await?;
            change(&mut record)?;
            let txn = Txn::new().require_revision(key.clone(), revision).put_json(key.clone(), &record);
            match self.meta.commit(txn).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Conflict { .. }) => {}
                Err(CommitError::Meta(error)) => return Err(from_meta(error)),
            }
        }
        Err(error::resource_in_use_exception(format!("Consumer {} is being changed.", name.name)))
    }
}

fn found(stream: &TopicId, name: &str, entry: &Entry) -> Result<Found, ApiError> {
    let record: ConsumerRecord = entry.json().map_err(from_meta)?;
    let name = ConsumerName::new(stream, name, record.created);
    Ok(Found { name, record, revision: entry.revision })
}
