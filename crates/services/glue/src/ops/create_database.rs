use std::sync::Arc;

use aws::{ApiError, Context};

use crate::error::from_catalog;
use crate::model::{CreateDatabaseInput, CreateDatabaseOutput};
use crate::ops::tags;
use crate::shape::database_in;
use crate::{Glue, require_catalog};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: CreateDatabaseInput,
) -> Result<CreateDatabaseOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    let tags = input.tags.unwrap_or_default();
    let database = database_in(input.database_input);
    let stored = glue.catalog().create_database(&ctx.scope, database).await.map_err(from_catalog)?;
    if !tags.is_empty() {
        tags::add(&ctx, &glue, &stored.name, tags).await?;
    }
    Ok(CreateDatabaseOutput {})
}
