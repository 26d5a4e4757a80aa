use std::sync::Arc;

use aws::{ApiError, Context};

use crate::error::from_catalog;
use crate::model::{GetPartitionIndexesInput, GetPartitionIndexesOutput};
use crate::ops::indexes;
use crate::{Glue, require_catalog};
use crate::{limits, page};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: GetPartitionIndexesInput,
) -> Result<GetPartitionIndexesOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    // All of them fit on one page, so no token was ever given.
    page::request(&ctx, input.next_token.as_deref(), None, limits::PAGE)?;
    let names = (input.database_name.as_str(), input.table_name.as_str());
    let table = glue.catalog().table(&ctx.scope, names.0, names.1).await.map_err(from_catalog)?;
    let indexes = indexes::all(&ctx, &glue, names).await?;
    let described = indexes.into_iter().map(|index| indexes::described(index, &table)).collect();
    Ok(GetPartitionIndexesOutput { partition_index_descriptor_list: Some(described), next_token: None })
}
