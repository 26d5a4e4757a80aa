use std::sync::Arc;

use aws::{ApiError, Context};
use lake::Owner;

use crate::error::from_catalog;
use crate::model::{DeletePartitionIndexInput, DeletePartitionIndexOutput, error};
use crate::ops::indexes;
use crate::{Glue, require_catalog};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: DeletePartitionIndexInput,
) -> Result<DeletePartitionIndexOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    let owner = Owner::Table { database: &input.database_name, table: &input.table_name };
    let removed = glue.catalog().detach(&ctx.scope, owner, indexes::KIND, &input.index_name);
    match removed.await.map_err(from_catalog)? {
        true => Ok(DeletePartitionIndexOutput {}),
        false => Err(error::entity_not_found_exception(format!("Index {} not found.", input.index_name))),
    }
}
