use std::sync::Arc;

use aws::{ApiError, Context};

use crate::error::from_catalog;
use crate::model::{DeleteTableInput, DeleteTableOutput};
use crate::{Glue, require_catalog};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: DeleteTableInput,
) -> Result<DeleteTableOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    glue.catalog().delete_table(&ctx.scope, &input.database_name, &input.name).await.map_err(from_catalog)?;
    Ok(DeleteTableOutput {})
}
