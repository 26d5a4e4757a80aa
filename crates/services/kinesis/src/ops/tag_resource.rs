use std::sync::Arc;

use aws::{ApiError, Context};

use crate::model::{TagResourceInput, TagResourceOutput};
use crate::resource::Resource;
use crate::{Kinesis, tags};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: TagResourceInput,
) -> Result<TagResourceOutput, ApiError> {
    match Resource::parse(&ctx, &input.resource_arn)? {
        Resource::Stream(stream) => {
            svc.change(&stream, |record| tags::add(&stream, &mut record.tags, &input.tags)).await?;
        }
        Resource::Consumer(consumer) => {
            let add = |record: &mut crate::consumer::ConsumerRecord| {
                tags::add(&consumer.stream, &mut record.tags, &input.tags)
            };
            svc.change_consumer(&consumer, add).await?;
        }
    }
    Ok(TagResourceOutput {})
}
