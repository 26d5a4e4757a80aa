//! The manifests of a new snapshot: those of the snapshot before, without what was removed, with what was
//! added, and merged before they are many.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::iceberg::spec::{
    DataFile, ManifestContentType, ManifestEntryRef, ManifestFile, ManifestListWriter, ManifestStatus,
    ManifestWriter, ManifestWriterBuilder, SchemaRef, TableMetadata,
};
use futures::{StreamExt, TryStreamExt, stream};

use super::commit::{Change, is_delete};
use super::storage::Gathered;
use super::{Iceberg, IcebergError, IcebergTable};

/// Small manifests of one kind that are merged when there are so many. Iceberg's own default is 100; ours
/// is lower since our commits are small and frequent, and each manifest is a read for every query.
const MERGE_COUNT_MIN: usize = 24;
const MERGE_COUNT_PROPERTY: &str = "commit.manifest.min-count-to-merge";
/// Bytes from which on a manifest is left as it is: iceberg's default.
const MERGE_BYTES_TARGET: i64 = 8 << 20;
const MERGE_BYTES_PROPERTY: &str = "commit.manifest.target-size-bytes";
const MERGE_ENABLED_PROPERTY: &str = "commit.manifest-merge.enabled";

/// Manifests read at the same time.
const READS_CONCURRENT: usize = 8;

/// Entries of manifests kept in memory for all tables together, one or two kilobytes each.
const ENTRIES_CACHED_MAX: usize = 20_000;
/// Looking one up goes through all of them.
const MANIFESTS_CACHED_MAX: usize = 1_000;

pub(super) struct Built {
    pub(super) manifests: Vec<ManifestFile>,
    /// The files that were removed.
    pub(super) removed: Vec<DataFile>,
}

/// One manifest with all of its entries.
pub(super) type Loaded = (ManifestFile, Entries);

type Entries = Arc<Vec<ManifestEntryRef>>;

/// Manifests as they were read: every commit and every round of upkeep goes through those of the current snapshot,
/// and a manifest never changes its content. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Cache {
    read: Arc<Mutex<Read>>,
}

#[derive(Debug, Default)]
struct Read {
    /// By location, the latest used last.
    manifests: VecDeque<(String, Entries)>,
    entries: usize,
}

impl Cache {
    fn get(&self, location: &str) -> Option<Entries> {
        let mut read = self.read();
        let at = read.manifests.iter().rposition(|(known, _)| known == location)?;
        let found = read.manifests.remove(at)?;
        let entries = Arc::clone(&found.1);
        read.manifests.push_back(found);
        Some(entries)
    }

    fn put(&self, location: &str, entries: Entries) {
        let mut read = self.read();
        if entries.len() > ENTRIES_CACHED_MAX || read.manifests.iter().any(|(known, _)| known == location) {
            return;
        }
        read.entries += entries.len();
        read.manifests.push_back((location.to_owned(), entries));
        while read.entries > ENTRIES_CACHED_MAX || read.manifests.len() > MANIFESTS_CACHED_MAX {
            let Some((_, oldest)) = read.manifests.pop_front() else { break };
            read.entries -= oldest.len();
        }
    }

