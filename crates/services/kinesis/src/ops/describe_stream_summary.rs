use std::sync::Arc;

use aws::{ApiError, Context};

use super::describe_stream::retention_hours;
use crate::error::from_log;
use crate::limits::CONSUMERS_COMMITTED_MAX;
use crate::model::{
    DescribeStreamSummaryInput, DescribeStreamSummaryOutput, EncryptionType, StreamDescriptionSummary,
};
use crate::{Kinesis, stream};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: DescribeStreamSummaryInput,
) -> Result<DescribeStreamSummaryOutput, ApiError> {
    let stream = stream::named(&ctx, input.stream_name.as_deref(), input.stream_arn.as_deref())?;
    let topic = svc.log.topic(&stream).await.map_err(|error| from_log(&stream, error))?;
    let record = svc.record(&stream).await?;
    let consumers = svc.consumers(&stream, None, CONSUMERS_COMMITTED_MAX).await?.len();
    let open = topic.partitions.iter().filter(|partition| partition.closed_at.is_none()).count();
    let stream_description_summary = StreamDescriptionSummary {
        stream_arn: stream::arn(&stream),
        stream_status: svc.status(&stream),
        stream_mode_details: Some(record.mode_details()),
        retention_period_hours: retention_hours(&topic),
        stream_creation_timestamp: topic.created.into(),
        enhanced_monitoring: record.enhanced_monitoring(),
        encryption_type: Some(EncryptionType::None),
        open_shard_count: i32::try_from(open).unwrap_or(i32::MAX),
        consumer_count: i32::try_from(consumers).ok(),
        warm_throughput: record.warm_throughput(),
        max_record_size_in_ki_b: i32::try_from(record.record_kib).ok(),
        stream_name: stream.name,
        ..StreamDescriptionSummary::default()
    };
    Ok(DescribeStreamSummaryOutput { stream_description_summary })
}
