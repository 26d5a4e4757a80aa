use std::sync::Arc;

use aws::{ApiError, Context};

use crate::model::{AddTagsToStreamInput, AddTagsToStreamOutput};
use crate::{Kinesis, stream, tags};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: AddTagsToStreamInput,
) -> Result<AddTagsToStreamOutput, ApiError> {
    let stream = stream::named(&ctx, input.stream_name.as_deref(), input.stream_arn.as_deref())?;
    svc.change(&stream, |record| tags::add(&stream, &mut record.tags, &input.tags)).await?;
    Ok(AddTagsToStreamOutput {})
}
