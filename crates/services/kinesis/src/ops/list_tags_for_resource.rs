use std::sync::Arc;

use aws::{ApiError, Context};

use crate::model::{ListTagsForResourceInput, ListTagsForResourceOutput};
use crate::resource::Resource;
use crate::{Kinesis, tags};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: ListTagsForResourceInput,
) -> Result<ListTagsForResourceOutput, ApiError> {
    let tags = match Resource::parse(&ctx, &input.resource_arn)? {
        Resource::Stream(stream) => svc.record(&stream).await?.tags,
        Resource::Consumer(consumer) => svc.consumer(&consumer).await?.record.tags,
    };
    Ok(ListTagsForResourceOutput { tags: Some(tags.iter().map(tags::tag).collect()) })
}
