use std::sync::Arc;

use aws::{ApiError, Context};

use crate::error::from_catalog;
use crate::model::{GetPartitionInput, GetPartitionOutput};
use crate::shape::partition_out;
use crate::{Glue, require_catalog};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: GetPartitionInput,
) -> Result<GetPartitionOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    let (database, table) = (input.database_name.as_str(), input.table_name.as_str());
    let found = glue.catalog().partition(&ctx.scope, database, table, &input.partition_values);
    let partition = found.await.map_err(from_catalog)?;
    Ok(GetPartitionOutput { partition: Some(partition_out(&ctx, (database, table), partition, true)) })
}
