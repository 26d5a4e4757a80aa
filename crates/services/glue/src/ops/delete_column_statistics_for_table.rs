use std::sync::Arc;

use aws::{ApiError, Context};
use lake::Owner;

use crate::model::{DeleteColumnStatisticsForTableInput, DeleteColumnStatisticsForTableOutput};
use crate::ops::statistics;
use crate::{Glue, require_catalog};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: DeleteColumnStatisticsForTableInput,
) -> Result<DeleteColumnStatisticsForTableOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    let owner = Owner::Table { database: &input.database_name, table: &input.table_name };
    statistics::delete(&ctx, &glue, owner, &input.column_name).await?;
    Ok(DeleteColumnStatisticsForTableOutput {})
}
