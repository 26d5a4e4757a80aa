use std::sync::Arc;

use aws::{ApiError, Context};

use crate::error::from_catalog;
use crate::model::{BatchDeletePartitionInput, BatchDeletePartitionOutput};
use crate::ops::partition_errors;
use crate::{Glue, require_catalog};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: BatchDeletePartitionInput,
) -> Result<BatchDeletePartitionOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    let values: Vec<Vec<String>> = input.partitions_to_delete.into_iter().map(|one| one.values).collect();
    let outcomes = glue
        .catalog()
        .delete_partitions(&ctx.scope, &input.database_name, &input.table_name, &values)
        .await
        .map_err(from_catalog)?;
    Ok(BatchDeletePartitionOutput { errors: Some(partition_errors(values, outcomes)) })
}
