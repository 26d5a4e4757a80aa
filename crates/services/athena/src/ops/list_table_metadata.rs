use std::sync::Arc;

use aws::{ApiError, Context};
use lake::{PageRequest, Table};
use regex::{Regex, RegexBuilder};

use crate::Athena;
use crate::error::{Rejection, from_catalog, invalid};
use crate::limits::PAGE_MAX;
use crate::model::{ListTableMetadataInput, ListTableMetadataOutput, TableMetadata};
use crate::page;
use crate::shapes::{check_catalog, table};

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: ListTableMetadataInput,
) -> Result<ListTableMetadataOutput, ApiError> {
    athena.check_work_group(&ctx.scope, input.work_group.as_deref()).await?;
    check_catalog(&input.catalog_name)?;
    let names = input.expression.as_deref().map(pattern).transpose()?;
    let wanted = |found: &Table| names.as_ref().is_none_or(|names| names.is_match(&found.name));
    let limit = page::limit(input.max_results, PAGE_MAX);
    let catalog = athena.lake.catalog();
    let mut after = page::after(input.next_token.as_deref())?;
    let mut tables = Vec::new();
    loop {
        let request = PageRequest::after(after, limit - tables.len());
        let listing =
            catalog.tables(&ctx.scope, &input.database_name, &request).await.map_err(from_catalog)?;
        tables.extend(listing.items.into_iter().filter(wanted));
        after = listing.next;
        if after.is_none() || tables.len() >= limit {
            break;
        }
    }
    let attributes = input.attributes_to_get.unwrap_or_default();
    let attributes = attributes.iter().map(|attribute| attribute.as_str()).collect::<Vec<_>>();
    let shown = tables.into_iter().map(|found| reduced(table(found), &attributes));
    Ok(ListTableMetadataOutput {
        table_metadata_list: Some(shown.collect()),
        next_token: after.as_deref().map(page::token),
    })
}

/// Only what was asked for; everything if nothing was.
fn reduced(table: TableMetadata, attributes: &[&str]) -> TableMetadata {
    if attributes.is_empty() {
        return table;
    }
    let table_type = table.table_type.filter(|_| attributes.contains(&"TABLE_TYPE"));
    TableMetadata { name: table.name, table_type, ..Default::default() }
}

/// A regular expression over whole names; a `*` at the end alone also means anything, as in Hive.
fn pattern(expression: &str) -> Result<Regex, ApiError> {
    const PROGRAM_BYTES_MAX: usize = 1 << 20;
    let hive = expression.replace(".*", "*").replace('*', ".*");
    RegexBuilder::new(&format!("^(?:{hive})$"))
        .case_insensitive(true)
        .size_limit(PROGRAM_BYTES_MAX)
        .build()
        .map_err(|_| invalid(Rejection::Input, format!("Invalid expression {expression}")))
}
