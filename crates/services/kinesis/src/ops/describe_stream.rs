use std::sync::Arc;

use aws::{ApiError, Context};

use crate::error::from_log;
use crate::limits::DESCRIBED_SHARDS;
use crate::model::{DescribeStreamInput, DescribeStreamOutput, EncryptionType, StreamDescription};
use crate::{Kinesis, shard, stream};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: DescribeStreamInput,
) -> Result<DescribeStreamOutput, ApiError> {
    let stream = stream::named(&ctx, input.stream_name.as_deref(), input.stream_arn.as_deref())?;
    let topic = svc.log.topic(&stream).await.map_err(|error| from_log(&stream, error))?;
    let record = svc.record(&stream).await?;
    let after = input.exclusive_start_shard_id.map(|id| shard::parse_start(&stream, &id)).transpose()?;
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(DESCRIBED_SHARDS);
    let mut rest =
        topic.partitions.iter().filter(|partition| after.is_none_or(|after| partition.index > after));
    let shards = rest.by_ref().take(limit).map(shard::describe).collect();
    let stream_description = StreamDescription {
        stream_arn: stream::arn(&stream),
        stream_status: svc.status(&stream),
        stream_mode_details: Some(record.mode_details()),
        shards,
        has_more_shards: rest.next().is_some(),
        retention_period_hours: retention_hours(&topic),
        stream_creation_timestamp: topic.created.into(),
        enhanced_monitoring: record.enhanced_monitoring(),
        encryption_type: Some(EncryptionType::None),
        key_id: None,
        stream_name: stream.name,
    };
    Ok(DescribeStreamOutput { stream_description })
}

pub(crate) fn retention_hours(topic: &log::Topic) -> i32 {
    i32::try_from(topic.retention.as_secs() / 3600).unwrap_or(i32::MAX)
}
