use std::sync::Arc;

use aws::{ApiError, Context};

use crate::error::from_catalog;
use crate::model::{Database, GetDatabasesInput, GetDatabasesOutput, ResourceShareType};
use crate::shape::database_out;
use crate::{Glue, require_catalog};
use crate::{limits, page};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: GetDatabasesInput,
) -> Result<GetDatabasesOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    let page = page::request(&ctx, input.next_token.as_deref(), input.max_results, limits::PAGE)?;
    if input.resource_share_type.is_some_and(|kind| kind != ResourceShareType::All) {
        return Ok(GetDatabasesOutput::default());
    }
    let listing = glue.catalog().databases(&ctx.scope, &page).await.map_err(from_catalog)?;
    let only_names = input.attributes_to_get.is_some_and(|attributes| !attributes.is_empty());
    let database_list = listing
        .items
        .into_iter()
        .map(|database| match database_out(&ctx, database) {
            Database { name, .. } if only_names => Database { name, ..Database::default() },
            whole => whole,
        })
        .collect();
    Ok(GetDatabasesOutput { database_list, next_token: page::token(&ctx, listing.next) })
}
