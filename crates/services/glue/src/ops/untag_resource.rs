use std::sync::Arc;

use aws::{ApiError, Context};

use crate::Glue;
use crate::model::{UntagResourceInput, UntagResourceOutput};
use crate::ops::tags;

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: UntagResourceInput,
) -> Result<UntagResourceOutput, ApiError> {
    let database = tags::database_of(&ctx, &input.resource_arn)?;
    tags::remove(&ctx, &glue, &database, &input.tags_to_remove).await?;
    Ok(UntagResourceOutput {})
}
