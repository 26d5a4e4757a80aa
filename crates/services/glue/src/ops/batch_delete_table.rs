use std::sync::Arc;

use aws::{ApiError, Context};

use crate::error::{detail, from_catalog};
use crate::model::{BatchDeleteTableInput, BatchDeleteTableOutput, TableError};
use crate::{Glue, require_catalog};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: BatchDeleteTableInput,
) -> Result<BatchDeleteTableOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    glue.catalog().database(&ctx.scope, &input.database_name).await.map_err(from_catalog)?;
    let mut errors = Vec::new();
    for name in input.tables_to_delete {
        if let Err(cause) = glue.catalog().delete_table(&ctx.scope, &input.database_name, &name).await {
            errors.push(TableError { table_name: Some(name), error_detail: Some(detail(cause)) });
        }
    }
    Ok(BatchDeleteTableOutput { errors: Some(errors) })
}
