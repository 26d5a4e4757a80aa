//! Streams: what Kinesis knows of them besides their topic, and how requests name them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws::{ApiError, Context};
use log::{Routes, TopicId};
use meta::{CommitError, Txn};
use names::{Arn, Scope};
use rt::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Kinesis;
use crate::error::{from_log, from_meta, stream_not_found};
use crate::keys::KinesisKey;
use crate::model::{
    EnhancedMetrics, MetricsName, StreamMode, StreamModeDetails, WarmThroughputObject, error,
};
use crate::resource::Resource;

/// The topic that holds a stream's records.
pub fn topic_id(scope: &Scope, stream: &str) -> TopicId {
    TopicId::new(scope.clone(), "stream", stream)
}

/// What is stored of a stream beside its topic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StreamRecord {
    pub(crate) on_demand: bool,
    /// The largest partition key and data together.
    pub(crate) record_kib: u32,
    pub(crate) tags: BTreeMap<String, String>,
    /// Names of the shard-level metrics that are wanted.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) metrics: BTreeSet<String>,
    /// The resource policy as it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<String>,
    /// Of an on-demand stream: the shards it keeps at least, one for each MiB/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) warm_mibps: Option<u32>,
    /// When UpdateShardCount and UpdateStreamMode were called, as far back as their limits look.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) scalings: Vec<Timestamp>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) mode_changes: Vec<Timestamp>,
}

impl StreamRecord {
    pub(crate) fn mode_details(&self) -> StreamModeDetails {
        let stream_mode = if self.on_demand { StreamMode::OnDemand } else { StreamMode::Provisioned };
        StreamModeDetails { stream_mode }
    }

    pub(crate) fn enhanced_monitoring(&self) -> Vec<EnhancedMetrics> {
        vec![EnhancedMetrics { shard_level_metrics: Some(self.metric_names()) }]
    }

    pub(crate) fn metric_names(&self) -> Vec<MetricsName> {
        self.metrics.iter().filter_map(|name| name.parse().ok()).collect()
    }

    pub(crate) fn warm_throughput(&self) -> Option<WarmThroughputObject> {
        let mibps = i32::try_from(self.warm_mibps.filter(|_| self.on_demand)?).ok();
        Some(WarmThroughputObject { target_mi_bps: mibps, current_mi_bps: mibps })
    }
}

pub(crate) fn arn(stream: &TopicId) -> String {
    Arn::new("kinesis", &stream.scope, format!("stream/{}", stream.name)).to_string()
}

/// The stream that a request names by name, by ARN or by both. It need not exist.
pub(crate) fn named(ctx: &Context, name: Option<&str>, arn: Option<&str>) -> Result<TopicId, ApiError> {
    let by_arn = arn.map(|arn| of_arn(ctx, arn)).transpose()?;
    match (name, by_arn) {
        (None, Some(stream)) => Ok(stream),
        (Some(name), None) => Ok(topic_id(&ctx.scope, name)),
        (Some(name), Some(stream)) if stream.name == name => Ok(stream),
        (Some(name), Some(stream)) => Err(error::invalid_argument_exception(format!(
            "StreamName {name} and StreamARN {} do not name the same stream.",
            self::arn(&stream)
        ))),
        (None, None) => {
            Err(error::invalid_argument_exception("Either StreamName or StreamARN must be specified."))
        }
    }
}

/// The stream of an ARN in the caller's account and region.
pub(crate) fn of_arn(ctx: &Context, text: &str) -> Result<TopicId, ApiError> {
    match Resource::parse(ctx, text)? {
        Resource::Stream(stream) => Ok(stream),
        Resource::Consumer(_) => {
            Err(error::invalid_argument_exception(format!("{text} is not the ARN of a stream.")))
        }
    }
}

/// How often a change of a stream's record is tried when others change it too.
const ATTEMPTS_MAX: usize = 16;

impl Kinesis {
    /// Where the records of a stream go; an error if there is no such stream.
    pub(crate) fn routes(&self, stream: &TopicId) -> Result<Arc<Routes>, ApiError> {
        self.log.routes(stream).map_err(|error| from_log(stream, error))
    }

    pub(crate) async fn record(&self, stream: &TopicId) -> Result<StreamRecord, ApiError> {
        let entry = self.meta.get(&KinesisKey::Stream(stream).key()).await.map_err(from_meta)?;
        entry.ok_or_else(|| stream_not_found(stream))?.json().map_err(from_meta)
    }

    /// Changes what is stored of a stream, again if someone else changed it meanwhile.
    pub(crate) async fn change(
        &self,
        stream: &TopicId,
        change: impl Fn(&mut StreamRecord) -> Result<(), ApiError>,
    ) -> Result<StreamRecord, ApiError> {
        for _ in 0..ATTEMPTS_MAX {
            let key = KinesisKey::Stream(stream).key();
            let entry = self.meta.get(&key).await.map_err(from_meta)?;
            let entry = entry.ok_or_else(|| stream_not_found(stream))?;
            let mut record: StreamRecord = entry.json().map_err(from_meta)?;
            change(&mut record)?;
            let txn = Txn::new().require_revision(key.clone(), entry.revision).put_json(key, &record);
            match self.meta.commit(txn).await {
                Ok(revision) => {
                    if let Ok(routes) = self.log.routes(stream) {
                        self.remember(stream, &routes, &record, revision);
                    }
                    return Ok(record);
                }
                Err(CommitError::Conflict { .. }) => {}
                Err(CommitError::Meta(error)) => return Err(from_meta(error)),
            }
        }
        Err(error::resource_in_use_exception(format!(
            "Stream {} under account {} is being changed.",
            stream.name, stream.scope.account
        )))
    }
}
