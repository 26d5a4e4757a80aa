use std::sync::Arc;

use aws::{ApiError, Context};

use crate::error::from_catalog;
use crate::model::{BatchCreatePartitionInput, BatchCreatePartitionOutput};
use crate::ops::partition_errors;
use crate::shape::partition_in;
use crate::{Glue, require_catalog};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: BatchCreatePartitionInput,
) -> Result<BatchCreatePartitionOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    let partitions: Vec<lake::Partition> =
        input.partition_input_list.into_iter().map(|one| partition_in(one, &[])).collect();
    let values: Vec<Vec<String>> = partitions.iter().map(|one| one.values.clone()).collect();
    let outcomes = glue
        .catalog()
        .create_partitions(&ctx.scope, &input.database_name, &input.table_name, partitions)
        .await
        .map_err(from_catalog)?;
    Ok(BatchCreatePartitionOutput { errors: Some(partition_errors(values, outcomes)) })
}
