//! Small files into large ones, and rows that were deleted out of them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use ::iceberg::spec::{DataFile, NestedFieldRef, Schema, Struct, Type};
use futures::{TryStreamExt, stream};
use names::Scope;
use objects::{PublishError, Staged};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use super::commit::{AddedFile, Change};
use super::files::{LiveFile, LiveFiles};
use super::index::Moved;
use super::{COMMIT_ATTEMPTS_MAX, DataSettings, Iceberg, IcebergError, IcebergTable, NewFile};

/// When files are rewritten, and how much at once.
#[derive(Debug, Clone, PartialEq)]
pub struct CompactSettings {
    /// What a file should have; the table's `write.target-file-size-bytes` goes first. Default 128 MiB: one
    /// row group, and what a reader takes as one piece of work.
    pub file_bytes: u64,
    /// A file below this share of it is small. Default 0.75.
    pub small: f64,
    /// So many small files of one partition are rewritten together. Default 5.
    pub files_min: usize,
    /// A file of whose rows more than this share is deleted is rewritten alone. Default 0.1.
    pub deleted: f64,
    /// Bytes that one run reads at most, as they lie in files: its budget of time and disk. Default 1 GiB. What
    /// is left is for the next run.
    pub bytes_max: u64,
    /// Bytes of rows that are being encoded. Default 128 MiB.
    pub memory_bytes_max: usize,
}

impl Default for CompactSettings {
    fn default() -> CompactSettings {
        CompactSettings {
            file_bytes: 128 << 20,
            small: 0.75,
            files_min: 5,
            deleted: 0.1,
            bytes_max: 1 << 30,
            memory_bytes_max: 128 << 20,
        }
    }
}

/// What a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Groups of files that were rewritten, a commit each.
    pub commits: u64,
    pub files_before: u64,
    pub files_after: u64,
    pub bytes_before: u64,
    pub bytes_after: u64,
    /// Delete files that have nothing to delete any more.
    pub deletes_applied: u64,
}

