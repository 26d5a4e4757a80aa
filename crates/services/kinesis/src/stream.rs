//! Streams: what Kinesis knows of them besides their topic, and how requests name them.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws::{ApiError, Context};
use log::{Routes, TopicId};
use meta::{CommitError, Txn};
use names::{Arn, Scope};
use serde::{Deserialize, Serialize};

use crate::error::{from_log, from_meta, stream_not_found};
use crate::keys::KinesisKey;
use crate::model::{StreamMode, StreamModeDetails, error};
use crate::{Kinesis, limits};

/// The topic that holds a stream's records.
pub fn topic_id(scope: &Scope, stream: &str) -> TopicId {
    TopicId::new(scope.clone(), "stream", stream)
}

/// What is stored of a stream beside its topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StreamRecord {
    pub(crate) on_demand: bool,
    /// The largest partition key and data together.
    pub(crate) record_kib: u32,
    pub(crate) tags: BTreeMap<String, String>,
}

impl StreamRecord {
    pub(crate) fn mode_details(&self) -> StreamModeDetails {
        let stream_mode = if self.on_demand { StreamMode::OnDemand } else { StreamMode::Provisioned };
        StreamModeDetails { stream_mode }
    }
}

/// The record size of one incarnation of a stream.
pub(crate) struct RecordSize {
    incarnation: String,
    bytes_max: usize,
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
    let invalid = |why: &str| error::invalid_argument_exception(format!("{text} {why}."));
    let arn: Arn = text.parse().map_err(|_| invalid("is not an ARN"))?;
    let name = arn.resource.strip_prefix("stream/").filter(|name| !name.is_empty() && !name.contains('/'));
    let Some(name) = name.filter(|_| arn.service == "kinesis") else {
        return Err(invalid("is not the ARN of a stream"));
    };
    let region = &ctx.scope.region;
    if arn.region != region.as_str() || arn.partition != region.partition() {
        return Err(invalid(&format!("is not in region {region}")));
    }
    if arn.account != ctx.scope.account.as_str() {
        return Err(error::access_denied_exception(format!(
            "User: {} is not authorized to perform: {} on resource: {text} because no resource-based policy \
             allows the {} action",
            ctx.principal.arn,
            ctx.action(),
            ctx.action()
        )));
    }
    Ok(topic_id(&ctx.scope, name))
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
    ) -> Result<(), ApiError> {
        for _ in 0..ATTEMPTS_MAX {
            let key = KinesisKey::Stream(stream).key();
            let entry = self.meta.get(&key).await.map_err(from_meta)?;
            let entry = entry.ok_or_else(|| stream_not_found(stream))?;
            let mut record: StreamRecord = entry.json().map_err(from_meta)?;
            change(&mut record)?;
            let txn = Txn::new().require_revision(key.clone(), entry.revision).put_json(key, &record);
            match self.meta.commit(txn).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Conflict { .. }) => {}
                Err(CommitError::Meta(error)) => return Err(from_meta(error)),
            }
        }
        Err(error::resource_in_use_exception(format!(
            "Stream {} under account {} is being changed.",
            stream.name, stream.scope.account
        )))
    }

    /// The largest partition key and data together, in bytes.
    pub(crate) async fn record_bytes_max(
        &self,
        stream: &TopicId,
        routes: &Routes,
    ) -> Result<usize, ApiError> {
        if let Some(known) = self.record_sizes.read().get(stream)
            && known.incarnation == routes.incarnation
        {
            return Ok(known.bytes_max);
        }
        let bytes_max = self.record(stream).await?.record_kib as usize * 1024;
        let size = Arc::new(RecordSize { incarnation: routes.incarnation.clone(), bytes_max });
        let mut known = self.record_sizes.write();
        // Forgets deleted streams when there are many; those in use come back with their next put.
        if known.len() >= limits::SHARDS_MAX {
            known.clear();
        }
        known.insert(stream.clone(), size);
        Ok(bytes_max)
    }
}
