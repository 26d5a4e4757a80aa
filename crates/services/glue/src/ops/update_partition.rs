use std::sync::Arc;

use aws::{ApiError, Context};

use crate::error::from_catalog;
use crate::model::{UpdatePartitionInput, UpdatePartitionOutput};
use crate::shape::partition_in;
use crate::{Glue, require_catalog};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: UpdatePartitionInput,
) -> Result<UpdatePartitionOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    let at = input.partition_value_list;
    let partition = partition_in(input.partition_input, &at);
    glue.catalog()
        .update_partition(&ctx.scope, &input.database_name, &input.table_name, &at, partition)
        .await
        .map_err(from_catalog)?;
    Ok(UpdatePartitionOutput {})
}
