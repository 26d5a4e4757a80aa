use std::cmp::Ordering;
use std::sync::Arc;

use aws::{ApiError, AwsTimestamp, Context};
use lake::{PageRequest, Table};
use rt::Timestamp;

use crate::error::from_catalog;
use crate::model::{
    Comparator, PropertyPredicate, ResourceShareType, SearchTablesInput, SearchTablesOutput, Sort,
    SortCriterion, error,
};
use crate::shape::table_out;
use crate::{Glue, limits, page, require_catalog};

/// Goes through all tables, at most [`limits::SEARCHED_TABLES`].
pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: SearchTablesInput,
) -> Result<SearchTablesOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    let page = page::request(&ctx, input.next_token.as_deref(), input.max_results, limits::LARGE_PAGE)?;
    if input.resource_share_type.is_some_and(|kind| kind != ResourceShareType::All) {
        return Ok(SearchTablesOutput { table_list: Some(Vec::new()), next_token: None });
    }
    let filters = input.filters.unwrap_or_default();
    for filter in &filters {
        check(filter)?;
    }
    let words = input.search_text.unwrap_or_default();
    let mut found = tables(&ctx, &glue).await?;
    found.retain(|table| filters.iter().all(|filter| passes(table, filter)) && mentions(table, &words));
    if let Some(criterion) = input.sort_criteria.unwrap_or_default().first() {
        sort(&mut found, criterion)?;
    }
    // The order is total, so a place in it is a cursor.
    let from = page.after.as_deref().and_then(|cursor| cursor.parse().ok()).unwrap_or(0_usize);
    let to = from.saturating_add(page.limit);
    let next = (to < found.len()).then(|| to.to_string());
    let table_list =
        found.into_iter().skip(from).take(page.limit).map(|table| table_out(&ctx, table)).collect();
    Ok(SearchTablesOutput { table_list: Some(table_list), next_token: page::token(&ctx, next) })
}

async fn tables(ctx: &Context, glue: &Glue) -> Result<Vec<Table>, ApiError> {
    let mut tables = Vec::new();
    let mut databases = PageRequest::first(limits::LARGE_PAGE);
    loop {
        let listing = glue.catalog().databases(&ctx.scope, &databases).await.map_err(from_catalog)?;
        for database in listing.items {
            let mut page = PageRequest::first(limits::LARGE_PAGE);
            loop {
                let listing =
                    glue.catalog().tables(&ctx.scope, &database.name, &page).await.map_err(from_catalog)?;
                tables.extend(listing.items);
                if tables.len() > limits::SEARCHED_TABLES {
                    return Err(error::invalid_input_exception(format!(
                        "The catalog has more than {} tables, which a search does not go through.",
                        limits::SEARCHED_TABLES
                    )));
                }
                page.after = listing.next;
                if page.after.is_none() {
                    break;
                }
            }
        }
        databases.after = listing.next;
        if databases.after.is_none() {
            return Ok(tables);
        }
    }
}

/// What a table is searched by.
enum Property<'a> {
    Text(Option<&'a str>),
    Time(Timestamp),
}

fn property<'a>(table: &'a Table, key: &str) -> Property<'a> {
    match key.to_ascii_lowercase().as_str() {
        "name" => Property::Text(Some(&table.name)),
        "databasename" => Property::Text(Some(&table.database)),
        "description" => Property::Text(table.description.as_deref()),
        "owner" => Property::Text(table.owner.as_deref()),
        "tabletype" => Property::Text(table.table_type.as_deref()),
        "location" => Property::Text(table.storage.location.as_deref()),
        "createtime" => Property::Time(table.created),
        "updatetime" => Property::Time(table.updated),
        _ => Property::Text(table.parameters.get(key).map(String::as_str)),
    }
}

fn check(filter: &PropertyPredicate) -> Result<(), ApiError> {
    let (Some(key), Some(value)) = (&filter.key, &filter.value) else {
        return Err(error::invalid_input_exception("A filter has a Key and a Value."));
    };
    let is_time = matches!(key.to_ascii_lowercase().as_str(), "createtime" | "updatetime");
    if is_time && AwsTimestamp::parse(value).is_none() {
        return Err(error::invalid_input_exception(format!("'{value}' is not a time.")));
    }
    if !is_time && filter.comparator.is_some_and(|comparator| comparator != Comparator::Equals) {
        return Err(error::invalid_input_exception(format!("Only times are compared by order, not {key}.")));
    }
    Ok(())
}

fn passes(table: &Table, filter: &PropertyPredicate) -> bool {
    let (Some(key), Some(value)) = (&filter.key, &filter.value) else { return false };
    match property(table, key) {
        Property::Text(text) => text.is_some_and(|text| text.eq_ignore_ascii_case(value)),
        Property::Time(time) => {
            let Some(order) = AwsTimestamp::parse(value).map(|wanted| time.cmp(&wanted.into())) else {
                return false;
            };
            match filter.comparator.unwrap_or_default() {
                Comparator::Equals => order == Ordering::Equal,
                Comparator::GreaterThan => order == Ordering::Greater,
                Comparator::LessThan => order == Ordering::Less,
                Comparator::GreaterThanEquals => order != Ordering::Less,
                Comparator::LessThanEquals => order != Ordering::Greater,
            }
        }
    }
}

/// Whether the text, or in quotes exactly it, stands in the table's names, descriptions or columns.
fn mentions(table: &Table, text: &str) -> bool {
    let text = text.to_lowercase();
    let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let columns = table.columns.iter().chain(&table.partition_keys);
    let texts = [Some(table.name.as_str()), Some(table.database.as_str()), table.description.as_deref()]
        .into_iter()
        .flatten()
        .chain(columns.flat_map(|column| [Some(column.name.as_str()), column.comment.as_deref()]).flatten())
        .chain(table.parameters.values().map(String::as_str));
    let mut texts = texts.map(str::to_lowercase);
    match quoted {
        Some(exact) => texts.any(|found| found == exact),
        None => texts.any(|found| found.contains(&text)),
    }
}

/// By a property, then by name, which is unique.
fn sort(tables: &mut [Table], criterion: &SortCriterion) -> Result<(), ApiError> {
    let Some(field) = &criterion.field_name else {
        return Err(error::invalid_input_exception("A sort criterion has a FieldName."));
    };
    tables.sort_by(|a, b| {
        let order = match (property(a, field), property(b, field)) {
            (Property::Text(a), Property::Text(b)) => a.cmp(&b),
            (Property::Time(a), Property::Time(b)) => a.cmp(&b),
            _ => Ordering::Equal,
        };
        let order = if criterion.sort == Some(Sort::Desc) { order.reverse() } else { order };
        order.then_with(|| (&a.database, &a.name).cmp(&(&b.database, &b.name)))
    });
    Ok(())
}
