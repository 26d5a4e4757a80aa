use std::sync::Arc;

use aws::{ApiError, Context};

use crate::error::{detail, from_catalog};
use crate::model::{BatchUpdatePartitionFailureEntry, BatchUpdatePartitionInput, BatchUpdatePartitionOutput};
use crate::shape::partition_in;
use crate::{Glue, require_catalog};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: BatchUpdatePartitionInput,
) -> Result<BatchUpdatePartitionOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    let (database, table) = (input.database_name.as_str(), input.table_name.as_str());
    glue.catalog().table(&ctx.scope, database, table).await.map_err(from_catalog)?;
    let mut errors = Vec::new();
    for entry in input.entries {
        let at = entry.partition_value_list;
        let partition = partition_in(entry.partition_input, &at);
        let updated = glue.catalog().update_partition(&ctx.scope, database, table, &at, partition);
        if let Err(cause) = updated.await {
            errors.push(BatchUpdatePartitionFailureEntry {
                partition_value_list: Some(at),
                error_detail: Some(detail(cause)),
            });
        }
    }
    Ok(BatchUpdatePartitionOutput { errors: Some(errors) })
}
