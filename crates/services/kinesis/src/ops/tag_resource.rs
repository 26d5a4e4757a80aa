use std::sync::Arc;

use aws::{ApiError, Context};

use crate::model::{TagResourceInput, TagResourceOutput};
use crate::{Kinesis, stream, tags};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: TagResourceInput,
) -> Result<TagResourceOutput, ApiError> {
    let stream = stream::of_arn(&ctx, &input.resource_arn)?;
    svc.change(&stream, |record| tags::add(&stream, &mut record.tags, &input.tags)).await?;
    Ok(TagResourceOutput {})
}
