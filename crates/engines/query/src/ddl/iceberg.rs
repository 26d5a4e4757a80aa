//! Data definitions on Iceberg tables.

use std::collections::{HashMap, HashSet};

use lake::iceberg::{Creation, IcebergError, PartitionBy, TABLE_TYPE};
use lake::{CatalogError, Column, Table};
use objects::{ListRequest, ObjectError};

use super::cursor::ObjectName;
use super::run::{database_of, failed};
use super::show::{definitions, quoted};
use super::statement::{AlterTable, CreateTable};
use super::tables::{column, semantic};
use crate::engine::{Engine, Session};
use crate::error::{ErrorKind, QueryError};

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
    creation.properties = properties(&definition.properties)?;
    creation.comment.clone_from(&definition.comment);
    match engine.lake().iceberg().create(&session.scope, creation).await {
        Err(IcebergError::Catalog(CatalogError::TableExists { .. })) if definition.if_not_exists => Ok(()),
        other => other.map(|_| ()).map_err(refused),
    }
}

/// Athena's names of table properties as Iceberg's.
fn properties(given: &[(String, String)]) -> Result<HashMap<String, String>, QueryError> {
    let mut properties = HashMap::new();
    for (key, value) in given {
        let number = || {
            let number: Result<u64, _> = value.parse();
            number.map_err(|_| semantic(format!("the table property {key} is not a number: {value}")))
        };
        let (key, value) = match key.to_lowercase().as_str() {
            "table_type" => continue,
            "format" if value.eq_ignore_ascii_case("parquet") => continue,
            "format" => return Err(QueryError::unsupported(format!("The Iceberg file format {value}"))),
            "write_compression" => ("write.parquet.compression-codec", value.to_lowercase()),
            "compression_level" => ("write.parquet.compression-level", number()?.to_string()),
            "vacuum_min_snapshots_to_keep" => ("history.expire.min-snapshots-to-keep", number()?.to_string()),
            "vacuum_max_snapshot_age_seconds" => {
                ("history.expire.max-snapshot-age-ms", number()?.saturating_mul(1_000).to_string())
            }
            "vacuum_max_metadata_files_to_keep" => {
                ("write.metadata.previous-versions-max", number()?.to_string())
            }
            "optimize_rewrite_data_file_threshold" => {
                continue_with("optimize.rewrite.data-file-threshold", number()?)
            }
            "optimize_rewrite_delete_file_threshold" => {
                continue_with("optimize.rewrite.delete-file-threshold", number()?)
            }
            "optimize_rewrite_min_data_file_size_bytes" => {
                continue_with("optimize.rewrite.min-data-file-size-bytes", number()?)
            }
            "optimize_rewrite_max_data_file_size_bytes" => {
                continue_with("write.target-file-size-bytes", number()?)
            }
            _ => return Err(semantic(format!("Unsupported table property key: {key}"))),
        };
        properties.insert(key.to_owned(), value);
    }
    Ok(properties)
}

fn continue_with(key: &'static str, value: u64) -> (&'static str, String) {
    (key, value.to_string())
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
pub(super) fn definition(table: &Table) -> Vec<String> {
    let mut lines = vec![format!("CREATE TABLE {}.{} (", table.database, table.name)];
    lines.extend(definitions(&table.columns).lines().map(str::to_owned));
    if let Some(location) = &table.storage.location {
        lines.push(format!("LOCATION {}", quoted(location)));
    }
    lines.push(format!("TBLPROPERTIES (\n  {}={}\n)", quoted(TABLE_TYPE), quoted("iceberg")));
    lines.join("\n").lines().map(str::to_owned).collect()
}

pub(super) fn no_alter(action: &AlterTable) -> QueryError {
    let what = match action {
        AlterTable::AddPartitions { .. }
        | AlterTable::DropPartitions { .. }
        | AlterTable::RenamePartition { .. } => {
            return semantic("the partitions of an Iceberg table follow from its rows");
        }
        AlterTable::AddColumns(_) => "ADD COLUMNS",
        AlterTable::ReplaceColumns(_) => "REPLACE COLUMNS",
        AlterTable::SetLocation { .. } => "SET LOCATION",
        AlterTable::SetProperties(_) => "SET TBLPROPERTIES",
    };
    QueryError::unsupported(format!("ALTER TABLE … {what} on an Iceberg table"))
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
