use std::sync::Arc;

use aws::{ApiError, Context};
use lake::Owner;

use crate::model::{GetColumnStatisticsForTableInput, GetColumnStatisticsForTableOutput};
use crate::ops::statistics;
use crate::{Glue, require_catalog};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: GetColumnStatisticsForTableInput,
) -> Result<GetColumnStatisticsForTableOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    let owner = Owner::Table { database: &input.database_name, table: &input.table_name };
    let (found, errors) = statistics::get(&ctx, &glue, owner, input.column_names).await?;
    Ok(GetColumnStatisticsForTableOutput { column_statistics_list: Some(found), errors: Some(errors) })
}
