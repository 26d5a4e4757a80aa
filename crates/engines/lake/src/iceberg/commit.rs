//! The one way a table changes: new files beside the old, then a compare-and-swap in the catalog.

use std::collections::{BTreeMap, HashMap, HashSet};

use ::iceberg::spec::{
    DataFile, FormatVersion, MAIN_BRANCH, Operation, Schema, Snapshot, Summary, TableMetadata,
};
use futures::future::{try_join, try_join_all};
use meta::{Key, Revision, Txn};
use names::Scope;
use objects::{PublishError, Staged};

use super::storage::{Gathered, split};
use super::{Iceberg, IcebergError, IcebergTable, create, manifests, summary};
use crate::keys;
use crate::model::Table;

/// How often an append is moved onto the snapshot of another writer who was faster.
pub const COMMIT_ATTEMPTS_MAX: usize = 16;

const DELETE_METADATA_PROPERTY: &str = "write.metadata.delete-after-commit.enabled";

/// What a commit does to a table.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Data files, and files of deleted positions.
    pub added: Vec<AddedFile>,
    /// Locations of data or delete files that are no longer part of the table.
    pub removed: HashSet<String>,
    /// That rows are the same before and after: files were only rewritten.
    pub rewrite: bool,
    /// Becomes the table's schema. Its ids continue those of the schema before.
    pub schema: Option<Schema>,
    /// Table properties to set.
    pub properties: HashMap<String, String>,
    /// Table properties to forget; those that are not set are passed over.
    pub unset: Vec<String>,
    /// Further entries of the snapshot's summary.
    pub summary: BTreeMap<String, String>,
    /// Snapshots to forget.
    pub expired: Vec<i64>,
}

#[derive(Debug, Clone)]
pub struct AddedFile {
    pub file: DataFile,
    /// The partition spec its partition value is of.
    pub spec_id: i32,
}

impl Change {
    /// Adds rows and touches none that are there.
    pub fn append(files: impl IntoIterator<Item = AddedFile>) -> Change {
        Change { added: files.into_iter().collect(), ..Change::default() }
    }

    fn has_files(&self) -> bool {
        !self.added.is_empty() || !self.removed.is_empty()
    }

    /// Whether it means the same on any later snapshot.
    fn rebases(&self) -> bool {
        self.removed.is_empty()
            && self.expired.is_empty()
            && self.schema.is_none()
            && self.added.iter().all(|added| !is_delete(&added.file))
    }

    fn operation(&self) -> Operation {
        let adds_rows = self.added.iter().any(|added| !is_delete(&added.file));
        let deletes = !self.removed.is_empty() || self.added.iter().any(|added| is_delete(&added.file));
        match (self.rewrite, adds_rows, deletes) {
            (true, ..) => Operation::Replace,
            (_, _, false) => Operation::Append,
            (_, true, true) => Operation::Overwrite,
            (_, false, true) => Operation::Delete,
        }
    }
}

pub(super) fn is_delete(file: &DataFile) -> bool {
    file.content_type() != ::iceberg::spec::DataContentType::Data
}

/// A commit that is ready: its files are durable, and publishing them together with `txn` is the commit.
/// Dropping it leaves nothing behind.
pub struct Prepared {
    pub staged: Vec<Staged>,
    /// Requires the table to be as it was loaded and replaces its entry.
    pub txn: Txn,
    /// The key the transaction conflicts on when another writer was faster.
    pub key: Key,
    pub committed: Committed,
}

/// What a table is once its commit is published.
pub struct Committed {
    scope: Scope,
    entry: Table,
    metadata: TableMetadata,
    location: String,
    /// Metadata files that the table no longer remembers and wants deleted.
    forgotten: Vec<String>,
}

impl Committed {
    pub fn metadata(&self) -> &TableMetadata {
        &self.metadata
    }
}

