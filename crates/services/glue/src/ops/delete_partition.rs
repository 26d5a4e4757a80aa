use std::sync::Arc;

use aws::{ApiError, Context};

use crate::error::from_catalog;
use crate::model::{DeletePartitionInput, DeletePartitionOutput};
use crate::{Glue, require_catalog};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: DeletePartitionInput,
) -> Result<DeletePartitionOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    glue.catalog()
        .delete_partition(&ctx.scope, &input.database_name, &input.table_name, &input.partition_values)
        .await
        .map_err(from_catalog)?;
    Ok(DeletePartitionOutput {})
}
