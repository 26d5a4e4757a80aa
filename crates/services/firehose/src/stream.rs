//! The record of a delivery stream: what no engine keeps.

use std::collections::BTreeMap;

use aws::{ApiError, Context};
use flow::{FlowError, FlowId, FlowSpec};
use log::TopicId;
use meta::{Revision, Txn};
use names::{Arn, Scope};
use rt::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Firehose;
use crate::destinations::Destination;
use crate::error::{flow_error, meta_error, not_found};
use crate::keys;
use crate::limits::TAGS_MAX;
use crate::model::{DeliveryStreamType, Tag, error};

/// How often a change of tags is tried when others change them at the same time.
const COMMIT_ATTEMPTS_MAX: usize = 16;

/// The tag that says whether queries see records before they are in files: `true` or `false`. Without it, those of
/// a Kinesis stream are seen.
const LIVE_TAG: &str = "mulgil:live";

pub(crate) const DESTINATION_ID: &str = "destinationId-000000000001";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stream {
    pub(crate) name: String,
    pub(crate) version: u64,
    pub(crate) created: Timestamp,
    pub(crate) updated: Option<Timestamp>,
    pub(crate) source: Source,
    /// As it was given: what the API returns.
    pub(crate) destination: Destination,
    pub(crate) tags: BTreeMap<String, Option<String>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Source {
    DirectPut { throughput_hint: Option<i32> },
    Kinesis { stream_arn: String, role_arn: String },
}

impl Source {
    pub(crate) fn kind(&self) -> DeliveryStreamType {
        match self {
            Source::DirectPut { .. } => DeliveryStreamType::DirectPut,
            Source::Kinesis { .. } => DeliveryStreamType::KinesisStreamAsSource,
        }
    }
}

impl Stream {
    /// Whether queries see records before they are in files.
    pub(crate) fn live(&self) -> bool {
        match self.tags.get(LIVE_TAG).and_then(Option::as_deref) {
            Some(value) => value == "true",
            None => matches!(self.source, Source::Kinesis { .. }),
        }
    }
}

/// The delivery behind a delivery stream.
pub(crate) fn flow_id(scope: &Scope, name: &str) -> FlowId {
    FlowId::new(scope.clone(), name)
}

/// Where records of direct puts wait.
pub(crate) fn topic_id(scope: &Scope, name: &str) -> TopicId {
    TopicId::new(scope.clone(), "delivery", name)
}

pub(crate) fn arn(scope: &Scope, name: &str) -> String {
    Arn::new("firehose", scope, format!("deliverystream/{name}")).to_string()
}

impl Firehose {
    /// The record, or the error that says it does not exist.
    pub(crate) async fn stream(&self, ctx: &Context, name: &str) -> Result<Stream, ApiError> {
        Ok(self.stream_entry(ctx, name).await?.0)
    }

    pub(crate) async fn stream_entry(
        &self,
        ctx: &Context,
        name: &str,
    ) -> Result<(Stream, Revision), ApiError> {
        let entry = self.meta.get(&keys::stream(&ctx.scope, name)).await.map_err(meta_error)?;
        let entry = entry.ok_or_else(|| not_found(&ctx.scope, name))?;
        Ok((entry.json().map_err(meta_error)?, entry.revision))
    }

    /// Changes the tags, alone or not at all.
    pub(crate) async fn change_tags(
        &self,
        ctx: &Context,
        name: &str,
        change: impl Fn(&mut BTreeMap<String, Option<String>>),
    ) -> Result<(), ApiError> {
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let (mut stream, revision) = self.stream_entry(ctx, name).await?;
            let live = stream.live();
            change(&mut stream.tags);
            check_tags(&stream.tags)?;
            let key = keys::stream(&ctx.scope, name);
            let txn = Txn::new().require_revision(key.clone(), revision).put_json(key, &stream);
            let changed = if stream.live() == live {
                self.meta.commit(txn).await.map(drop).map_err(FlowError::from)
            } else {
                self.show_live(&flow_id(&ctx.scope, name), stream.live(), txn).await
            };
            match changed {
                Ok(()) => return Ok(()),
                Err(FlowError::Conflict) => {}
                Err(error) => return Err(flow_error(&ctx.scope, name, error)),
            }
        }
        let message = format!("Firehose {name} is being changed by others. Please try again later.");
        Err(error::resource_in_use_exception(message))
    }
}

impl Firehose {
    async fn show_live(&self, id: &FlowId, live: bool, record: Txn) -> Result<(), FlowError> {
        let spec = FlowSpec { live, ..self.flow.spec(id).await? };
        self.flow.update_with(id, &spec, record).await
    }
}

pub(crate) fn tags(list: Vec<Tag>) -> Result<BTreeMap<String, Option<String>>, ApiError> {
    let tags = list.into_iter().map(|tag| (tag.key, tag.value)).collect();
    check_tags(&tags)?;
    Ok(tags)
}

fn check_tags(tags: &BTreeMap<String, Option<String>>) -> Result<(), ApiError> {
    if tags.len() > TAGS_MAX {
        let message = format!("A delivery stream can have at most {TAGS_MAX} tags.");
        return Err(error::limit_exceeded_exception(message));
    }
    if let Some(value) =
        tags.get(LIVE_TAG).filter(|value| !matches!(value.as_deref(), Some("true" | "false")))
    {
        let value = value.as_deref().unwrap_or_default();
        let message = format!("The tag {LIVE_TAG} must be true or false and is '{value}'.");
        return Err(error::invalid_argument_exception(message));
    }
    Ok(())
}
