use std::sync::Arc;

use aws::{ApiError, Context};

use crate::error::from_catalog;
use crate::model::{GetDatabaseInput, GetDatabaseOutput};
use crate::shape::database_out;
use crate::{Glue, require_catalog};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: GetDatabaseInput,
) -> Result<GetDatabaseOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    let database = glue.catalog().database(&ctx.scope, &input.name).await.map_err(from_catalog)?;
    Ok(GetDatabaseOutput { database: Some(database_out(&ctx, database)) })
}
