use std::sync::Arc;

use aws::{ApiError, Context};

use crate::error::from_catalog;
use crate::model::{UpdateDatabaseInput, UpdateDatabaseOutput, error};
use crate::shape::database_in;
use crate::{Glue, require_catalog};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: UpdateDatabaseInput,
) -> Result<UpdateDatabaseOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    let database = database_in(input.database_input);
    if !database.name.eq_ignore_ascii_case(&input.name) {
        return Err(error::invalid_input_exception("A database cannot be renamed."));
    }
    glue.catalog().update_database(&ctx.scope, &input.name, database).await.map_err(from_catalog)?;
    Ok(UpdateDatabaseOutput {})
}
