use std::sync::Arc;

use aws::{ApiError, Context};

use crate::error::from_catalog;
use crate::model::{GetTablesInput, GetTablesOutput, TableResourceShareType};
use crate::ops::attributes::selected;
use crate::pattern::NamePattern;
use crate::shape::table_out;
use crate::{Glue, require_catalog};
use crate::{limits, page};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: GetTablesInput,
) -> Result<GetTablesOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    let mut page = page::request(&ctx, input.next_token.as_deref(), input.max_results, limits::PAGE)?;
    let pattern = NamePattern::new(input.expression.as_deref())?;
    if input.resource_share_type == Some(TableResourceShareType::Federated) {
        return Ok(GetTablesOutput { table_list: Some(Vec::new()), next_token: None });
    }
    let attributes = input.attributes_to_get.unwrap_or_default();
    let limit = page.limit;
    let mut table_list = Vec::new();
    // Pages of the catalog are read until one page of matches is full.
    let next = loop {
        let listing =
            glue.catalog().tables(&ctx.scope, &input.database_name, &page).await.map_err(from_catalog)?;
        let matching = listing.items.into_iter().filter(|table| pattern.matches(&table.name));
        table_list.extend(matching.map(|table| selected(table_out(&ctx, table), &attributes)));
        page.after = listing.next;
        page.limit = limit - table_list.len();
        if page.limit == 0 || page.after.is_none() {
            break page.after;
        }
    };
    Ok(GetTablesOutput { table_list: Some(table_list), next_token: page::token(&ctx, next) })
}