    fn read(&self) -> MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The manifests of a snapshot, by default the current one.
pub(super) async fn of_snapshot(
    table: &IcebergTable,
    snapshot: Option<i64>,
) -> Result<Vec<ManifestFile>, IcebergError> {
    let metadata = table.metadata();
    let snapshot = match snapshot {
        Some(id) => Some(metadata.snapshot_by_id(id).ok_or(IcebergError::NoSuchSnapshot(id))?),
        None => metadata.current_snapshot(),
    };
    let Some(snapshot) = snapshot else { return Ok(Vec::new()) };
    let list = table.table.manifest_list_reader(snapshot).load().await?;
    Ok(list.consume_entries().into_iter().collect())
}

pub(super) async fn load(
    table: &IcebergTable,
    manifests: Vec<ManifestFile>,
) -> Result<Vec<Loaded>, IcebergError> {
    let read = manifests.into_iter().map(|manifest| async move {
        if let Some(entries) = table.manifests.get(&manifest.manifest_path) {
            return Ok((manifest, entries));
        }
        let (entries, _) = manifest.load_manifest(table.table.file_io()).await?.into_parts();
        let entries = Arc::new(entries);
        table.manifests.put(&manifest.manifest_path, Arc::clone(&entries));
        Ok::<_, IcebergError>((manifest, entries))
    });
    stream::iter(read).buffered(READS_CONCURRENT).try_collect().await
}

pub(super) async fn build(
    iceberg: &Iceberg,
    table: &IcebergTable,
    change: &Change,
    snapshot_id: i64,
    files: &Gathered,
) -> Result<Built, IcebergError> {
    let schema = match &change.schema {
        Some(schema) => Arc::new(schema.clone()),
        None => table.metadata().current_schema().clone(),
    };
    let making = Making { iceberg, metadata: table.metadata(), schema, snapshot_id, files };
    let mut kept = of_snapshot(table, None).await?;
    let mut removed = Vec::new();
    if !change.removed.is_empty() {
        kept = making.without_removed(table, kept, change, &mut removed).await?;
    }
    let mut manifests = making.added(change).await?;
    manifests.extend(kept.into_iter().filter(|manifest| {
        // Entries that say what an earlier snapshot deleted are of no use to later ones.
        manifest.added_snapshot_id == snapshot_id
            || manifest.has_added_files()
            || manifest.has_existing_files()
    }));
    let manifests = making.merged(table, manifests).await?;
    Ok(Built { manifests, removed })
}

pub(super) async fn write_list(
    files: &Gathered,
    location: &str,
    snapshot_id: i64,
    parent: Option<i64>,
    sequence_number: i64,
    manifests: Vec<ManifestFile>,
) -> Result<(), IcebergError> {
    let output = files.output(location).writer().await?;
    let mut writer = ManifestListWriter::v2(output, snapshot_id, parent, sequence_number);
    writer.add_manifests(manifests.into_iter())?;
    Ok(writer.close().await?)
}

struct Making<'a> {
    iceberg: &'a Iceberg,
    metadata: &'a TableMetadata,
    /// After the change: bounds are read by the schema in the manifest.
    schema: SchemaRef,
    snapshot_id: i64,
    files: &'a Gathered,
}

