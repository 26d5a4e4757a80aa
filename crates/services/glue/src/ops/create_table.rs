use std::sync::Arc;

use aws::{ApiError, Context};

use crate::error::from_catalog;
use crate::model::{CreateTableInput, CreateTableOutput, error};
use crate::ops::indexes;
use crate::shape::table_in;
use crate::{Glue, require_catalog};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: CreateTableInput,
) -> Result<CreateTableOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    let indexes = input.partition_indexes.unwrap_or_default();
    let table = input.table_input.ok_or_else(|| error::invalid_input_exception("TableInput is missing."))?;
    let table = table_in(input.database_name, table, Some(ctx.principal.arn.clone()));
    indexes::check(&indexes, &table, 0)?;
    let stored = glue.catalog().create_table(&ctx.scope, table).await.map_err(from_catalog)?;
    if !indexes.is_empty() {
        indexes::add(&ctx, &glue, (&stored.database, &stored.name), &indexes).await?;
    }
    Ok(CreateTableOutput {})
}
