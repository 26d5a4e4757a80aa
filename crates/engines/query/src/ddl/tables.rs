//! CREATE TABLE and ALTER TABLE.

use std::collections::HashSet;

use lake::format::StoredAs;
use lake::iceberg::Place;
use lake::{CatalogError, Column, Partition, Serde, Storage, Table};

use super::cursor::ObjectName;
use super::iceberg;
use super::run::{database_of, failed, table};
use super::statement::{AlterTable, ColumnDefinition, CreateTable, PartitionSpec};
use crate::engine::{Engine, Session};
use crate::error::{ErrorKind, QueryError};

pub(super) fn semantic(message: impl std::fmt::Display) -> QueryError {
    QueryError::new(ErrorKind::Ddl, format!("FAILED: SemanticException {message}"))
}

pub(super) fn column(definition: &ColumnDefinition) -> Column {
    Column { comment: definition.comment.clone(), ..Column::new(&definition.name, &definition.type_) }
}

pub(super) async fn create(
    engine: &Engine,
    session: &Session,
    definition: CreateTable,
) -> Result<(), QueryError> {
    let Some(name) = definition.name.clone() else { return Err(semantic("a table needs a name")) };
    let property =
        |key: &str| definition.properties.iter().find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, v)| v);
    if property("table_type").is_some_and(|kind| kind.eq_ignore_ascii_case("iceberg")) {
        return iceberg::create(engine, session, &name, definition).await;
    }
    if !definition.partition_by.is_empty() {
        return Err(semantic("a partition key needs a type"));
    }
    if !definition.external {
        return Err(semantic("only external tables can be created: use CREATE EXTERNAL TABLE"));
    }
    let Some(location) = &definition.location else {
        return Err(semantic("Cannot create table without a LOCATION"));
    };
    if let Err(error) = lake::location::parse(location) {
        return Err(semantic(error));
    }
    let mut seen = HashSet::new();
    for column in definition.columns.iter().chain(&definition.partition_keys) {
        if !seen.insert(&column.name) {
            return Err(semantic(format!("[Error 10036]: Duplicate column name: {}", column.name)));
        }
    }
    let mut table = Table::new(database_of(session, &name), name.name.clone());
    table.description.clone_from(&definition.comment);
    table.columns = definition.columns.iter().map(column).collect();
    table.partition_keys = definition.partition_keys.iter().map(column).collect();
    table.storage = storage(&definition, location)?;
    table.parameters = definition.properties.iter().cloned().collect();
    table.parameters.entry("EXTERNAL".into()).or_insert_with(|| "TRUE".into());
    table.parameters.insert("transient_lastDdlTime".into(), (session.now.as_millis() / 1000).to_string());
    match engine.lake().catalog().create_table(&session.scope, table).await {
        Err(CatalogError::TableExists { .. }) if definition.if_not_exists => Ok(()),
        other => other.map(|_| ()).map_err(failed),
    }
}

fn storage(definition: &CreateTable, location: &str) -> Result<Storage, QueryError> {
    let stored_as = match &definition.stored_as {
        None => StoredAs::TextFile,
        Some(name) => StoredAs::parse(name)
            .ok_or_else(|| semantic(format!("Unrecognized file format in STORED AS clause: {name}")))?,
    };
    let mut storage = stored_as.storage(location);
    if definition.input_format.is_some() {
        storage.input_format.clone_from(&definition.input_format);
        storage.output_format.clone_from(&definition.output_format);
    }
    if let Some(class) = &definition.serde {
        let name = storage.serde.name.take();
        storage.serde = Serde {
            name,
            library: Some(class.clone()),
            parameters: std::mem::take(&mut storage.serde.parameters),
        };
    }
    storage.serde.parameters.extend(definition.serde_properties.iter().cloned());
    Ok(storage)
}

pub(super) async fn alter(
    engine: &Engine,
    session: &Session,
    name: &ObjectName,
    action: AlterTable,
) -> Result<(), QueryError> {
    let table = table(engine, session, name).await?;
    if table.is_view() {
        return Err(semantic(format!("Cannot alter the view {}.{}", table.database, table.name)));
    }
    if lake::iceberg::is_iceberg(&table) {
        return iceberg::alter(engine, session, &table, action).await;
    }
    match action {
        AlterTable::AddPartitions { if_not_exists, partitions } => {
            add_partitions(engine, session, &table, if_not_exists, &partitions).await
        }
        AlterTable::DropPartitions { if_exists, partitions } => {
            let values = partitions.iter().map(|spec| values(&table, spec)).collect::<Result<Vec<_>, _>>()?;
            let catalog = engine.lake().catalog();
            let outcomes =
                catalog.delete_partitions(&session.scope, &table.database, &table.name, &values).await;
            for outcome in outcomes.map_err(failed)? {
                match outcome {
                    Err(CatalogError::NoSuchPartition { .. }) if if_exists => {}
                    other => other.map_err(failed)?,
                }
            }
            Ok(())
        }
        AlterTable::RenamePartition { from, to } => rename(engine, session, &table, &from, &to).await,
        AlterTable::AddColumns(columns) => {
            let mut changed = table;
            for definition in &columns {
                let known = changed.columns.iter().chain(&changed.partition_keys);
                if known.into_iter().any(|column| column.name.eq_ignore_ascii_case(&definition.name)) {
                    return Err(semantic(format!(
                        "[Error 10036]: Duplicate column name: {}",
                        definition.name
                    )));
                }
                changed.columns.push(column(definition));
            }
            update(engine, session, changed).await
        }
        AlterTable::ReplaceColumns(columns) => {
            let changed = Table { columns: columns.iter().map(column).collect(), ..table };
            update(engine, session, changed).await
        }
        AlterTable::DropColumn(_) => {
            Err(semantic("DROP COLUMN is of Iceberg tables: use REPLACE COLUMNS with those that stay"))
        }
        AlterTable::ChangeColumn { name, to, place } => {
            update(engine, session, changed(table, &name, &to, place)?).await
        }
        AlterTable::SetLocation { partition, location } => {
            set_location(engine, session, table, partition, location).await
        }
        AlterTable::SetProperties(properties) => {
            let mut changed = table;
            changed.parameters.extend(properties);
            update(engine, session, changed).await
        }
        AlterTable::UnsetProperties(keys) => {
            let mut changed = table;
            changed.parameters.retain(|key, _| !keys.contains(key));
            update(engine, session, changed).await
        }
    }
}

