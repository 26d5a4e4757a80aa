use std::sync::Arc;

use aws::{ApiError, AwsTimestamp, Context};
use log::{Page, ReadLimit, TopicId};
use rt::Timestamp;

use crate::error::{from_log, shard_not_found, shard_rate_exceeded};
use crate::iterator::ShardIterator;
use crate::limits::{GET_BYTES_MAX, GET_RECORDS_MAX};
use crate::model::{GetRecordsInput, GetRecordsOutput, Record, error};
use crate::sequence::ShardNumbers;
use crate::{Kinesis, shard, stream};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: GetRecordsInput,
) -> Result<GetRecordsOutput, ApiError> {
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
    let page = svc.log.read(&stream, iterator.shard, iterator.offset, limit).await;
    let page = page.map_err(|error| from_log(&stream, error))?;
    if let Some(live) = live {
        let bytes = page.records.iter().map(|record| record.key.len() + record.data.len()).sum();
        live.pace.settle_read(route.index, bytes, now);
    }
    let next = ShardIterator { offset: page.next, issued: ctx.now, ..iterator };
    let ended = route.closed_at.is_some_and(|end| page.next >= end);
    Ok(GetRecordsOutput {
        next_shard_iterator: (!ended).then(|| next.encode()),
        millis_behind_latest: Some(millis_behind(&page, ctx.now)),
        records: records_of(page, &ShardNumbers::new(next.shard, route.created)),
        child_shards: ended.then(|| shard::children(&routes, next.shard)),
    })
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

pub(crate) fn records_of(page: Page, numbers: &ShardNumbers) -> Vec<Record> {
    let record = |record: log::Record| Record {
        sequence_number: numbers.record(record.offset, record.at).to_string(),
        approximate_arrival_timestamp: Some(AwsTimestamp::from(record.at)),
        // Keys came as text; nothing else is taken in.
        partition_key: Some(String::from_utf8_lossy(&record.key).into_owned()),
        data: record.data.into(),
        encryption_type: None,
    };
    page.records.into_iter().map(record).collect()
}
