use std::sync::Arc;

use aws::{ApiError, Context};
use log::TopicId;

use crate::error::from_meta;
use crate::keys::KinesisKey;
use crate::limits::LISTED_STREAMS_MAX;
use crate::model::{ListStreamsInput, ListStreamsOutput, StreamSummary, error};
use crate::stream::StreamRecord;
use crate::{Kinesis, stream};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: ListStreamsInput,
) -> Result<ListStreamsOutput, ApiError> {
    let after = match (input.next_token, input.exclusive_start_stream_name) {
        (Some(_), Some(_)) => {
            return Err(error::invalid_argument_exception(
                "NextToken and ExclusiveStartStreamName cannot be provided together.",
            ));
        }
        (Some(token), None) => Some(
            aws::paging::decode::<String>(&token)
                .ok_or_else(|| error::invalid_argument_exception("Invalid NextToken."))?,
        ),
        (None, name) => name,
    };
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(LISTED_STREAMS_MAX);
    let mut streams = svc.log.topics(&ctx.scope, "stream").await;
    streams.retain(|stream| after.as_ref().is_none_or(|after| stream.name > *after));
    let has_more_streams = streams.len() > limit.min(LISTED_STREAMS_MAX);
    streams.truncate(limit.min(LISTED_STREAMS_MAX));
    let summaries = summaries(&svc, &streams).await?;
    let last = streams.last().filter(|_| has_more_streams);
    Ok(ListStreamsOutput {
        next_token: last.map(|last| aws::paging::encode(&last.name)),
        stream_names: summaries.iter().map(|summary| summary.stream_name.clone()).collect(),
        stream_summaries: Some(summaries),
        has_more_streams,
    })
}

/// Streams deleted meanwhile are left out.
async fn summaries(svc: &Kinesis, streams: &[TopicId]) -> Result<Vec<StreamSummary>, ApiError> {
    let keys: Vec<_> = streams.iter().map(|stream| KinesisKey::Stream(stream).key()).collect();
    let entries = svc.meta.get_many(&keys).await.map_err(from_meta)?;
    let mut summaries = Vec::with_capacity(streams.len());
    for (stream, entry) in streams.iter().zip(entries) {
        let (Some(entry), Ok(routes)) = (entry, svc.log.routes(stream)) else { continue };
        summaries.push(StreamSummary {
            stream_name: stream.name.clone(),
            stream_arn: stream::arn(stream),
            stream_status: svc.status(stream),
            stream_mode_details: Some(entry.json::<StreamRecord>().map_err(from_meta)?.mode_details()),
            stream_creation_timestamp: Some(routes.created.into()),
        });
    }
    Ok(summaries)
}
