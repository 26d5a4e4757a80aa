use std::sync::Arc;

use aws::{ApiError, Context};
use lake::PageRequest;

use crate::Athena;
use crate::error::from_catalog;
use crate::limits::PAGE_MAX;
use crate::model::{Database, ListDatabasesInput, ListDatabasesOutput};
use crate::page;
use crate::shapes::{check_catalog, database};

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: ListDatabasesInput,
) -> Result<ListDatabasesOutput, ApiError> {
    athena.check_work_group(&ctx.scope, input.work_group.as_deref()).await?;
    check_catalog(&input.catalog_name)?;
    let after = page::after(input.next_token.as_deref())?;
    let request = PageRequest::after(after, page::limit(input.max_results, PAGE_MAX));
    let listing = athena.lake.catalog().databases(&ctx.scope, &request).await.map_err(from_catalog)?;
    let names_only = input.attributes_to_get.is_some_and(|attributes| !attributes.is_empty());
    let databases = listing.items.into_iter().map(|found| {
        if names_only { Database { name: found.name, ..Default::default() } } else { database(found) }
    });
    Ok(ListDatabasesOutput {
        database_list: Some(databases.collect()),
        next_token: listing.next.as_deref().map(page::token),
    })
}
