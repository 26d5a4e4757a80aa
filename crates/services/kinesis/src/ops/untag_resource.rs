use std::sync::Arc;

use aws::{ApiError, Context};

use crate::model::{UntagResourceInput, UntagResourceOutput};
use crate::resource::Resource;
use crate::{Kinesis, tags};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: UntagResourceInput,
) -> Result<UntagResourceOutput, ApiError> {
    match Resource::parse(&ctx, &input.resource_arn)? {
        Resource::Stream(stream) => {
            svc.change(&stream, |record| tags::remove(&mut record.tags, &input.tag_keys)).await?;
        }
        Resource::Consumer(consumer) => {
            svc.change_consumer(&consumer, |record| tags::remove(&mut record.tags, &input.tag_keys)).await?;
        }
    }
    Ok(UntagResourceOutput {})
}
