//! ALTER TABLE, OPTIMIZE and VACUUM on Iceberg tables.

use std::collections::HashMap;

use lake::Table;
use lake::iceberg::{
    COMMIT_ATTEMPTS_MAX, Change, ColumnChange, CompactSettings, ExpireSettings, IcebergError, altered,
    is_iceberg,
};
use meta::Txn;

use super::{properties, refused};
use crate::ddl::cursor::ObjectName;
use crate::ddl::run;
use crate::ddl::statement::AlterTable;
use crate::ddl::tables::{column, semantic};
use crate::engine::{Engine, Session};
use crate::error::QueryError;

/// Each run of a compaction has a budget; so many of them are one statement's.
const RUNS_MAX: usize = 1_000;

enum Edit {
    Columns(Vec<ColumnChange>),
    Set(HashMap<String, String>),
    Unset(Vec<String>),
}

impl Edit {
    fn of(action: AlterTable) -> Result<Edit, QueryError> {
        Ok(match action {
            AlterTable::AddColumns(columns) => Edit::Columns(
                columns.iter().map(|definition| ColumnChange::Add(column(definition))).collect(),
            ),
            AlterTable::DropColumn(name) => Edit::Columns(vec![ColumnChange::Drop(name)]),
            AlterTable::ChangeColumn { name, to, place } => {
                Edit::Columns(vec![ColumnChange::Change { name, to: column(&to), place }])
            }
            AlterTable::SetProperties(given) => Edit::Set(properties::stored(&given)?),
            AlterTable::UnsetProperties(keys) => Edit::Unset(properties::names(&keys)?),
            AlterTable::AddPartitions { .. }
            | AlterTable::DropPartitions { .. }
            | AlterTable::RenamePartition { .. } => {
                return Err(semantic("the partitions of an Iceberg table follow from its rows"));
            }
            AlterTable::ReplaceColumns(_) => return Err(unsupported("REPLACE COLUMNS")),
            AlterTable::SetLocation { .. } => return Err(unsupported("SET LOCATION")),
        })
    }
}

fn unsupported(what: &str) -> QueryError {
    QueryError::unsupported(format!("ALTER TABLE … {what} on an Iceberg table"))
}

/// Made on whatever another writer has made of the table meanwhile.
pub(crate) async fn alter(
    engine: &Engine,
    session: &Session,
    table: &Table,
    action: AlterTable,
) -> Result<(), QueryError> {
    let edit = Edit::of(action)?;
    let iceberg = engine.lake().iceberg();
    let (database, name) = (&table.database, &table.name);
    for _ in 0..COMMIT_ATTEMPTS_MAX {
        let loaded = iceberg.load(&session.scope, database, name).await.map_err(refused)?;
        let change = match &edit {
            Edit::Columns(changes) => {
                let schema = altered(loaded.metadata(), changes).map_err(refused)?;
                Change { schema: Some(schema), ..Change::default() }
            }
            Edit::Set(properties) => Change { properties: properties.clone(), ..Change::default() },
            Edit::Unset(keys) => Change { unset: keys.clone(), ..Change::default() },
        };
        match iceberg.commit(&session.scope, loaded, &change, Vec::new(), Txn::new()).await {
            Err(IcebergError::Conflict { .. }) => {}
            done => return done.map(|_| ()).map_err(refused),
        }
    }
    Err(refused(IcebergError::Conflict { database: database.clone(), table: name.clone() }))
}

/// Until nothing is left that is worth it.
pub(crate) async fn optimize(
    engine: &Engine,
    session: &Session,
    name: &ObjectName,
) -> Result<(), QueryError> {
    let table = iceberg_table(engine, session, name).await?;
    let iceberg = engine.lake().iceberg();
    let loaded = iceberg.load(&session.scope, &table.database, &table.name).await.map_err(refused)?;
    let mut settings = CompactSettings::default();
    settings.files_min = properties::rewrite_files(&loaded)?.unwrap_or(settings.files_min);
    for _ in 0..RUNS_MAX {
        let done = iceberg.compact(&session.scope, &table.database, &table.name, &settings).await;
        if done.map_err(refused)?.files_before == 0 {
            break;
        }
    }
    Ok(())
}

/// By the table's properties, or after five days but for the last snapshot.
pub(crate) async fn vacuum(engine: &Engine, session: &Session, name: &ObjectName) -> Result<(), QueryError> {
    let table = iceberg_table(engine, session, name).await?;
    let iceberg = engine.lake().iceberg();
    let settings = ExpireSettings::default();
    let (database, name) = (&table.database, &table.name);
    iceberg.expire(&session.scope, database, name, &settings).await.map_err(refused)?;
    iceberg.remove_orphans(&session.scope, database, name, &settings).await.map_err(refused)?;
    Ok(())
}

async fn iceberg_table(engine: &Engine, session: &Session, name: &ObjectName) -> Result<Table, QueryError> {
    let table = run::table(engine, session, name).await?;
    if is_iceberg(&table) {
        return Ok(table);
    }
    Err(semantic(format!("{}.{} is not an Iceberg table", table.database, table.name)))
}
