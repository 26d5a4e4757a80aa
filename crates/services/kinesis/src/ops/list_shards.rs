use std::sync::Arc;

use aws::{ApiError, Context};
use log::{Partition, Topic, TopicId};
use rt::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{from_log, stream_not_found};
use crate::limits::{LISTED_SHARDS_MAX, TOKEN_LIFE};
use crate::model::{ListShardsInput, ListShardsOutput, ShardFilter, ShardFilterType, error};
use crate::{Kinesis, shard, stream};

/// Where a list goes on. What was asked for is in it, so that the caller need not say it again.
#[derive(Debug, Serialize, Deserialize)]
struct Continuation {
    stream: String,
    incarnation: String,
    after: u32,
    keep: Keep,
    issued: Timestamp,
}

/// Which shards are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Keep {
    All,
    Open,
    /// Open at that time.
    OpenAt(Timestamp),
    /// Open then or later.
    OpenSince(Timestamp),
}

impl Keep {
    fn takes(self, partition: &Partition) -> bool {
        match self {
            Keep::All => true,
            Keep::Open => partition.closed_at.is_none(),
            Keep::OpenAt(at) => partition.created <= at && partition.closed.is_none_or(|closed| closed >= at),
            Keep::OpenSince(at) => partition.closed.is_none_or(|closed| closed >= at),
        }
    }
}

struct Listing {
    stream: TopicId,
    topic: Topic,
    after: Option<u32>,
    keep: Keep,
}

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: ListShardsInput,
) -> Result<ListShardsOutput, ApiError> {
    let limit = input.max_results.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(LISTED_SHARDS_MAX);
    let Listing { stream, topic, after, keep } = match &input.next_token {
        Some(token) => continued(&ctx, &svc, &input, token).await?,
        None => begun(&ctx, &svc, &input).await?,
    };
    let wanted =
        |partition: &&Partition| after.is_none_or(|after| partition.index > after) && keep.takes(partition);
    let mut rest = topic.partitions.iter().filter(wanted).peekable();
    let page: Vec<_> = rest.by_ref().take(limit.min(LISTED_SHARDS_MAX)).collect();
    let last = page.last().filter(|_| rest.peek().is_some());
    let next_token = last.map(|last| {
        let incarnation = topic.incarnation.clone();
        aws::paging::encode(&Continuation {
            stream: stream.name,
            incarnation,
            after: last.index,
            keep,
            issued: ctx.now,
        })
    });
    Ok(ListShardsOutput { shards: Some(page.into_iter().map(shard::describe).collect()), next_token })
}

async fn begun(ctx: &Context, svc: &Kinesis, input: &ListShardsInput) -> Result<Listing, ApiError> {
    let stream = stream::named(ctx, input.stream_name.as_deref(), input.stream_arn.as_deref())?;
    let topic = svc.log.topic(&stream).await.map_err(|error| from_log(&stream, error))?;
    // Seconds are what clients keep of the creation's time.
    if let Some(created) = input.stream_creation_timestamp
        && created.as_millis() / 1000 != topic.created.as_millis() / 1000
    {
        return Err(stream_not_found(&stream));
    }
    let after = input.exclusive_start_shard_id.as_deref();
    let mut after = after.map(|id| shard::parse_start(&stream, id)).transpose()?;
    let keep = match &input.shard_filter {
        None => Keep::All,
        Some(filter) => {
            if filter.type_ == ShardFilterType::AfterShardId {
                after = after.max(Some(shard::parse_start(&stream, shard_id_of(filter)?)?));
            }
            keep(filter, trim_horizon(&topic, ctx.now))?
        }
    };
    Ok(Listing { stream, topic, after, keep })
}

async fn continued(
    ctx: &Context,
    svc: &Kinesis,
    input: &ListShardsInput,
    token: &str,
) -> Result<Listing, ApiError> {
    let others = [
        ("StreamName", input.stream_name.is_some()),
        ("StreamCreationTimestamp", input.stream_creation_timestamp.is_some()),
        ("ExclusiveStartShardId", input.exclusive_start_shard_id.is_some()),
        ("ShardFilter", input.shard_filter.is_some()),
    ];
    if let Some((other, _)) = others.into_iter().find(|(_, given)| *given) {
        return Err(error::invalid_argument_exception(format!(
            "NextToken and {other} cannot be provided together."
        )));
    }
    let invalid = || error::invalid_argument_exception("Invalid NextToken.");
    let from: Continuation = aws::paging::decode(token).ok_or_else(invalid)?;
    if ctx.now.saturating_since(from.issued) > TOKEN_LIFE {
        return Err(error::expired_next_token_exception("The NextToken has expired."));
    }
    if let Some(arn) = &input.stream_arn
        && stream::of_arn(ctx, arn)?.name != from.stream
    {
        return Err(invalid());
    }
    let stream = stream::topic_id(&ctx.scope, &from.stream);
    let topic = svc.log.topic(&stream).await.map_err(|error| from_log(&stream, error))?;
    if topic.incarnation != from.incarnation {
        return Err(stream_not_found(&stream));
    }
    Ok(Listing { stream, topic, after: Some(from.after), keep: from.keep })
}

/// The time of the oldest record there may be.
fn trim_horizon(topic: &Topic, now: Timestamp) -> Timestamp {
    now.minus(topic.retention).max(topic.created)
}

fn keep(filter: &ShardFilter, trim_horizon: Timestamp) -> Result<Keep, ApiError> {
    let given = [("ShardId", filter.shard_id.is_some()), ("Timestamp", filter.timestamp.is_some())];
    let (takes, keep) = match filter.type_ {
        ShardFilterType::AfterShardId => ("ShardId", Keep::All),
        ShardFilterType::FromTrimHorizon => ("", Keep::All),
        ShardFilterType::AtTrimHorizon => ("", Keep::OpenAt(trim_horizon)),
        ShardFilterType::AtLatest => ("", Keep::Open),
        ShardFilterType::FromTimestamp => {
            ("Timestamp", Keep::OpenSince(timestamp_of(filter)?.max(trim_horizon)))
        }
        ShardFilterType::AtTimestamp => ("Timestamp", Keep::OpenAt(timestamp_of(filter)?)),
    };
    match given.into_iter().find(|(name, given)| *given && *name != takes) {
        Some((name, _)) => Err(error::invalid_argument_exception(format!(
            "{name} cannot be specified with ShardFilter type {}.",
            filter.type_.as_str()
        ))),
        None => Ok(keep),
    }
}

fn shard_id_of(filter: &ShardFilter) -> Result<&str, ApiError> {
    filter.shard_id.as_deref().ok_or_else(|| required("ShardId", filter.type_))
}

fn timestamp_of(filter: &ShardFilter) -> Result<Timestamp, ApiError> {
    filter.timestamp.map(Timestamp::from).ok_or_else(|| required("Timestamp", filter.type_))
}

fn required(name: &str, filter: ShardFilterType) -> ApiError {
    error::invalid_argument_exception(format!(
        "{name} must be specified with ShardFilter type {}.",
        filter.as_str()
    ))
}
