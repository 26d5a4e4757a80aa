//! What a name in a query stands for: a table, a view, a snapshot, or something that is known of a table.

use std::sync::Arc;

use datafusion::datasource::{MemTable, ViewTable, provider_as_source};
use datafusion::logical_expr::TableSource;
use futures::StreamExt;
use lake::iceberg::{IcebergError, IcebergTable, references};
use lake::{CatalogError, Table};
use rt::Timestamp;

use crate::answer::Stats;
use crate::engine::{CATALOG, Engine, Session};
use crate::error::{ErrorKind, QueryError};
use crate::parse::{self, AsOf, Tokens, split_as_of};
use crate::plan::Name;
use crate::scan::LakeTable;
use crate::scan::iceberg::{SnapshotTable, metadata};
use crate::{information, view};

/// How deep views may be defined over views.
const VIEW_DEPTH_MAX: usize = 16;

impl Engine {
    pub(crate) async fn table(
        &self,
        session: &Session,
        name: &Name,
        stats: &Arc<Stats>,
        depth: usize,
    ) -> Result<Arc<dyn TableSource>, QueryError> {
        let (catalog, database, table_name) = qualified(session, &name.parts);
        let (table_name, as_of) = split_as_of(&table_name);
        let missing = |kind, message: String| Err(QueryError::new(kind, message).at(name.position()));
        if !catalog.eq_ignore_ascii_case(CATALOG) {
            return missing(ErrorKind::NoSuchTable, format!("Catalog '{catalog}' does not exist"));
        }
        if database == information::SCHEMA {
            return match information::table(self.lake(), session, table_name).await? {
                Some(source) => Ok(source),
                None => missing(
                    ErrorKind::NoSuchTable,
                    format!("Table '{catalog}.{database}.{table_name}' does not exist"),
                ),
            };
        }
        let (base, about) = about(table_name);
        let table = self.lake().catalog().table(&session.scope, &database, base).await;
        let table = table.map_err(|error| not_found(error, &catalog, name))?;
        if lake::iceberg::is_iceberg(&table) {
            let source = self.snapshot(session, table, about, as_of, stats).await;
            return source.map_err(|error| error.at(name.position()));
        }
        if as_of.is_some() {
            return missing(
                ErrorKind::NotSupported,
                "This connector does not support versioned tables".into(),
            );
        }
        match about {
            None if table.is_view() => self.view(session, &table, name, stats, depth).await,
            None => self.files(session, table, stats).map_err(|error| error.at(name.position())),
            Some("partitions") => information::partitions(self.lake(), session, &table).await,
            Some(_) => missing(
                ErrorKind::NoSuchTable,
                format!("Table '{catalog}.{database}.{table_name}' does not exist"),
            ),
        }
    }

    fn files(
        &self,
        session: &Session,
        table: Table,
        stats: &Arc<Stats>,
    ) -> Result<Arc<dyn TableSource>, QueryError> {
        let (lake, scope) = (self.lake().clone(), session.scope.clone());
        let table = LakeTable::new(lake, scope, table, self.footers(), Arc::clone(stats))?;
        Ok(provider_as_source(Arc::new(table)))
    }

    /// An Iceberg table, or what is known of it.
    async fn snapshot(
        &self,
        session: &Session,
        table: Table,
        about: Option<&str>,
        as_of: Option<AsOf>,
        stats: &Arc<Stats>,
    ) -> Result<Arc<dyn TableSource>, QueryError> {
        let unreadable = |error: IcebergError| QueryError::new(ErrorKind::BadData, error.to_string());
        let lake = self.lake().clone();
        if about.is_none() && as_of.is_none() {
            let found = lake.iceberg_snapshot(&session.scope, &table).await;
            let (table, live) = found.map_err(unreadable)?;
            let table = SnapshotTable::new(lake, table, None, self.footers(), Arc::clone(stats))?;
            return Ok(provider_as_source(Arc::new(table.with_live(live))));
        }
        let table = lake.iceberg().load_version(table).await.map_err(unreadable)?;
        let snapshot = match as_of {
            None => None,
            Some(AsOf::Version(version)) => Some(version_of(&table, &version)?),
            Some(AsOf::Time(expression)) => {
                let moment = self.moment(session, &expression).await?;
                Some(table.snapshot_as_of(moment).ok_or_else(|| {
                    let message =
                        format!("No version history table {} at or before {moment}", table.entry.name);
                    QueryError::new(ErrorKind::InvalidArgument, message)
                })?)
            }
        };
        if let Some(about) = about {
            let batch = metadata::table(&table.table, about, snapshot).await?;
            let rows = MemTable::try_new(batch.schema(), vec![vec![batch]]).map_err(QueryError::internal)?;
            return Ok(provider_as_source(Arc::new(rows)));
        }
        let table = SnapshotTable::new(lake, table, snapshot, self.footers(), Arc::clone(stats))?;
        Ok(provider_as_source(Arc::new(table)))
    }

