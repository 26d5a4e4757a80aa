use std::sync::Arc;

use aws::{ApiError, Context};

use crate::error::from_catalog;
use crate::model::{DeleteTableVersionInput, DeleteTableVersionOutput};
use crate::ops::get_table_version::parse_version;
use crate::{Glue, require_catalog};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: DeleteTableVersionInput,
) -> Result<DeleteTableVersionOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    let version = parse_version(&input.version_id)?;
    glue.catalog()
        .delete_table_version(&ctx.scope, &input.database_name, &input.table_name, version)
        .await
        .map_err(from_catalog)?;
    Ok(DeleteTableVersionOutput {})
}
