//! Column statistics as engines computed them, kept with their table or partition.

use std::collections::BTreeMap;

use aws::{ApiError, Context};
use lake::Owner;

use crate::Glue;
use crate::error::{detail_of, from_catalog};
use crate::model::{ColumnError, ColumnStatistics, ColumnStatisticsError, error};

/// What attachments of this kind are called in the catalog.
const KIND: &str = "statistics";

/// The statistics of these columns, and an error for each column without.
pub(super) async fn get(
    ctx: &Context,
    glue: &Glue,
    owner: Owner<'_>,
    columns: Vec<String>,
) -> Result<(Vec<ColumnStatistics>, Vec<ColumnError>), ApiError> {
    let items = glue.catalog().attached(&ctx.scope, owner, KIND).await.map_err(from_catalog)?;
    let mut items: BTreeMap<_, _> = items.into_iter().collect();
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    for name in columns {
        match items.remove(&name.to_lowercase()) {
            Some(value) => found.push(serde_json::from_value(value).map_err(ApiError::internal)?),
            None => {
                errors.push(ColumnError { error: Some(detail_of(&absent(&name))), column_name: Some(name) })
            }
        }
    }
    Ok((found, errors))
}

/// Stores the statistics of each column that the table has and reports those it has not.
pub(super) async fn put(
    ctx: &Context,
    glue: &Glue,
    owner: Owner<'_>,
    statistics: Vec<ColumnStatistics>,
) -> Result<Vec<ColumnStatisticsError>, ApiError> {
    let (database, table) = match owner {
        Owner::Table { database, table } | Owner::Partition { database, table, .. } => (database, table),
        Owner::Database(name) => (name, ""),
    };
    let table = glue.catalog().table(&ctx.scope, database, table).await.map_err(from_catalog)?;
    let is_column = |name: &str| table.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
    let (known, unknown): (Vec<_>, Vec<_>) =
        statistics.into_iter().partition(|one| is_column(&one.column_name));
    let items: Vec<_> = known
        .into_iter()
        .map(|one| Ok((one.column_name.to_lowercase(), serde_json::to_value(one)?)))
        .collect::<Result<_, serde_json::Error>>()
        .map_err(ApiError::internal)?;
    glue.catalog().attach(&ctx.scope, owner, KIND, &items).await.map_err(from_catalog)?;
    let error_of = |one: ColumnStatistics| {
        let message = format!("Column {} not found.", one.column_name);
        let error = Some(detail_of(&error::entity_not_found_exception(message)));
        ColumnStatisticsError { column_statistics: Some(one), error }
    };
    Ok(unknown.into_iter().map(error_of).collect())
}

pub(super) async fn delete(
    ctx: &Context,
    glue: &Glue,
    owner: Owner<'_>,
    column: &str,
) -> Result<(), ApiError> {
    let name = column.to_lowercase();
    let removed = glue.catalog().detach(&ctx.scope, owner, KIND, &name);
    if removed.await.map_err(from_catalog)? { Ok(()) } else { Err(absent(column)) }
}

fn absent(column: &str) -> ApiError {
    error::entity_not_found_exception(format!("Statistics of column {column} not found."))
}
