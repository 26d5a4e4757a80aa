use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ::iceberg::expr::Predicate;
use ::iceberg::spec::{MAIN_BRANCH, SchemaRef, SnapshotReference, SnapshotRetention, TableMetadata};
use ::iceberg::{NamespaceIdent, Runtime, TableIdent};
use futures::TryStreamExt;
use meta::Revision;
use names::Scope;
use rt::Timestamp;
use serde::Deserialize;

use super::{
    Iceberg, IcebergError, IcebergTable, METADATA_LOCATION, TABLES_CACHED_MAX, Tasks, VERSIONS_CACHED_MAX,
    is_iceberg,
};
use crate::model::Table;

/// The most data files one plan has.
const TASKS_MAX: usize = 1_000_000;

/// One line of a table's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotInfo {
    pub id: i64,
    pub parent: Option<i64>,
    pub sequence_number: i64,
    pub committed: Timestamp,
    /// `append`, `overwrite`, `delete` or `replace`.
    pub operation: String,
    pub manifest_list: String,
    pub summary: HashMap<String, String>,
}

impl Iceberg {
    /// The table as it is now. Must be called within a tokio runtime, which its scans will use.
    pub async fn load(
        &self,
        scope: &Scope,
        database: &str,
        name: &str,
    ) -> Result<IcebergTable, IcebergError> {
        let (entry, revision) = self.catalog.table_entry(scope, database, name).await?;
        self.load_entry(entry, revision).await
    }

    /// As [`Iceberg::load`] for the current or an archived version of a table that was already read from the
    /// catalog. For reading only: commits on it find themselves outdated.
    pub async fn load_version(&self, entry: Table) -> Result<IcebergTable, IcebergError> {
        self.load_entry(entry, Revision::default()).await
    }

    pub(super) async fn load_entry(
        &self,
        entry: Table,
        revision: Revision,
    ) -> Result<IcebergTable, IcebergError> {
        let (database, table) = (entry.database.clone(), entry.name.clone());
        if !is_iceberg(&entry) {
            return Err(IcebergError::NotIceberg { database, table });
        }
        let Some(location) = entry.parameters.get(METADATA_LOCATION).cloned() else {
            return Err(IcebergError::NoMetadataLocation { database, table });
        };
        let table = match self.cached(&location) {
            Some(table) => table,
            None => {
                let metadata = TableMetadata::read_from(&self.file_io(), &location).await?;
                self.assemble(&entry, &location, metadata)?
            }
        };
        Ok(IcebergTable { entry, revision, table, manifests: self.manifests.clone() })
    }

    /// The table whose metadata lies, or is about to lie, at `location`; kept for the next load.
    pub(super) fn assemble(
        &self,
        entry: &Table,
        location: &str,
        metadata: TableMetadata,
    ) -> Result<::iceberg::table::Table, IcebergError> {
        let namespace = NamespaceIdent::new(entry.database.clone());
        let table = ::iceberg::table::Table::builder()
            .file_io(self.file_io())
            .metadata_location(location)
            .metadata(metadata)
            .identifier(TableIdent::new(namespace, entry.name.clone()))
            .runtime(Runtime::try_current()?)
            .build()?;
        let mut loaded = self.loaded();
        let id = table.metadata().uuid();
        let versions = |(_, known): &&(String, ::iceberg::table::Table)| known.metadata().uuid() == id;
        let oldest = if loaded.iter().filter(versions).count() >= VERSIONS_CACHED_MAX {
            loaded.iter().position(|known| versions(&known))
        } else {
            (loaded.len() == TABLES_CACHED_MAX).then_some(0)
        };
        if let Some(oldest) = oldest {
            loaded.remove(oldest);
        }
        loaded.push_back((location.to_owned(), table.clone()));
        Ok(table)
    }

    fn cached(&self, location: &str) -> Option<::iceberg::table::Table> {
        let mut loaded = self.loaded();
        let at = loaded.iter().position(|(known, _)| known == location)?;
        let found = loaded.remove(at)?;
        let table = found.1.clone();
        loaded.push_back(found);
        Some(table)
    }

