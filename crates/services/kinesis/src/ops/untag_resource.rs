use std::sync::Arc;

use aws::{ApiError, Context};

use crate::model::{UntagResourceInput, UntagResourceOutput};
use crate::{Kinesis, stream, tags};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: UntagResourceInput,
) -> Result<UntagResourceOutput, ApiError> {
    let stream = stream::of_arn(&ctx, &input.resource_arn)?;
    svc.change(&stream, |record| tags::remove(&mut record.tags, &input.tag_keys)).await?;
    Ok(UntagResourceOutput {})
}