/// The table with another definition of one of its columns. Files are read by the table's columns as they are now:
/// what is in them under another name, or cannot be read as the type, is the asker's to know.
fn changed(
    mut table: Table,
    name: &str,
    to: &ColumnDefinition,
    place: Option<Place>,
) -> Result<Table, QueryError> {
    let find = |columns: &[Column], name: &str| {
        let found = columns.iter().position(|column| column.name.eq_ignore_ascii_case(name));
        found.ok_or_else(|| semantic(format!("[Error 10002]: Invalid column reference {name}")))
    };
    let before = find(&table.columns, name)?;
    let mut old = table.columns.remove(before);
    let known = table.columns.iter().chain(&table.partition_keys);
    if known.into_iter().any(|column| column.name.eq_ignore_ascii_case(&to.name)) {
        return Err(semantic(format!("[Error 10036]: Duplicate column name: {}", to.name)));
    }
    old.name.clone_from(&to.name);
    old.type_.clone_from(&to.type_);
    if to.comment.is_some() {
        old.comment.clone_from(&to.comment);
    }
    let at = match place {
        None => before,
        Some(Place::First) => 0,
        Some(Place::After(other)) => find(&table.columns, &other)? + 1,
    };
    table.columns.insert(at, old);
    Ok(table)
}

async fn set_location(
    engine: &Engine,
    session: &Session,
    table: Table,
    partition: Option<PartitionSpec>,
    location: String,
) -> Result<(), QueryError> {
    lake::location::parse(&location).map_err(semantic)?;
    let Some(spec) = partition else {
        let storage = Storage { location: Some(location), ..table.storage.clone() };
        return update(engine, session, Table { storage, ..table }).await;
    };
    let values = values(&table, &spec)?;
    let catalog = engine.lake().catalog();
    let found = catalog.partition(&session.scope, &table.database, &table.name, &values).await;
    let mut found = found.map_err(failed)?;
    found.storage.location = Some(location);
    let done = catalog.update_partition(&session.scope, &table.database, &table.name, &values, found).await;
    done.map_err(failed)
}

async fn update(engine: &Engine, session: &Session, table: Table) -> Result<(), QueryError> {
    let version = table.version;
    let done = engine.lake().catalog().update_table(&session.scope, table, Some(version), true).await;
    done.map(|_| ()).map_err(failed)
}

/// One value per partition key, in the keys' order.
fn values(table: &Table, spec: &PartitionSpec) -> Result<Vec<String>, QueryError> {
    let value = |key: &Column| {
        let found = spec.iter().find(|(name, _)| name.eq_ignore_ascii_case(&key.name));
        found.map(|(_, value)| value.clone())
    };
    let values: Option<Vec<String>> = table.partition_keys.iter().map(value).collect();
    match values {
        Some(values) if values.len() == spec.len() && !values.is_empty() => Ok(values),
        _ => {
            let keys: Vec<&str> = spec.iter().map(|(key, _)| key.as_str()).collect();
            Err(semantic(format!("Invalid partition spec specified: [{}]", keys.join(", "))))
        }
    }
}

async fn add_partitions(
    engine: &Engine,
    session: &Session,
    table: &Table,
    if_not_exists: bool,
    partitions: &[(PartitionSpec, Option<String>)],
) -> Result<(), QueryError> {
    let mut all = Vec::with_capacity(partitions.len());
    for (spec, location) in partitions {
        let values = values(table, spec)?;
        let partition = match location {
            None => {
                Partition::at_default(table, values).ok_or_else(|| semantic("the table has no location"))?
            }
            Some(location) => {
                lake::location::parse(location).map_err(semantic)?;
                let storage = Storage {
                    location: Some(location.clone()),
                    columns: table.columns.clone(),
                    ..table.storage.clone()
                };
                Partition::new(values, storage)
            }
        };
        all.push(partition);
    }
    let catalog = engine.lake().catalog();
    let outcomes = catalog.create_partitions(&session.scope, &table.database, &table.name, all).await;
    for outcome in outcomes.map_err(failed)? {
        match outcome {
            Err(CatalogError::PartitionExists { .. }) if if_not_exists => {}
            other => other.map_err(failed)?,
        }
    }
    Ok(())
}

async fn rename(
    engine: &Engine,
    session: &Session,
    table: &Table,
    from: &PartitionSpec,
    to: &PartitionSpec,
) -> Result<(), QueryError> {
    let (from, to) = (values(table, from)?, values(table, to)?);
    let catalog = engine.lake().catalog();
    let mut partition =
        catalog.partition(&session.scope, &table.database, &table.name, &from).await.map_err(failed)?;
    partition.values = to;
    let done = catalog.update_partition(&session.scope, &table.database, &table.name, &from, partition).await;
    done.map_err(failed)
}