    fn loaded(
        &self,
    ) -> std::sync::MutexGuard<'_, std::collections::VecDeque<(String, ::iceberg::table::Table)>> {
        self.loaded.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl IcebergTable {
    pub fn metadata(&self) -> &TableMetadata {
        self.table.metadata()
    }

    /// `None` for a table that never had rows.
    pub fn snapshot_id(&self) -> Option<i64> {
        self.metadata().current_snapshot_id()
    }

    /// The kept snapshots, the oldest first.
    pub fn snapshots(&self) -> Vec<SnapshotInfo> {
        let mut snapshots: Vec<SnapshotInfo> = self
            .metadata()
            .snapshots()
            .map(|snapshot| SnapshotInfo {
                id: snapshot.snapshot_id(),
                parent: snapshot.parent_snapshot_id(),
                sequence_number: snapshot.sequence_number(),
                committed: Timestamp::from_millis(snapshot.timestamp_ms()),
                operation: snapshot.summary().operation.as_str().to_owned(),
                manifest_list: snapshot.manifest_list().to_owned(),
                summary: snapshot.summary().additional_properties.clone(),
            })
            .collect();
        snapshots.sort_by_key(|snapshot| (snapshot.sequence_number, snapshot.committed));
        snapshots
    }

    /// The snapshot that was the table's state at this moment, by its history.
    pub fn snapshot_as_of(&self, moment: Timestamp) -> Option<i64> {
        let history = self.metadata().history();
        let before = history.iter().rev().find(|entry| entry.timestamp_ms() <= moment.as_millis());
        before.map(|entry| entry.snapshot_id)
    }

    /// The columns of a snapshot, with the names and types that a filter of [`IcebergTable::plan`] goes by. Without
    /// one they are those of the last commit of files, which a later change of the schema alone does not touch.
    pub fn snapshot_schema(&self, snapshot: Option<i64>) -> Result<SchemaRef, IcebergError> {
        let metadata = self.metadata();
        let snapshot = match snapshot {
            Some(id) => {
                let found = metadata.snapshot_by_id(id);
                Some(found.ok_or(IcebergError::NoSuchSnapshot(id))?)
            }
            None => metadata.current_snapshot(),
        };
        match snapshot {
            Some(snapshot) => Ok(snapshot.schema(metadata)?),
            None => Ok(Arc::clone(metadata.current_schema())),
        }
    }

    /// The data files of a snapshot with rows that `filter` may keep, each with its delete files. Without one, those
    /// of the table as it is now: the files of the last commit, to be read by the columns of now. Empty for a table
    /// without snapshots.
    pub async fn plan(
        &self,
        snapshot: Option<i64>,
        columns: Option<&[String]>,
        filter: Option<Predicate>,
    ) -> Result<Tasks, IcebergError> {
        if snapshot.is_none() && self.snapshot_id().is_none() {
            return Ok(Tasks::new());
        }
        let mut scan = self.table.scan();
        if let Some(id) = snapshot {
            if self.metadata().snapshot_by_id(id).is_none() {
                return Err(IcebergError::NoSuchSnapshot(id));
            }
            scan = scan.snapshot_id(id);
        }
        if let Some(columns) = columns {
            scan = scan.select(columns);
        }
        if let Some(filter) = filter {
            scan = scan.with_filter(filter);
        }
        let mut files = scan.build()?.plan_files().await?;
        let mut tasks = Tasks::new();
        while let Some(task) = files.try_next().await? {
            if tasks.len() == TASKS_MAX {
                return Err(IcebergError::TooMany { limit: TASKS_MAX, what: "data files" });
            }
            tasks.push(task);
        }
        if snapshot.is_none() && columns.is_none() {
            self.read_as_now(&mut tasks);
        }
        tasks.sort_by(|a, b| a.data_file_path.cmp(&b.data_file_path));
        Ok(tasks)
    }

    /// A scan of iceberg's reads by the schema that a snapshot was committed with, also where the table has another
    /// one since.
    fn read_as_now(&self, tasks: &mut Tasks) {
        let schema = self.metadata().current_schema();
        let ids: Vec<i32> = schema.as_struct().fields().iter().map(|field| field.id).collect();
        for task in tasks.iter_mut().filter(|task| task.schema.schema_id() != schema.schema_id()) {
            task.schema = Arc::clone(schema);
            task.project_field_ids.clone_from(&ids);
            // Bound to the other schema; it only saves work.
            task.predicate = None;
        }
    }
}

/// Branches and tags by name. The metadata keeps its map to itself, but writes it down.
pub fn references(metadata: &TableMetadata) -> Result<BTreeMap<String, SnapshotReference>, IcebergError> {
    #[derive(Deserialize)]
    struct Named {
        // The first format version has none.
        refs: Option<BTreeMap<String, SnapshotReference>>,
    }
    let unreadable = |error: serde_json::Error| {
        IcebergError::Invalid(format!("the table's branches and tags cannot be read: {error}"))
    };
    let json = serde_json::to_vec(metadata).map_err(unreadable)?;
    let named: Named = serde_json::from_slice(&json).map_err(unreadable)?;
    let mut found = named.refs.unwrap_or_default();
    if let Some(current) = metadata.current_snapshot_id() {
        let retention = SnapshotRetention::branch(None, None, None);
        found.entry(MAIN_BRANCH.to_owned()).or_insert(SnapshotReference::new(current, retention));
    }
    Ok(found)
}
