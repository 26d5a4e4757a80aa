use std::sync::Arc;

use aws::{ApiError, Context};

use crate::error::from_catalog;
use crate::model::{BatchGetPartitionInput, BatchGetPartitionOutput};
use crate::shape::partition_out;
use crate::{Glue, require_catalog};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: BatchGetPartitionInput,
) -> Result<BatchGetPartitionOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    let (database, table) = (input.database_name.as_str(), input.table_name.as_str());
    let values: Vec<Vec<String>> = input.partitions_to_get.into_iter().map(|one| one.values).collect();
    let found = glue.catalog().partitions_at(&ctx.scope, database, table, &values);
    let partitions = found.await.map_err(from_catalog)?;
    let partitions = partitions
        .into_iter()
        .flatten()
        .map(|partition| partition_out(&ctx, (database, table), partition, true))
        .collect();
    Ok(BatchGetPartitionOutput { partitions: Some(partitions), unprocessed_keys: Some(Vec::new()) })
}
