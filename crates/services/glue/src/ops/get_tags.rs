use std::sync::Arc;

use aws::{ApiError, Context};

use crate::Glue;
use crate::model::{GetTagsInput, GetTagsOutput};
use crate::ops::tags;

pub async fn handle(ctx: Context, glue: Arc<Glue>, input: GetTagsInput) -> Result<GetTagsOutput, ApiError> {
    let database = tags::database_of(&ctx, &input.resource_arn)?;
    Ok(GetTagsOutput { tags: Some(tags::all(&ctx, &glue, &database).await?) })
}
