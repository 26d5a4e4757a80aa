use std::sync::Arc;

use aws::{ApiError, Context};
use lake::Owner;

use crate::model::{UpdateColumnStatisticsForPartitionInput, UpdateColumnStatisticsForPartitionOutput};
use crate::ops::statistics;
use crate::{Glue, require_catalog};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: UpdateColumnStatisticsForPartitionInput,
) -> Result<UpdateColumnStatisticsForPartitionOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    let owner = Owner::Partition {
        database: &input.database_name,
        table: &input.table_name,
        values: &input.partition_values,
    };
    let errors = statistics::put(&ctx, &glue, owner, input.column_statistics_list).await?;
    Ok(UpdateColumnStatisticsForPartitionOutput { errors: Some(errors) })
}
