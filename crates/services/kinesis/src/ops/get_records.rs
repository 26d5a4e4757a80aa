use std::sync::Arc;

use aws::{ApiError, Codec, Context};
use bytes::Bytes;
use log::{Page, ReadLimit, TopicId};
use rt::Timestamp;
use serde::Serialize;

use crate::error::{shard_not_found, shard_rate_exceeded};
use crate::history::Read;
use crate::iterator::ShardIterator;
use crate::limits::{GET_BYTES_MAX, GET_RECORDS_MAX};
use crate::model::{ChildShard, GetRecordsInput, error};
use crate::records::Records;
use crate::sequence::ShardNumbers;
use crate::{Kinesis, shard, stream};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    body: Bytes,
    codec: Codec,
) -> Result<Bytes, ApiError> {
    let input = codec.decode::<GetRecordsInput>(&body)?;
    let iterator = ShardIterator::decode(&input.shard_iterator, ctx.now)?;
    let stream = named(&ctx, &iterator, input.stream_arn.as_deref())?;
    let routes = svc.routes(&stream)?;
    let route = routes.get(iterator.shard).filter(|_| routes.incarnation == iterator.incarnation);
    let route = route.ok_or_else(|| shard_not_found(&stream, &shard::id(iterator.shard)))?;
    let live = if svc.is_limited() { Some(svc.live(&stream, &routes).await?) } else { None };
    let now = svc.rt.instant();
    if live.as_ref().is_some_and(|live| !live.pace.admit_read(route.index, now)) {
        return Err(shard_rate_exceeded(&stream, route.index));
    }
    let records = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(GET_RECORDS_MAX);
    let limit = ReadLimit { records, bytes: GET_BYTES_MAX };
    let Read { page, turn } = svc.read(&stream, iterator.shard, iterator.offset, limit).await?;
    let next = ShardIterator { offset: page.next, issued: ctx.now, ..iterator };
    let ended = route.closed_at.is_some_and(|end| page.next >= end);
    let rest = Rest {
        next_shard_iterator: (!ended).then(|| next.encode()),
        millis_behind_latest: millis_behind(&page, ctx.now),
        child_shards: ended.then(|| shard::children(&routes, next.shard)),
    };
    let records = Records::new(page, ShardNumbers::new(next.shard, route.created));
    let bytes = records.bytes();
    if let Some(live) = live {
        live.pace.settle_read(route.index, bytes, now);
    }
    let encode = move || {
        let mut out = Vec::new();
        records.write_with(&rest, &codec, &mut out).map(|()| Bytes::from(out))
    };
    let answer = if bytes > INLINE_BYTES_MAX { svc.rt.background("encode", encode).await } else { encode() };
    drop(turn);
    answer
}

/// What a page of this size costs to write is not worth another thread.
const INLINE_BYTES_MAX: usize = 128 << 10;

/// The output beside its records.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Rest {
    #[serde(skip_serializing_if = "Option::is_none")]
    next_shard_iterator: Option<String>,
    millis_behind_latest: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    child_shards: Option<Vec<ChildShard>>,
}

fn named(ctx: &Context, iterator: &ShardIterator, arn: Option<&str>) -> Result<TopicId, ApiError> {
    match arn.map(|arn| stream::of_arn(ctx, arn)).transpose()? {
        Some(named) if named.name != iterator.stream => Err(error::invalid_argument_exception(format!(
            "The ShardIterator is not of stream {}.",
            stream::arn(&named)
        ))),
        _ => Ok(stream::topic_id(&ctx.scope, &iterator.stream)),
    }
}

/// How far the last record of the page lies behind now; nothing when the page reaches the tail.
pub(crate) fn millis_behind(page: &Page, now: Timestamp) -> i64 {
    match page.records.last() {
        Some(last) if page.next < page.tail => {
            i64::try_from(now.saturating_since(last.at).as_millis()).unwrap_or(i64::MAX)
        }
        _ => 0,
    }
}
