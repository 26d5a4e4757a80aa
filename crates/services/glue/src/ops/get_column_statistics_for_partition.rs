use std::sync::Arc;

use aws::{ApiError, Context};
use lake::Owner;

use crate::model::{GetColumnStatisticsForPartitionInput, GetColumnStatisticsForPartitionOutput};
use crate::ops::statistics;
use crate::{Glue, require_catalog};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: GetColumnStatisticsForPartitionInput,
) -> Result<GetColumnStatisticsForPartitionOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    let owner = Owner::Partition {
        database: &input.database_name,
        table: &input.table_name,
        values: &input.partition_values,
    };
    let (found, errors) = statistics::get(&ctx, &glue, owner, input.column_names).await?;
    Ok(GetColumnStatisticsForPartitionOutput { column_statistics_list: Some(found), errors: Some(errors) })
}