impl Making<'_> {
    fn writer(&self, content: ManifestContentType, spec_id: i32) -> Result<ManifestWriter, IcebergError> {
        let uuid = self.iceberg.rt.uuid();
        let location = format!("{}/metadata/{uuid}-m0.avro", self.metadata.location());
        let spec = self.metadata.partition_spec_by_id(spec_id);
        let spec =
            spec.ok_or_else(|| IcebergError::Invalid(format!("partition spec {spec_id} is not known")))?;
        let schema = self.schema.clone();
        let output = self.files.output(&location);
        let builder =
            ManifestWriterBuilder::new(output, Some(self.snapshot_id), schema, spec.as_ref().clone());
        Ok(match content {
            ManifestContentType::Data => builder.build_v2_data(),
            ManifestContentType::Deletes => builder.build_v2_deletes(),
        })
    }

    /// One manifest for each kind and partition spec of the added files.
    async fn added(&self, change: &Change) -> Result<Vec<ManifestFile>, IcebergError> {
        let mut groups: BTreeMap<(bool, i32), Vec<&DataFile>> = BTreeMap::new();
        for added in &change.added {
            groups.entry((is_delete(&added.file), added.spec_id)).or_default().push(&added.file);
        }
        let mut manifests = Vec::new();
        for ((deletes, spec_id), group) in groups {
            let content = if deletes { ManifestContentType::Deletes } else { ManifestContentType::Data };
            let mut writer = self.writer(content, spec_id)?;
            for file in group {
                // The sequence number is that of the snapshot, inherited by being left out.
                writer.add_file(file.clone(), -1)?;
            }
            manifests.push(writer.write_manifest_file().await?);
        }
        Ok(manifests)
    }

    /// Rewrites the manifests that hold removed files.
    async fn without_removed(
        &self,
        table: &IcebergTable,
        manifests: Vec<ManifestFile>,
        change: &Change,
        removed: &mut Vec<DataFile>,
    ) -> Result<Vec<ManifestFile>, IcebergError> {
        let mut kept = Vec::with_capacity(manifests.len());
        for (manifest, entries) in load(table, manifests).await? {
            let gone =
                |entry: &ManifestEntryRef| entry.is_alive() && change.removed.contains(entry.file_path());
            if !entries.iter().any(gone) {
                kept.push(manifest);
                continue;
            }
            let mut writer = self.writer(manifest.content, manifest.partition_spec_id)?;
            for entry in entries.iter().filter(|entry| entry.is_alive()) {
                if gone(entry) {
                    removed.push(entry.data_file.clone());
                    let sequence = entry.sequence_number.ok_or_else(|| unnumbered(entry))?;
                    writer.add_delete_file(entry.data_file.clone(), sequence, entry.file_sequence_number)?;
                } else {
                    add_existing(&mut writer, entry)?;
                }
            }
            kept.push(writer.write_manifest_file().await?);
        }
        if removed.len() < change.removed.len() {
            let Some(entry) = table.table.metadata_location() else { return Ok(kept) };
            return Err(IcebergError::Invalid(format!(
                "a file to be removed is not in the table of {entry}"
            )));
        }
        Ok(kept)
    }

    /// Merges the small manifests of one kind and spec once there are enough of them.
    async fn merged(
        &self,
        table: &IcebergTable,
        manifests: Vec<ManifestFile>,
    ) -> Result<Vec<ManifestFile>, IcebergError> {
        let properties = self.metadata.properties();
        let count_min = number(properties, MERGE_COUNT_PROPERTY).unwrap_or(MERGE_COUNT_MIN).max(2);
        let bytes_target = number(properties, MERGE_BYTES_PROPERTY).unwrap_or(MERGE_BYTES_TARGET);
        if properties.get(MERGE_ENABLED_PROPERTY).is_some_and(|value| value == "false") {
            return Ok(manifests);
        }
        let mut small: BTreeMap<(bool, i32), Vec<ManifestFile>> = BTreeMap::new();
        let mut done = Vec::new();
        for manifest in manifests {
            if manifest.added_snapshot_id == self.snapshot_id || manifest.manifest_length >= bytes_target {
                done.push(manifest);
            } else {
                let deletes = manifest.content == ManifestContentType::Deletes;
                small.entry((deletes, manifest.partition_spec_id)).or_default().push(manifest);
            }
        }
        for ((deletes, spec_id), group) in small {
            if group.len() < count_min {
                done.extend(group);
                continue;
            }
            let content = if deletes { ManifestContentType::Deletes } else { ManifestContentType::Data };
            let mut writer = self.writer(content, spec_id)?;
            for (_, entries) in load(table, group).await? {
                for entry in entries.iter().filter(|entry| entry.status != ManifestStatus::Deleted) {
                    add_existing(&mut writer, entry)?;
                }
            }
            done.push(writer.write_manifest_file().await?);
        }
        Ok(done)
    }
}

fn add_existing(writer: &mut ManifestWriter, entry: &ManifestEntryRef) -> Result<(), IcebergError> {
    let snapshot = entry.snapshot_id.ok_or_else(|| unnumbered(entry))?;
    let sequence = entry.sequence_number.ok_or_else(|| unnumbered(entry))?;
    Ok(writer.add_existing_file(entry.data_file.clone(), snapshot, sequence, entry.file_sequence_number)?)
}

/// By their numbers it is told which deletes hold for which files.
fn unnumbered(entry: &ManifestEntryRef) -> IcebergError {
    IcebergError::Invalid(format!("a manifest does not say when {} was added", entry.file_path()))
}

fn number<T: std::str::FromStr>(properties: &HashMap<String, String>, name: &str) -> Option<T> {
    properties.get(name)?.parse().ok()
}
