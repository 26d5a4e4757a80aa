use std::sync::Arc;

use aws::{ApiError, Context};

use crate::error::from_catalog;
use crate::model::{GetTableVersionInput, GetTableVersionOutput, error};
use crate::shape::version_out;
use crate::{Glue, require_catalog};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: GetTableVersionInput,
) -> Result<GetTableVersionOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    let (database, table) = (&input.database_name, &input.table_name);
    let catalog = glue.catalog();
    let found = match input.version_id.as_deref().map(parse_version).transpose()? {
        Some(version) => catalog.table_version(&ctx.scope, database, table, version).await,
        None => catalog.table(&ctx.scope, database, table).await,
    };
    let table = found.map_err(from_catalog)?;
    Ok(GetTableVersionOutput { table_version: Some(version_out(&ctx, table)) })
}

/// A version's id is its number.
pub(crate) fn parse_version(id: &str) -> Result<u64, ApiError> {
    id.parse().map_err(|_| error::invalid_input_exception(format!("'{id}' is not a version id.")))
}
