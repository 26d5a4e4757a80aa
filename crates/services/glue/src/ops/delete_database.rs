use std::sync::Arc;

use aws::{ApiError, Context};

use crate::error::from_catalog;
use crate::model::{DeleteDatabaseInput, DeleteDatabaseOutput};
use crate::{Glue, require_catalog};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: DeleteDatabaseInput,
) -> Result<DeleteDatabaseOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    glue.catalog().delete_database(&ctx.scope, &input.name).await.map_err(from_catalog)?;
    Ok(DeleteDatabaseOutput {})
}
