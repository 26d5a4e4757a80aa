use std::sync::Arc;

use aws::{ApiError, Context};

use crate::model::{RemoveTagsFromStreamInput, RemoveTagsFromStreamOutput};
use crate::{Kinesis, stream, tags};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: RemoveTagsFromStreamInput,
) -> Result<RemoveTagsFromStreamOutput, ApiError> {
    let stream = stream::named(&ctx, input.stream_name.as_deref(), input.stream_arn.as_deref())?;
    svc.change(&stream, |record| tags::remove(&mut record.tags, &input.tag_keys)).await?;
    Ok(RemoveTagsFromStreamOutput {})
}