    /// The value of a constant expression for a time.
    async fn moment(&self, session: &Session, expression: &str) -> Result<Timestamp, QueryError> {
        let sql = format!("SELECT CAST(CAST({expression} AS timestamp(3) with time zone) AS timestamp(3))");
        let wrong =
            || QueryError::new(ErrorKind::InvalidArgument, format!("'{expression}' is not a point in time"));
        let mut rows = Box::pin(self.batches(session, &Tokens::of(&sql)?)).await?;
        let batch =
            rows.next().await.ok_or_else(wrong)?.map_err(|error| crate::failure::explain(&error, None))?;
        let value = datafusion::common::ScalarValue::try_from_array(batch.column(0), 0);
        match value.map_err(QueryError::internal)? {
            datafusion::common::ScalarValue::TimestampMillisecond(Some(millis), None) => {
                Ok(Timestamp::from_millis(millis))
            }
            _ => Err(wrong()),
        }
    }

    async fn view(
        &self,
        session: &Session,
        table: &lake::Table,
        name: &Name,
        stats: &Arc<Stats>,
        depth: usize,
    ) -> Result<Arc<dyn TableSource>, QueryError> {
        let invalid = |reason: &str| {
            let message = format!("View '{}' is invalid: {reason}", name.key());
            QueryError::new(ErrorKind::NotSupported, message).at(name.position())
        };
        if depth >= VIEW_DEPTH_MAX {
            return Err(invalid("it is nested too deeply"));
        }
        let definition = view::Definition::of(table).ok_or_else(|| invalid("its text cannot be read"))?;
        let inner = Session {
            catalog: definition.catalog.clone(),
            database: definition.schema.clone(),
            ..session.clone()
        };
        let tokens = Tokens::of(&definition.original_sql).map_err(|error| invalid(&error.message))?;
        let mut query = parse::query(&tokens).map_err(|error| invalid(&error.message))?;
        let logical = self.logical(&inner, &mut query, &tokens, stats, depth + 1).await;
        let mut logical = logical.map_err(|error| invalid(&error.to_string()))?;
        logical =
            view::with_declared_names(logical, &definition).map_err(|error| invalid(&error.to_string()))?;
        let source = ViewTable::new(logical, None);
        Ok(provider_as_source(Arc::new(source)))
    }
}

/// A table's name and what is asked about it.
fn about(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once('$') {
        Some((base, about)) if metadata::NAMES.contains(&about) => (base, Some(about)),
        _ => (name, None),
    }
}

/// A snapshot by its number, or by the name of a branch or tag.
fn version_of(table: &IcebergTable, version: &str) -> Result<i64, QueryError> {
    let unknown = |what: String| QueryError::new(ErrorKind::InvalidArgument, what);
    if let Ok(id) = version.parse::<i64>() {
        return match table.metadata().snapshot_by_id(id) {
            Some(_) => Ok(id),
            None => Err(unknown(format!("Iceberg snapshot ID does not exists: {id}"))),
        };
    }
    match references(table.metadata()).map_err(QueryError::internal)?.get(version) {
        Some(reference) => Ok(reference.snapshot_id),
        None => Err(unknown(format!("Cannot find snapshot with reference name: {version}"))),
    }
}

/// Catalog, database and table of a name with up to three parts.
pub(crate) fn qualified(session: &Session, parts: &[String]) -> (String, String, String) {
    let catalog = session.catalog.as_deref().unwrap_or(CATALOG).to_lowercase();
    match parts {
        [catalog, database, table] => (catalog.clone(), database.clone(), table.clone()),
        [database, table] => (catalog, database.clone(), table.clone()),
        [table] => (catalog, session.database(), table.clone()),
        _ => (catalog, session.database(), parts.join(".")),
    }
}

fn not_found(error: CatalogError, catalog: &str, name: &Name) -> QueryError {
    match error {
        CatalogError::NoSuchTable { database, table } => QueryError::new(
            ErrorKind::NoSuchTable,
            format!("Table '{catalog}.{database}.{table}' does not exist"),
        )
        .at(name.position()),
        CatalogError::NoSuchDatabase(database) => {
            QueryError::new(ErrorKind::NoSuchDatabase, format!("Schema '{database}' does not exist"))
                .at(name.position())
        }
        other => QueryError::internal(other),
    }
}