impl Iceberg {
    /// Rewrites what is worth it, one commit for each group of files. A group whose files another writer
    /// changed meanwhile is left for the next run.
    pub async fn compact(
        &self,
        scope: &Scope,
        database: &str,
        name: &str,
        settings: &CompactSettings,
    ) -> Result<Compacted, IcebergError> {
        let mut done = Compacted::default();
        let table = self.load(scope, database, name).await?;
        let mut live = LiveFiles::of(&table).await?;
        let shared = live.shared();
        live.tell_apart(table.table.file_io()).await?;
        for group in groups(&table, live, settings) {
            match self.rewrite(scope, &table, group, &shared, settings).await {
                Ok(more) => done.add(more),
                Err(IcebergError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    async fn rewrite(
        &self,
        scope: &Scope,
        table: &IcebergTable,
        group: Vec<LiveFile>,
        shared: &HashSet<String>,
        settings: &CompactSettings,
    ) -> Result<Compacted, IcebergError> {
        let data = DataSettings {
            file_bytes_max: target(table, settings),
            memory_bytes_max: settings.memory_bytes_max,
            ..DataSettings::default()
        };
        let mut writer = self.data_writer(table, data)?;
        let files: HashMap<&str, &DataFile> =
            group.iter().map(|one| (one.file.file_path(), &one.file)).collect();
        let mut moved = Moved::default();
        for mut task in table.plan(None, None, None).await? {
            let Some(file) = files.get(task.data_file_path.as_str()) else { continue };
            let absent = absent(&task.schema, file);
            task.project_field_ids.retain(|id| !absent.contains(id));
            let ids = task.project_field_ids.clone();
            let from: Arc<str> = task.data_file_path.as_str().into();
            // One file at a time and in its order: the index follows the rows by counting them.
            let reader = table.table.reader_builder().with_data_file_concurrency_limit(1).build();
            let read = reader.read(Box::pin(stream::iter([Ok(task)])))?;
            let mut rows = read.stream();
            while let Some(rows) = rows.try_next().await? {
                let rows = arrow::array::RecordBatch::try_new(
                    writer.schema().clone(),
                    cast_columns(&rows, &ids, writer.schema())?,
                )?;
                for placed in writer.write(rows).await? {
                    moved.add(&from, placed);
                }
            }
        }
        let new = writer.finish().await?;
        self.replace(scope, table.clone(), group, shared, new, moved).await
    }

    /// Puts the new files in the place of the old ones, on whatever snapshot is current, if the old ones are
    /// still what they were.
    async fn replace(
        &self,
        scope: &Scope,
        mut table: IcebergTable,
        group: Vec<LiveFile>,
        shared: &HashSet<String>,
        new: Vec<NewFile>,
        moved: Moved,
    ) -> Result<Compacted, IcebergError> {
        let mut done = Compacted { commits: 1, files_before: group.len() as u64, ..Compacted::default() };
        let mut change = Change { rewrite: true, ..Change::default() };
        for one in &group {
            done.bytes_before += one.file.file_size_in_bytes();
            done.deletes_applied += one.own_deletes.len() as u64;
            change.removed.insert(one.file.file_path().to_owned());
            change.removed.extend(one.own_deletes.iter().map(|delete| delete.file_path().to_owned()));
        }
        let mut staged: Vec<Staged> = Vec::new();
        for NewFile { staged: one, file, spec_id } in new {
            done.files_after += 1;
            done.bytes_after += file.file_size_in_bytes();
            staged.push(one);
            change.added.push(AddedFile { file, spec_id });
        }
        let id = table.metadata().uuid();
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let prepared = self.prepare(scope, &table, &change).await?;
            let count = staged.len();
            staged.extend(prepared.staged);
            let (database, name) = (table.entry.database.clone(), table.entry.name.clone());
            let (error, returned) = match self.objects.publish_or_return(staged, prepared.txn).await {
                Ok((_, revision)) => {
                    let after = self.committed(prepared.committed, revision)?;
                    self.index_moved(&table, &after, &moved);
                    return Ok(done);
                }
                Err(lost) => lost,
            };
            let PublishError::Conflict { .. } = error else {
                return Err(IcebergError::of_publish(error, &database, &name));
            };
            staged = returned;
            staged.truncate(count);
            table = self.load(scope, &database, &name).await?;
            if table.metadata().uuid() != id || !unchanged(&group, shared, &LiveFiles::of(&table).await?) {
                break;
            }
        }
        Err(IcebergError::Conflict { database: table.entry.database, table: table.entry.name })
    }
}

/// Whether the files are in the table with the same deletes. `shared` are those that were not known to be of one
/// file: of them some may be gone with files of theirs, but a new one could be of these.
fn unchanged(group: &[LiveFile], shared: &HashSet<String>, now: &LiveFiles) -> bool {
    let own = |one: &LiveFile| -> HashSet<String> {
        let deletes = one.own_deletes.iter().map(|delete| delete.file_path().to_owned());
        deletes.filter(|location| !shared.contains(location)).collect()
    };
    let same = |one: &LiveFile| now.data.get(one.file.file_path()).is_some_and(|now| own(now) == own(one));
    now.shared().is_subset(shared) && group.iter().all(same)
}

/// Files to be rewritten together, each group of one partition and about one new file.
fn groups(table: &IcebergTable, live: LiveFiles, settings: &CompactSettings) -> Vec<Vec<LiveFile>> {
    let target = target(table, settings);
    let spec = table.metadata().default_partition_spec_id();
    let mut partitions: HashMap<Struct, BTreeMap<(u64, String), LiveFile>> = HashMap::new();
    for (location, one) in live.data {
        if one.spec_id == spec {
            let order = (one.file.file_size_in_bytes(), location);
            partitions.entry(one.file.partition().clone()).or_default().insert(order, one);
        }
    }
    let mut groups = Vec::new();
    for files in partitions.into_values() {
        let mut group: Vec<LiveFile> = Vec::new();
        let mut bytes = 0;
        let mut small = Vec::new();
        for one in files.into_values() {
            let size = one.file.file_size_in_bytes();
            if (size as f64) < target as f64 * settings.small {
                if bytes + size > target && !group.is_empty() {
                    small.push(std::mem::take(&mut group));
                    bytes = 0;
                }
                bytes += size;
                group.push(one);
            } else if deleted_share(&one) > settings.deleted {
                groups.push(vec![one]);
            }
        }
        small.push(group);
        groups.extend(small.into_iter().filter(|group| {
            group.len() >= settings.files_min.max(2)
                || group.iter().any(|one| deleted_share(one) > settings.deleted)
        }));
    }
    // The groups with the most files first: they cost queries the most.
    groups.sort_by_key(|group| (std::cmp::Reverse(group.len()), group[0].file.file_path().to_owned()));
    let mut bytes = 0;
    groups.retain(|group| {
        let more: u64 = group.iter().map(|one| one.file.file_size_in_bytes()).sum();
        let fits = bytes == 0 || bytes + more <= settings.bytes_max;
        bytes += if fits { more } else { 0 };
        fits
    });
    groups
}

fn deleted_share(one: &LiveFile) -> f64 {
    let deleted: u64 = one.own_deletes.iter().map(|delete| delete.record_count()).sum();
    deleted as f64 / one.file.record_count().max(1) as f64
}

fn target(table: &IcebergTable, settings: &CompactSettings) -> u64 {
    let property = table.metadata().properties().get("write.target-file-size-bytes");
    property.and_then(|bytes| bytes.parse().ok()).unwrap_or(settings.file_bytes).max(1)
}

/// Nested columns that came after the file was written: iceberg's reader cannot make up their nulls.
fn absent(schema: &Schema, file: &DataFile) -> Vec<i32> {
    let sizes = file.column_sizes();
    let known = |field: &&NestedFieldRef| !sizes.is_empty() && !field.field_type.is_primitive();
    let fields = schema.as_struct().fields().iter().filter(known);
    fields
        .filter(|field| leaves(&field.field_type).iter().all(|id| !sizes.contains_key(id)))
        .map(|field| field.id)
        .collect()
}

/// The ids of the fields that have values themselves.
fn leaves(type_: &Type) -> Vec<i32> {
    let below = |field: &NestedFieldRef| match field.field_type.as_ref() {
        Type::Primitive(_) => vec![field.id],
        nested => leaves(nested),
    };
    match type_ {
        Type::Primitive(_) => Vec::new(),
        Type::Struct(fields) => fields.fields().iter().flat_map(below).collect(),
        Type::List(list) => below(&list.element_field),
        Type::Map(map) => [&map.key_field, &map.value_field].into_iter().flat_map(below).collect(),
    }
}

/// The columns of `schema` from rows whose columns are those with the ids.
fn cast_columns(
    rows: &arrow::array::RecordBatch,
    ids: &[i32],
    schema: &arrow::datatypes::SchemaRef,
) -> Result<Vec<arrow::array::ArrayRef>, IcebergError> {
    let column = |field: &arrow::datatypes::FieldRef| {
        let id = field.metadata().get(PARQUET_FIELD_ID_META_KEY);
        match ids.iter().position(|one| id.is_some_and(|id| *id == one.to_string())) {
            Some(at) => Ok(arrow::compute::cast(rows.column(at), field.data_type())?),
            None => Ok(arrow::array::new_null_array(field.data_type(), rows.num_rows())),
        }
    };
    schema.fields().iter().map(column).collect()
}

impl Compacted {
    pub(super) fn add(&mut self, more: Compacted) {
        self.commits += more.commits;
        self.files_before += more.files_before;
        self.files_after += more.files_after;
        self.bytes_before += more.bytes_before;
        self.bytes_after += more.bytes_after;
        self.deletes_applied += more.deletes_applied;
    }
}
