use std::sync::Arc;

use aws::{ApiError, Context};
use lake::Owner;

use crate::model::{UpdateColumnStatisticsForTableInput, UpdateColumnStatisticsForTableOutput};
use crate::ops::statistics;
use crate::{Glue, require_catalog};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: UpdateColumnStatisticsForTableInput,
) -> Result<UpdateColumnStatisticsForTableOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    let owner = Owner::Table { database: &input.database_name, table: &input.table_name };
    let errors = statistics::put(&ctx, &glue, owner, input.column_statistics_list).await?;
    Ok(UpdateColumnStatisticsForTableOutput { errors: Some(errors) })
}
