use std::sync::Arc;

use aws::{ApiError, Context};

use crate::error::from_catalog;
use crate::model::{UpdateTableInput, UpdateTableOutput, error};
use crate::ops::get_table_version::parse_version;
use crate::shape::{created_by, table_in};
use crate::{Glue, require_catalog};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: UpdateTableInput,
) -> Result<UpdateTableOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    let new = input.table_input.ok_or_else(|| error::invalid_input_exception("TableInput is missing."))?;
    let expected = input.version_id.as_deref().map(parse_version).transpose()?;
    let old =
        glue.catalog().table(&ctx.scope, &input.database_name, &new.name).await.map_err(from_catalog)?;
    let table = table_in(input.database_name, new, created_by(&old));
    let archive = !input.skip_archive.unwrap_or_default();
    glue.catalog().update_table(&ctx.scope, table, expected, archive).await.map_err(from_catalog)?;
    Ok(UpdateTableOutput {})
}
