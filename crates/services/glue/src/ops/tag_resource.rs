use std::sync::Arc;

use aws::{ApiError, Context};

use crate::Glue;
use crate::model::{TagResourceInput, TagResourceOutput};
use crate::ops::tags;

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: TagResourceInput,
) -> Result<TagResourceOutput, ApiError> {
    let database = tags::database_of(&ctx, &input.resource_arn)?;
    tags::add(&ctx, &glue, &database, input.tags_to_add).await?;
    Ok(TagResourceOutput {})
}
