use std::sync::Arc;

use aws::{ApiError, Context};

use crate::error::from_catalog;
use crate::model::{GetTableVersionsInput, GetTableVersionsOutput};
use crate::shape::version_out;
use crate::{Glue, require_catalog};
use crate::{limits, page};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: GetTableVersionsInput,
) -> Result<GetTableVersionsOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    let page = page::request(&ctx, input.next_token.as_deref(), input.max_results, limits::PAGE)?;
    let listing = glue
        .catalog()
        .table_versions(&ctx.scope, &input.database_name, &input.table_name, &page)
        .await
        .map_err(from_catalog)?
        .map(|table| version_out(&ctx, table));
    Ok(GetTableVersionsOutput {
        table_versions: Some(listing.items),
        next_token: page::token(&ctx, listing.next),
    })
}
