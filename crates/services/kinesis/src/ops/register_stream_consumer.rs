use std::sync::Arc;

use aws::{ApiError, Context};

use crate::consumer::ConsumerRecord;
use crate::model::{ConsumerStatus, RegisterStreamConsumerInput, RegisterStreamConsumerOutput};
use crate::{Kinesis, stream, tags};

/// The consumer can subscribe when this returns. The answer says CREATING, as AWS's always does: clients go
/// on to describe it until it is ACTIVE.
pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: RegisterStreamConsumerInput,
) -> Result<RegisterStreamConsumerOutput, ApiError> {
    let stream = stream::of_arn(&ctx, &input.stream_arn)?;
    svc.routes(&stream)?;
    let mut record = ConsumerRecord { created: ctx.now, tags: Default::default(), policy: None };
    tags::add(&stream, &mut record.tags, &input.tags.unwrap_or_default())?;
    let consumer = svc.register(&stream, &input.consumer_name, record, ctx.now).await?;
    Ok(RegisterStreamConsumerOutput { consumer: consumer.describe(ConsumerStatus::Creating) })
}
