use std::sync::Arc;

use aws::{ApiError, Context};

use crate::model::{
    ConsumerDescription, ConsumerStatus, DescribeStreamConsumerInput, DescribeStreamConsumerOutput,
};
use crate::{Kinesis, stream};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: DescribeStreamConsumerInput,
) -> Result<DescribeStreamConsumerOutput, ApiError> {
    let DescribeStreamConsumerInput { stream_arn, consumer_name, consumer_arn } = &input;
    let names = (stream_arn.as_deref(), consumer_name.as_deref(), consumer_arn.as_deref());
    let consumer = svc.consumer_named(&ctx, names.0, names.1, names.2).await?;
    let consumer_description = ConsumerDescription {
        consumer_arn: consumer.name.arn(),
        consumer_status: ConsumerStatus::Active,
        consumer_creation_timestamp: consumer.record.created.into(),
        stream_arn: stream::arn(&consumer.name.stream),
        consumer_name: consumer.name.name,
    };
    Ok(DescribeStreamConsumerOutput { consumer_description })
}
