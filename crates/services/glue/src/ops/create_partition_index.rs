use std::sync::Arc;

use aws::{ApiError, Context};

use crate::error::from_catalog;
use crate::model::{CreatePartitionIndexInput, CreatePartitionIndexOutput, error};
use crate::ops::indexes;
use crate::{Glue, require_catalog};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: CreatePartitionIndexInput,
) -> Result<CreatePartitionIndexOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    let names = (input.database_name.as_str(), input.table_name.as_str());
    let table = glue.catalog().table(&ctx.scope, names.0, names.1).await.map_err(from_catalog)?;
    let present = indexes::all(&ctx, &glue, names).await?;
    if present.iter().any(|index| index.index_name == input.partition_index.index_name) {
        return Err(error::already_exists_exception("Partition index already exists."));
    }
    let new = [input.partition_index];
    indexes::check(&new, &table, present.len())?;
    indexes::add(&ctx, &glue, names, &new).await?;
    Ok(CreatePartitionIndexOutput {})
}