impl Iceberg {
    /// Commits to the table: `staged` are the data files of the change, `with` are changes of the caller that
    /// happen in the same moment or not at all. If another writer was faster, an append is moved onto its
    /// snapshot; everything else is a [`Conflict`](IcebergError::Conflict), and so is a failed requirement of
    /// `with`.
    pub async fn commit(
        &self,
        scope: &Scope,
        mut table: IcebergTable,
        change: &Change,
        mut staged: Vec<Staged>,
        with: Txn,
    ) -> Result<IcebergTable, IcebergError> {
        let id = table.metadata().uuid();
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let Prepared { staged: own, txn, key, committed } = self.prepare(scope, &table, change).await?;
            let (data, metadata) = (staged.len(), own.len());
            staged.extend(own);
            let error = match self.objects.publish_or_return(staged, txn.merge(with.clone())).await {
                Ok((_, revision)) => return self.committed(committed, revision),
                Err((error, returned)) => {
                    staged = returned;
                    error
                }
            };
            let (database, name) = (table.entry.database.clone(), table.entry.name.clone());
            let moved = matches!(&error, PublishError::Conflict { key: found } if *found == key);
            if !moved || !change.rebases() {
                return Err(IcebergError::of_publish(error, &database, &name));
            }
            assert_eq!(staged.len(), data + metadata, "a conflict gives everything back");
            staged.truncate(data);
            table = self.load(scope, &database, &name).await?;
            if table.metadata().uuid() != id {
                return Err(IcebergError::Conflict { database, table: name });
            }
        }
        Err(IcebergError::Conflict { database: table.entry.database, table: table.entry.name })
    }

    /// Everything of a commit but the moment in which it happens, for callers that commit several things at
    /// once: publish [`Prepared::staged`] with [`Prepared::txn`] and hand the revision to
    /// [`Iceberg::committed`]. After a conflict on [`Prepared::key`] another writer was faster: load, prepare
    /// again, or give up.
    pub async fn prepare(
        &self,
        scope: &Scope,
        table: &IcebergTable,
        change: &Change,
    ) -> Result<Prepared, IcebergError> {
        let before = table.metadata();
        if before.format_version() != FormatVersion::V2 {
            let Table { database, name, .. } = table.entry.clone();
            let version = before.format_version() as u8;
            return Err(IcebergError::FormatVersion { database, table: name, version });
        }
        let files = Gathered::default();
        let mut builder = before.clone().into_builder(table.table.metadata_location().map(str::to_owned));
        if let Some(schema) = &change.schema {
            builder = builder.add_current_schema(schema.clone())?;
        }
        if !change.properties.is_empty() {
            builder = builder.set_properties(change.properties.clone())?;
        }
        if !change.unset.is_empty() {
            builder = builder.remove_properties(&change.unset)?;
        }
        if change.has_files() {
            let snapshot = self.snapshot(table, change, &files).await?;
            builder = builder.set_branch_snapshot(snapshot, MAIN_BRANCH)?;
        }
        let built = builder.remove_snapshots(&change.expired).build()?;
        let mut metadata = built.metadata;
        let mut forgotten = Vec::new();
        if metadata.properties().get(DELETE_METADATA_PROPERTY).is_some_and(|value| value == "true") {
            forgotten.extend(built.expired_metadata_logs.into_iter().map(|log| log.metadata_file));
        }
        if !change.has_files() {
            metadata = self.stamped(metadata)?;
        }
        let version = version_of(table.table.metadata_location()) + 1;
        let location = self.metadata_file(&metadata, version);
        // At the same time, so that the disk is waited for once.
        let files = files.take();
        let files = try_join_all(files.into_iter().map(|(path, bytes)| self.stage_owned(path, bytes)));
        let (mut staged, last) = try_join(files, self.stage_metadata(&metadata, &location)).await?;
        staged.push(last);
        let mut entry = table.entry.clone();
        create::describe(&mut entry, &metadata, &location);
        entry.version += 1;
        entry.updated = self.rt.now();
        let key = keys::table(scope, &entry.database, &entry.name);
        let txn = Txn::new().require_revision(key.clone(), table.revision).put_json(key.clone(), &entry);
        let committed = Committed { scope: scope.clone(), entry, metadata, location, forgotten };
        Ok(Prepared { staged, txn, key, committed })
    }

    /// The table after its commit was published as `revision`.
    pub fn committed(&self, committed: Committed, revision: Revision) -> Result<IcebergTable, IcebergError> {
        let Committed { scope, entry, metadata, location, forgotten } = committed;
        self.upkeep.note(&scope, &entry.database, &entry.name, self.rt.now());
        if !forgotten.is_empty() {
            let objects = self.objects.clone();
            self.rt.spawn("iceberg forget", async move {
                for file in forgotten {
                    if let Ok((bucket, key)) = split(&file) {
                        // What is not deleted now is found later as an orphan.
                        objects.delete(bucket, key).await.ok();
                    }
                }
            });
        }
        let table = self.assemble(&entry, &location, metadata)?;
        Ok(IcebergTable { entry, revision, table, manifests: self.manifests.clone() })
    }

    async fn snapshot(
        &self,
        table: &IcebergTable,
        change: &Change,
        files: &Gathered,
    ) -> Result<Snapshot, IcebergError> {
        let metadata = table.metadata();
        let id = self.snapshot_id(metadata);
        let sequence_number = metadata.next_sequence_number();
        let parent = metadata.current_snapshot();
        let built = manifests::build(self, table, change, id, files).await?;
        let list = format!("{}/metadata/snap-{id}-1-{}.avro", metadata.location(), self.rt.uuid());
        manifests::write_list(files, &list, id, table.snapshot_id(), sequence_number, built.manifests)
            .await?;
        let summary = Summary {
            operation: change.operation(),
            additional_properties: summary::of(change, &built.removed, parent.map(|parent| parent.summary())),
        };
        let schema_id = next_schema_id(metadata, change);
        // History never runs backwards, whatever the clocks of several writers say.
        let timestamp = self.rt.now().as_millis().max(metadata.last_updated_ms());
        Ok(Snapshot::builder()
            .with_snapshot_id(id)
            .with_parent_snapshot_id(table.snapshot_id())
            .with_sequence_number(sequence_number)
            .with_timestamp_ms(timestamp)
            .with_manifest_list(list)
            .with_summary(summary)
            .with_schema_id(schema_id)
            .build())
    }

    fn snapshot_id(&self, metadata: &TableMetadata) -> i64 {
        loop {
            let id = i64::from_be_bytes((self.rt.random_u64() >> 1).to_be_bytes());
            if id != 0 && metadata.snapshot_by_id(id).is_none() {
                return id;
            }
        }
    }
}

/// The id of the schema after the change, as the metadata's builder gives it: that of an equal one, or the next.
fn next_schema_id(metadata: &TableMetadata, change: &Change) -> i32 {
    let Some(schema) = &change.schema else { return metadata.current_schema_id() };
    let known = metadata.schemas_iter().find(|known| {
        known.as_struct() == schema.as_struct()
            && known.identifier_field_ids().eq(schema.identifier_field_ids())
    });
    match known {
        Some(known) => known.schema_id(),
        None => metadata.schemas_iter().map(|known| known.schema_id()).max().map_or(0, |id| id + 1),
    }
}

/// The number a metadata file's name begins with, or 0: `00003-<uuid>.metadata.json`, `v3.metadata.json`.
fn version_of(location: Option<&str>) -> u64 {
    let name = location.and_then(|location| location.rsplit('/').next()).unwrap_or_default();
    let digits: String = name.trim_start_matches('v').chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}
