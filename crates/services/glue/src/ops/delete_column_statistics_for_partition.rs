use std::sync::Arc;

use aws::{ApiError, Context};
use lake::Owner;

use crate::model::{DeleteColumnStatisticsForPartitionInput, DeleteColumnStatisticsForPartitionOutput};
use crate::ops::statistics;
use crate::{Glue, require_catalog};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: DeleteColumnStatisticsForPartitionInput,
) -> Result<DeleteColumnStatisticsForPartitionOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    let owner = Owner::Partition {
        database: &input.database_name,
        table: &input.table_name,
        values: &input.partition_values,
    };
    statistics::delete(&ctx, &glue, owner, &input.column_name).await?;
    Ok(DeleteColumnStatisticsForPartitionOutput {})
}
