//! Data definitions on Iceberg tables.

mod alter;
mod properties;

use std::collections::HashSet;
use std::fmt::Write;

use iceberg::spec::Transform;
use lake::iceberg::{Creation, IcebergError, PartitionBy, TABLE_TYPE};
use lake::{CatalogError, Column, Table};
use objects::{ListRequest, ObjectError};

use super::cursor::ObjectName;
use super::run::{database_of, failed};
use super::show::{definitions, quoted};
use super::statement::CreateTable;
use super::tables::{column, semantic};
use crate::engine::{Engine, Session};
use crate::error::{ErrorKind, QueryError};

pub(super) use alter::{alter, optimize, vacuum};
pub(super) use properties::shown;

/// Objects listed and deleted at a time when a table is dropped.
const PAGE: usize = 1_000;

pub(super) async fn create(
    engine: &Engine,
    session: &Session,
    name: &ObjectName,
    definition: CreateTable,
) -> Result<(), QueryError> {
    if definition.external {
        return Err(semantic("an Iceberg table is created with CREATE TABLE, without EXTERNAL"));
    }
    if !definition.partition_keys.is_empty() {
        let message =
            "an Iceberg table is partitioned by its own columns: PARTITIONED BY (column, day(column))";
        return Err(semantic(message));
    }
    if definition.serde.is_some() || definition.stored_as.is_some() || definition.input_format.is_some() {
        return Err(semantic("ROW FORMAT and STORED AS do not apply to Iceberg tables"));
    }
    let Some(location) = &definition.location else {
        return Err(semantic("Cannot create table without a LOCATION"));
    };
    let mut seen = HashSet::new();
    if let Some(twice) = definition.columns.iter().find(|column| !seen.insert(&column.name)) {
        return Err(semantic(format!("[Error 10036]: Duplicate column name: {}", twice.name)));
    }
    let columns: Vec<Column> = definition.columns.iter().map(column).collect();
    let mut creation =
        Creation::new(database_of(session, name), &name.name, location, &columns).map_err(refused)?;
    let parts = definition.partition_by.iter().map(|text| PartitionBy::parse(text));
    creation.partition_by = parts.collect::<Result<_, _>>().map_err(refused)?;
    creation.properties = properties::stored(&definition.properties)?;
    creation.comment.clone_from(&definition.comment);
    match engine.lake().iceberg().create(&session.scope, creation).await {
        Err(IcebergError::Catalog(CatalogError::TableExists { .. })) if definition.if_not_exists => Ok(()),
        other => other.map(|_| ()).map_err(refused),
    }
}

/// As the public service does: the entry first, then everything below the table's location.
pub(super) async fn drop(engine: &Engine, session: &Session, table: &Table) -> Result<(), QueryError> {
    let lake = engine.lake();
    lake.catalog().delete_table(&session.scope, &table.database, &table.name).await.map_err(failed)?;
    let Some(location) = &table.storage.location else { return Ok(()) };
    let place = lake::location::parse(location).map_err(semantic)?;
    if place.prefix.is_empty() {
        // A table at the root of a bucket does not own what others put there.
        return Ok(());
    }
    let request = ListRequest { prefix: place.prefix, delimiter: None, start_after: None, limit: PAGE };
    loop {
        let page = match lake.objects().list(&place.bucket, &request).await {
            Err(ObjectError::NoSuchBucket { .. }) => return Ok(()),
            other => other.map_err(QueryError::internal)?,
        };
        if page.objects.is_empty() {
            return Ok(());
        }
        for object in page.objects {
            lake.objects().delete(&place.bucket, &object.key).await.map_err(QueryError::internal)?;
        }
    }
}

/// The statement that would create the table.
pub(super) async fn definition(
    engine: &Engine,
    session: &Session,
    table: &Table,
) -> Result<Vec<String>, QueryError> {
    let loaded = engine.lake().iceberg().load(&session.scope, &table.database, &table.name).await;
    let loaded = loaded.map_err(refused)?;
    let metadata = loaded.metadata();
    let mut text =
        format!("CREATE TABLE {}.{} (\n{}", table.database, table.name, definitions(&table.columns));
    let parts: Vec<String> = metadata
        .default_partition_spec()
        .fields()
        .iter()
        .filter_map(|field| {
            let column = quoted_name(metadata.current_schema().name_by_field_id(field.source_id)?);
            Some(match field.transform {
                Transform::Identity => column,
                Transform::Bucket(count) => format!("bucket({count}, {column})"),
                Transform::Truncate(width) => format!("truncate({width}, {column})"),
                Transform::Void => return None,
                other => format!("{other}({column})"),
            })
        })
        .collect();
    if !parts.is_empty() {
        let _ = write!(text, "\nPARTITIONED BY ({})", parts.join(", "));
    }
    if let Some(location) = &table.storage.location {
        let _ = write!(text, "\nLOCATION {}", quoted(location));
    }
    let mut shown = vec![format!("  {}={}", quoted(TABLE_TYPE), quoted("iceberg"))];
    let stated = properties::of(&loaded);
    shown.extend(stated.iter().map(|(key, value)| format!("  {}={}", quoted(key), quoted(value))));
    let _ = write!(text, "\nTBLPROPERTIES (\n{}\n)", shown.join(",\n"));
    Ok(text.lines().map(str::to_owned).collect())
}

fn quoted_name(name: &str) -> String {
    format!("`{name}`")
}

fn refused(error: IcebergError) -> QueryError {
    match error {
        IcebergError::Catalog(error) => failed(error),
        IcebergError::Objects(ObjectError::NoSuchBucket { .. }) => {
            QueryError::new(ErrorKind::Ddl, format!("FAILED: SemanticException {error}"))
        }
        other => semantic(other),
    }
}
