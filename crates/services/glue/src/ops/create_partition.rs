use std::sync::Arc;

use aws::{ApiError, Context};

use crate::error::from_catalog;
use crate::model::{CreatePartitionInput, CreatePartitionOutput};
use crate::shape::partition_in;
use crate::{Glue, require_catalog};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: CreatePartitionInput,
) -> Result<CreatePartitionOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    let partition = partition_in(input.partition_input, &[]);
    glue.catalog()
        .create_partition(&ctx.scope, &input.database_name, &input.table_name, partition)
        .await
        .map_err(from_catalog)?;
    Ok(CreatePartitionOutput {})
}
