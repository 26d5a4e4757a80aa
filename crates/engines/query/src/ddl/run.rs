//! Data definitions carried out.

use std::sync::Arc;

use lake::{CatalogError, Database, Table};

use super::cursor::ObjectName;
use super::statement::Statement;
use super::{iceberg, show, tables};
use crate::answer::{Answer, Kind, Rows, Stats};
use crate::engine::{Engine, Session, text_column};
use crate::error::{ErrorKind, QueryError};
use crate::parse::Tokens;
use crate::{information, types, view};

/// A text answer: the column's name and its lines.
pub(super) type Lines = (&'static str, Vec<String>);

pub(crate) async fn run(
    engine: &Engine,
    session: &Session,
    statement: Statement,
) -> Result<Answer, QueryError> {
    let verb = statement.verb();
    let kind = if statement.is_utility() { Kind::Utility } else { Kind::Ddl };
    let lines = execute(engine, session, statement).await?;
    let stats = Arc::new(Stats::default());
    let (columns, rows) = match lines {
        Some((column, lines)) => {
            (vec![text_column(column, "string")], lines.into_iter().map(|line| vec![Some(line)]).collect())
        }
        None => (Vec::new(), Vec::new()),
    };
    Ok(Answer { kind, verb: verb.into(), columns, rows: Rows::text(rows, Arc::clone(&stats)), stats })
}

async fn execute(
    engine: &Engine,
    session: &Session,
    statement: Statement,
) -> Result<Option<Lines>, QueryError> {
    match statement {
        Statement::CreateDatabase { name, if_not_exists, comment, location, properties } => {
            let database = Database {
                description: comment,
                location,
                parameters: properties.into_iter().collect(),
                ..Database::new(name)
            };
            create_database(engine, session, database, if_not_exists).await.map(|()| None)
        }
        Statement::DropDatabase { name, if_exists, cascade } => {
            drop_database(engine, session, &name, if_exists, cascade).await.map(|()| None)
        }
        Statement::CreateTable(definition) => {
            tables::create(engine, session, *definition).await.map(|()| None)
        }
        Statement::DropTable { name, if_exists } => {
            drop_table(engine, session, &name, if_exists, false).await.map(|()| None)
        }
        Statement::DropView { name, if_exists } => {
            drop_table(engine, session, &name, if_exists, true).await.map(|()| None)
        }
        Statement::AlterTable { name, action } => {
            tables::alter(engine, session, &name, action).await.map(|()| None)
        }
        Statement::Optimize { name } => iceberg::optimize(engine, session, &name).await.map(|()| None),
        Statement::Vacuum { name } => iceberg::vacuum(engine, session, &name).await.map(|()| None),
        Statement::Repair { name } => repair(engine, session, &name).await.map(Some),
        Statement::CreateView { name, or_replace, query, text } => {
            create_view(engine, session, &name, or_replace, &query, text).await.map(|()| None)
        }
        Statement::ShowDatabases { pattern } => {
            let names = information::all_databases(engine.lake(), session).await?;
            Ok(Some(("database_name", show::matching(names, pattern.as_deref()))))
        }
        Statement::ShowTables { database, pattern } => {
            let names = table_names(engine, session, database, |_| true).await?;
            Ok(Some(("tab_name", show::matching(names, pattern.as_deref()))))
        }
        Statement::ShowViews { database, pattern } => {
            let names = table_names(engine, session, database, Table::is_view).await?;
            Ok(Some(("views", show::matching(names, pattern.as_deref()))))
        }
        Statement::ShowPartitions { name } => {
            let table = table(engine, session, &name).await?;
            show::partitions(engine, session, &table).await.map(Some)
        }
        Statement::ShowColumns { name } => Ok(Some(show::columns(&table(engine, session, &name).await?))),
        Statement::ShowProperties { name, key } => {
            let table = table(engine, session, &name).await?;
            let properties = iceberg::shown(engine, session, &table).await?;
            Ok(Some(show::properties(&table, properties, key.as_deref())))
        }
        Statement::ShowCreateTable { name } => {
            let table = table(engine, session, &name).await?;
            if lake::iceberg::is_iceberg(&table) {
                return Ok(Some(("createtab_stmt", iceberg::definition(engine, session, &table).await?)));
            }
            show::create_table(&table).map(Some)
        }
        Statement::ShowCreateView { name } => {
            show::create_view(&table(engine, session, &name).await?).map(Some)
        }
        Statement::Describe { name, extended, formatted } => {
            Ok(Some(show::describe(&table(engine, session, &name).await?, extended || formatted)))
        }
    }
}

pub(super) fn database_of(session: &Session, name: &ObjectName) -> String {
    name.database.clone().unwrap_or_else(|| session.database())
}

/// The table that a statement names.
pub(super) async fn table(
    engine: &Engine,
    session: &Session,
    name: &ObjectName,
) -> Result<Table, QueryError> {
    let database = database_of(session, name);
    let found = engine.lake().catalog().table(&session.scope, &database, &name.name).await;
    found.map_err(failed)
}

/// The catalog's refusals in Hive's words.
pub(super) fn failed(error: CatalogError) -> QueryError {
    const TASK: &str = "FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask.";
    let (kind, message) = match error {
        CatalogError::NoSuchDatabase(database) => (
            ErrorKind::Ddl,
            format!("FAILED: SemanticException [Error 10072]: Database does not exist: {database}"),
        ),
        CatalogError::NoSuchTable { database, table } => (
            ErrorKind::Ddl,
            format!("FAILED: SemanticException [Error 10001]: Table not found {database}.{table}"),
        ),
        CatalogError::DatabaseExists(database) => {
            (ErrorKind::Ddl, format!("{TASK} Database {database} already exists"))
        }
        CatalogError::TableExists { table, .. } => {
            (ErrorKind::Ddl, format!("{TASK} AlreadyExistsException(message:Table {table} already exists)"))
        }
        CatalogError::PartitionExists { values, .. } => (
            ErrorKind::Ddl,
            format!(
                "{TASK} AlreadyExistsException(message:Partition already exists: [{}])",
                values.join(", ")
            ),
        ),
        CatalogError::NoSuchPartition { values, .. } => (
            ErrorKind::Ddl,
            format!("FAILED: SemanticException [Error 10006]: Partition not found ({})", values.join(", ")),
        ),
        CatalogError::Invalid { field, reason } => {
            (ErrorKind::Ddl, format!("FAILED: SemanticException {field}: {reason}"))
        }
        other => (ErrorKind::Internal, other.to_string()),
    };
    QueryError::new(kind, message)
}

async fn create_database(
    engine: &Engine,
    session: &Session,
    database: Database,
    if_not_exists: bool,
) -> Result<(), QueryError> {
    match engine.lake().catalog().create_database(&session.scope, database).await {
        Err(CatalogError::DatabaseExists(_)) if if_not_exists => Ok(()),
        other => other.map(|_| ()).map_err(failed),
    }
}

async fn drop_database(
    engine: &Engine,
    session: &Session,
    name: &str,
    if_exists: bool,
    cascade: bool,
) -> Result<(), QueryError> {
    match information::all_tables(engine.lake(), session, name).await {
        Err(CatalogError::NoSuchDatabase(_)) if if_exists => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(tables) if !tables.is_empty() && !cascade => {
            let message = format!(
                "FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask. \
                 InvalidOperationException(message:Database {name} is not empty. One or more tables exist.)"
            );
            return Err(QueryError::new(ErrorKind::Ddl, message));
        }
        Ok(_) => {}
    }
    engine.lake().catalog().delete_database(&session.scope, name).await.map_err(failed)
}

async fn drop_table(
    engine: &Engine,
    session: &Session,
    name: &ObjectName,
    if_exists: bool,
    view: bool,
) -> Result<(), QueryError> {
    let found = match table(engine, session, name).await {
        Err(error) if if_exists && error.kind == ErrorKind::Ddl => return Ok(()),
        other => other?,
    };
    if found.is_view() != view {
        let (is, use_) = if view { ("a table", "DROP TABLE") } else { ("a view", "DROP VIEW") };
        let message =
            format!("FAILED: SemanticException {}.{} is {is}. Use {use_}", found.database, found.name);
        return Err(QueryError::new(ErrorKind::Ddl, message));
    }
    if lake::iceberg::is_iceberg(&found) {
        return iceberg::drop(engine, session, &found).await;
    }
    let deleted = engine.lake().catalog().delete_table(&session.scope, &found.database, &found.name).await;
    deleted.map_err(failed)
}

async fn repair(engine: &Engine, session: &Session, name: &ObjectName) -> Result<Lines, QueryError> {
    let table = table(engine, session, name).await?;
    let added = engine.lake().discover_partitions(&session.scope, &table).await;
    let added = added.map_err(|error| QueryError::new(ErrorKind::Ddl, format!("FAILED: {error}")))?;
    let specs: Vec<String> =
        added.iter().map(|values| lake::partition::path(&table.partition_keys, values)).collect();
    let mut lines = Vec::new();
    if !specs.is_empty() {
        let missing: Vec<String> = specs.iter().map(|spec| format!("{}:{spec}", table.name)).collect();
        lines.push(format!("Partitions not in metastore:\t{}", missing.join("\t")));
        lines.extend(
            specs.iter().map(|spec| format!("Repair: Added partition to metastore {}:{spec}", table.name)),
        );
    }
    Ok(("result", lines))
}

async fn table_names(
    engine: &Engine,
    session: &Session,
    database: Option<String>,
    keep: impl Fn(&Table) -> bool,
) -> Result<Vec<String>, QueryError> {
    let database = database.unwrap_or_else(|| session.database());
    let tables = information::all_tables(engine.lake(), session, &database).await;
    let tables = tables.map_err(failed)?;
    Ok(tables.into_iter().filter(keep).map(|table| table.name).collect())
}

async fn create_view(
    engine: &Engine,
    session: &Session,
    name: &ObjectName,
    or_replace: bool,
    query: &Tokens,
    text: String,
) -> Result<(), QueryError> {
    let columns = engine.describe_query(session, query).await?;
    let definition = view::Definition {
        original_sql: text,
        catalog: Some(session.catalog.clone().unwrap_or_else(|| crate::engine::CATALOG.to_owned())),
        schema: Some(session.database()),
        columns: columns
            .iter()
            .map(|(name, data_type)| view::DefinedColumn {
                name: name.clone(),
                type_: types::display(data_type),
            })
            .collect(),
    };
    let mut table = Table::new(database_of(session, name), name.name.clone());
    table.table_type = Some("VIRTUAL_VIEW".into());
    table.view_original_text = Some(definition.encode());
    table.view_expanded_text = Some("/* Presto View */".into());
    table.parameters =
        [("presto_view".to_owned(), "true".to_owned()), ("comment".to_owned(), "Presto View".to_owned())]
            .into();
    for (name, data_type) in columns {
        let hive =
            lake::types::from_arrow(&data_type).map_or_else(|_| "string".to_owned(), |hive| hive.to_string());
        table.columns.push(lake::Column::new(name, hive));
    }
    let catalog = engine.lake().catalog();
    match catalog.create_table(&session.scope, table.clone()).await {
        Ok(_) => Ok(()),
        Err(CatalogError::TableExists { database, table: name }) if or_replace => {
            let old = catalog.table(&session.scope, &database, &name).await.map_err(failed)?;
            if !old.is_view() {
                let message = format!("FAILED: SemanticException Table {database}.{name} is not a view");
                return Err(QueryError::new(ErrorKind::Ddl, message));
            }
            catalog.update_table(&session.scope, table, None, true).await.map_err(failed)?;
            Ok(())
        }
        Err(CatalogError::TableExists { database, table }) => {
            let message = format!("View already exists: 'awsdatacatalog.{database}.{table}'");
            Err(QueryError::new(ErrorKind::Ddl, message).at(name.position()))
        }
        Err(error) => Err(failed(error)),
    }
}
