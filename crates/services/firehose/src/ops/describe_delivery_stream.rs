use std::sync::Arc;

use aws::{ApiError, Context};

use crate::Firehose;
use crate::model::{
    DeliveryStreamDescription, DeliveryStreamEncryptionConfiguration, DeliveryStreamEncryptionStatus,
    DeliveryStreamStatus, DescribeDeliveryStreamInput, DescribeDeliveryStreamOutput,
    DirectPutSourceDescription, KinesisStreamSourceDescription, SourceDescription,
};
use crate::stream::{DESTINATION_ID, Source, Stream, arn};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Firehose>,
    input: DescribeDeliveryStreamInput,
) -> Result<DescribeDeliveryStreamOutput, ApiError> {
    let stream = svc.stream(&ctx, &input.delivery_stream_name).await?;
    // There is one destination, so a page after it is empty.
    let after = input.exclusive_start_destination_id.as_deref();
    let destinations = match after.is_some_and(|after| after >= DESTINATION_ID) {
        true => Vec::new(),
        false => vec![stream.destination.describe()],
    };
    let description = DeliveryStreamDescription {
        delivery_stream_arn: arn(&ctx.scope, &stream.name),
        delivery_stream_status: DeliveryStreamStatus::Active,
        failure_description: None,
        delivery_stream_encryption_configuration: Some(DeliveryStreamEncryptionConfiguration {
            status: Some(DeliveryStreamEncryptionStatus::Disabled),
            ..DeliveryStreamEncryptionConfiguration::default()
        }),
        delivery_stream_type: stream.source.kind(),
        version_id: stream.version.to_string(),
        create_timestamp: Some(stream.created.into()),
        last_update_timestamp: stream.updated.map(Into::into),
        source: source(&stream),
        destinations,
        has_more_destinations: false,
        delivery_stream_name: stream.name,
    };
    Ok(DescribeDeliveryStreamOutput { delivery_stream_description: description })
}

fn source(stream: &Stream) -> Option<SourceDescription> {
    match &stream.source {
        Source::DirectPut { throughput_hint: None } => None,
        Source::DirectPut { throughput_hint } => Some(SourceDescription {
            direct_put_source_description: Some(DirectPutSourceDescription {
                throughput_hint_in_mbs: *throughput_hint,
            }),
            ..SourceDescription::default()
        }),
        Source::Kinesis { stream_arn, role_arn } => Some(SourceDescription {
            kinesis_stream_source_description: Some(KinesisStreamSourceDescription {
                kinesis_stream_arn: Some(stream_arn.clone()),
                role_arn: Some(role_arn.clone()),
                delivery_start_timestamp: Some(stream.created.into()),
            }),
            ..SourceDescription::default()
        }),
    }
}
