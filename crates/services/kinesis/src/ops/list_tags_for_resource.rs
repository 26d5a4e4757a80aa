use std::sync::Arc;

use aws::{ApiError, Context};

use crate::model::{ListTagsForResourceInput, ListTagsForResourceOutput};
use crate::{Kinesis, stream, tags};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: ListTagsForResourceInput,
) -> Result<ListTagsForResourceOutput, ApiError> {
    let stream = stream::of_arn(&ctx, &input.resource_arn)?;
    let record = svc.record(&stream).await?;
    Ok(ListTagsForResourceOutput { tags: Some(record.tags.iter().map(tags::tag).collect()) })
}
