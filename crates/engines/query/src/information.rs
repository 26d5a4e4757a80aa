//! `information_schema` and `"table$partitions"`.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::ScalarValue;
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::logical_expr::TableSource;
use lake::catalog::PageRequest;
use lake::{Lake, Partition, Table};

use crate::engine::{CATALOG, Session};
use crate::error::QueryError;
use crate::{scan, types, view};

pub(crate) const SCHEMA: &str = "information_schema";

/// Items fetched from the catalog at a time.
const PAGE: usize = 1000;

type Source = Arc<dyn TableSource>;

/// The table of that name in `information_schema`.
pub(crate) async fn table(lake: &Lake, session: &Session, name: &str) -> Result<Option<Source>, QueryError> {
    let batch = match name {
        "schemata" => schemata(lake, session).await?,
        "tables" => tables(lake, session).await?,
        "views" => views(lake, session).await?,
        "columns" => columns(lake, session).await?,
        _ => return Ok(None),
    };
    in_memory(batch).map(Some)
}

/// One row per partition, its values typed.
pub(crate) async fn partitions(lake: &Lake, session: &Session, table: &Table) -> Result<Source, QueryError> {
    let mut fields = Vec::new();
    for key in &table.partition_keys {
        let parsed = lake::types::parse(&key.type_).map_err(QueryError::internal)?;
        fields.push(Field::new(key.name.to_lowercase(), types::of_table(&parsed.to_arrow()), true));
    }
    let found = all_partitions(lake, session, table).await?;
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        let empty = String::new();
        let values = found
            .iter()
            .map(|partition| scan::partition_value(field, partition.values.get(index).unwrap_or(&empty)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(QueryError::internal)?;
        columns.push(if values.is_empty() {
            arrow::array::new_empty_array(field.data_type())
        } else {
            ScalarValue::iter_to_array(values).map_err(QueryError::internal)?
        });
    }
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(QueryError::internal)?;
    in_memory(batch)
}

pub(crate) async fn all_partitions(
    lake: &Lake,
    session: &Session,
    table: &Table,
) -> Result<Vec<Partition>, QueryError> {
    let mut all = Vec::new();
    let mut page = PageRequest::first(PAGE);
    loop {
        let listing =
            lake.catalog().partitions(&session.scope, &table.database, &table.name, None, &page).await;
        let listing = listing.map_err(QueryError::internal)?;
        all.extend(listing.items);
        match listing.next {
            Some(next) => page = PageRequest::after(Some(next), PAGE),
            None => return Ok(all),
        }
    }
}

pub(crate) async fn all_databases(lake: &Lake, session: &Session) -> Result<Vec<String>, QueryError> {
    let mut all = Vec::new();
    let mut page = PageRequest::first(PAGE);
    loop {
        let listing = lake.catalog().databases(&session.scope, &page).await.map_err(QueryError::internal)?;
        all.extend(listing.items.into_iter().map(|database| database.name));
        match listing.next {
            Some(next) => page = PageRequest::after(Some(next), PAGE),
            None => return Ok(all),
        }
    }
}

pub(crate) async fn all_tables(
    lake: &Lake,
    session: &Session,
    database: &str,
) -> Result<Vec<Table>, lake::CatalogError> {
    let mut all = Vec::new();
    let mut page = PageRequest::first(PAGE);
    loop {
        let listing = lake.catalog().tables(&session.scope, database, &page).await?;
        all.extend(listing.items);
        match listing.next {
            Some(next) => page = PageRequest::after(Some(next), PAGE),
            None => return Ok(all),
        }
    }
}

async fn every_table(lake: &Lake, session: &Session) -> Result<Vec<Table>, QueryError> {
    let mut all = Vec::new();
    for database in all_databases(lake, session).await? {
        all.extend(all_tables(lake, session, &database).await.map_err(QueryError::internal)?);
    }
    Ok(all)
}

async fn schemata(lake: &Lake, session: &Session) -> Result<RecordBatch, QueryError> {
    let mut names = all_databases(lake, session).await?;
    names.push(SCHEMA.to_owned());
    names.sort();
    let rows = names.iter().map(|name| vec![Some(CATALOG.to_owned()), Some(name.clone())]).collect();
    texts(&["catalog_name", "schema_name"], rows)
}

async fn tables(lake: &Lake, session: &Session) -> Result<RecordBatch, QueryError> {
    let rows = every_table(lake, session).await?.into_iter().map(|table| {
        let kind = if table.is_view() { "VIEW" } else { "BASE TABLE" };
        vec![Some(CATALOG.to_owned()), Some(table.database), Some(table.name), Some(kind.to_owned())]
    });
    texts(&["table_catalog", "table_schema", "table_name", "table_type"], rows.collect())
}

async fn views(lake: &Lake, session: &Session) -> Result<RecordBatch, QueryError> {
    let rows = every_table(lake, session).await?.into_iter().filter(Table::is_view).map(|table| {
        let text = view::Definition::of(&table).map(|definition| definition.original_sql);
        vec![Some(CATALOG.to_owned()), Some(table.database), Some(table.name), text]
    });
    texts(&["table_catalog", "table_schema", "table_name", "view_definition"], rows.collect())
}

async fn columns(lake: &Lake, session: &Session) -> Result<RecordBatch, QueryError> {
    let mut rows = Vec::new();
    let mut ordinals = Vec::new();
    for table in every_table(lake, session).await? {
        let keys = table.partition_keys.iter().map(|column| (column, Some("partition key".to_owned())));
        let all = table.columns.iter().map(|column| (column, None)).chain(keys);
        for (index, (column, extra)) in all.enumerate() {
            ordinals.push(i64::try_from(index).unwrap_or(i64::MAX) + 1);
            rows.push(vec![
                Some(CATALOG.to_owned()),
                Some(table.database.clone()),
                Some(table.name.clone()),
                Some(column.name.to_lowercase()),
                None,
                Some("YES".to_owned()),
                Some(trino_type(&column.type_)),
                column.comment.clone(),
                extra,
            ]);
        }
    }
    let names = [
        "table_catalog",
        "table_schema",
        "table_name",
        "column_name",
        "column_default",
        "is_nullable",
        "data_type",
        "comment",
        "extra_info",
    ];
    let batch = texts(&names, rows)?;
    with_ordinals(&batch, ordinals)
}

fn with_ordinals(batch: &RecordBatch, ordinals: Vec<i64>) -> Result<RecordBatch, QueryError> {
    let mut fields: Vec<_> = batch.schema().fields().to_vec();
    let mut arrays = batch.columns().to_vec();
    fields.insert(4, Arc::new(Field::new("ordinal_position", DataType::Int64, true)));
    arrays.insert(4, Arc::new(Int64Array::from(ordinals)));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(QueryError::internal)
}

/// A Hive type as Trino spells it; as it stands when it cannot be read.
pub(crate) fn trino_type(hive: &str) -> String {
    match lake::types::parse(hive) {
        Ok(parsed) => types::display(&types::of_table(&parsed.to_arrow())),
        Err(_) => hive.to_owned(),
    }
}

fn texts(names: &[&str], rows: Vec<Vec<Option<String>>>) -> Result<RecordBatch, QueryError> {
    let fields: Vec<_> = names.iter().map(|name| Field::new(*name, DataType::Utf8, true)).collect();
    let columns = (0..names.len()).map(|index| {
        let column: StringArray = rows.iter().map(|row| row[index].as_deref()).collect();
        Arc::new(column) as ArrayRef
    });
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.collect()).map_err(QueryError::internal)
}

fn in_memory(batch: RecordBatch) -> Result<Source, QueryError> {
    let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).map_err(QueryError::internal)?;
    Ok(provider_as_source(Arc::new(table)))
}
