//! Rows with unique keys: the last one written stays.
//!
//! A commit of upserts adds the new rows as an append does and, for every key that the table had already,
//! deletes the old row by its position. Where a key's row lies is found in an index: key → file and position.
//! It is held in memory for the table's current snapshot, grows with our own commits, and is built anew from
//! the key columns of the data files when it is not there or another writer moved the table on. So a crash
//! costs a read of the key columns, and never a wrong answer.
//!
//! Deletes are files of positions, at most one for each data file: a further delete writes the file anew. A
//! data file without a row left is removed together with it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use names::Scope;
use objects::Staged;

use super::commit::{AddedFile, Change};
use super::files::{LiveFile, LiveFiles, read_deletes};
use super::index::{KEYS_MAX, Place, SharedIndex, locked, narrow};
use super::keys::{KeyHash, KeyMap, hashes};
use super::{DataWriter, Iceberg, IcebergError, IcebergTable, NewFile};

/// What a record means for the row with its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowOperation {
    /// The row becomes this one, whether there was one or not.
    Upsert,
    /// There is no row any more.
    Delete,
}

/// Rows on their way into a table with unique keys, in the order in which they win.
pub struct UpsertWriter {
    iceberg: Iceberg,
    writer: DataWriter,
    key_columns: Vec<usize>,
    key_ids: Vec<i32>,
    /// Files of this writer, by the order in which they were first written to.
    files: Vec<Arc<str>>,
    /// The last event of each key; the place counts into `files`.
    last: KeyMap<Option<Place>>,
    /// Rows of this writer that a later one replaced.
    replaced: Vec<Place>,
}

/// The rows of an [`UpsertWriter`], ready to be committed onto any snapshot.
pub struct Upserts {
    key_ids: Vec<i32>,
    files: Vec<Arc<str>>,
    last: KeyMap<Option<Place>>,
    replaced: Vec<Place>,
    /// What was written, by location.
    data: Vec<LiveFile>,
}

/// What becomes of the index when the commit of some upserts is published.
pub struct IndexChange {
    index: SharedIndex,
    /// The snapshot that the commit was planned on.
    base: Option<i64>,
    files: Vec<Arc<str>>,
    last: KeyMap<Option<Place>>,
}

impl Iceberg {
    /// A writer of rows with unique keys. Keys are top-level columns, matched without regard to case.
    pub fn upsert_writer(
        &self,
        table: &IcebergTable,
        writer: DataWriter,
        keys: &[String],
    ) -> Result<UpsertWriter, IcebergError> {
        let schema = table.metadata().current_schema();
        let mut key_columns = Vec::new();
        let mut key_ids = Vec::new();
        for key in keys {
            let missing = || IcebergError::NoSuchColumn(key.clone());
            let field = schema.field_by_name_case_insensitive(key).ok_or_else(missing)?;
            let at = writer.schema().index_of(&field.name).map_err(|_| missing())?;
            key_columns.push(at);
            key_ids.push(field.id);
        }
        if keys.is_empty() {
            return Err(IcebergError::Invalid("an upsert needs a unique key".into()));
        }
        Ok(UpsertWriter {
            iceberg: self.clone(),
            writer,
            key_columns,
            key_ids,
            files: Vec::new(),
            last: KeyMap::default(),
            replaced: Vec::new(),
        })
    }

    /// The change that commits these rows onto the table as it was loaded, the delete files it needs, and what
    /// to hand to [`Iceberg::upserted`] when it is published.
    pub async fn plan_upserts(
        &self,
        table: &IcebergTable,
        upserts: &Upserts,
    ) -> Result<(Change, Vec<Staged>, IndexChange), IcebergError> {
        let live = LiveFiles::of(table).await?;
        let index = self.index_of(table, &live, &upserts.key_ids).await?;
        let mut deletes: BTreeMap<Arc<str>, Vec<u64>> = BTreeMap::new();
        for place in &upserts.replaced {
            let file = &upserts.files[place.file as usize];
            deletes.entry(Arc::clone(file)).or_default().push(u64::from(place.position));
        }
        locked(&index).find(upserts.last.keys(), &mut deletes);
        let mut change = Change::default();
        let mut staged = Vec::new();
        let new: HashMap<&str, &LiveFile> =
            upserts.data.iter().map(|one| (one.file.file_path(), one)).collect();
        for one in &upserts.data {
            change.added.push(AddedFile { file: one.file.clone(), spec_id: one.spec_id });
        }
        for (file, mut positions) in deletes {
            let Some(of) = new.get(&*file).copied().or_else(|| live.data.get(&*file)) else {
                return Err(IcebergError::Invalid(format!(
                    "the key index names {file}, which is not in the table"
                )));
            };
            for delete in &of.own_deletes {
                let mut known = HashMap::new();
                read_deletes(table.table.file_io(), delete, &mut known).await?;
                positions.extend(known.remove(&*file).unwrap_or_default());
                change.removed.insert(delete.file_path().to_owned());
            }
            positions.sort_unstable();
            positions.dedup();
            let empty = positions.len() as u64 == of.file.record_count();
            if empty && !new.contains_key(&*file) {
                change.removed.insert(file.to_string());
                continue;
            }
            let NewFile { staged: one, file, spec_id } = self.delete_file(table, of, &positions).await?;
            staged.push(one);
            change.added.push(AddedFile { file, spec_id });
        }
        let (files, last) = (upserts.files.clone(), upserts.last.clone());
        Ok((change, staged, IndexChange { index, base: table.snapshot_id(), files, last }))
    }

    /// Takes note that a commit of upserts was published; `table` is what it made of the table. To be called
    /// after success only: without it the next commit reads the key columns again.
    pub fn upserted(&self, table: &IcebergTable, change: IndexChange) {
        let IndexChange { index, base, files, last } = change;
        {
            let mut index = locked(&index);
            if index.snapshot != base {
                // It follows another commit by now; the next one finds that it is not the table's.
                return;
            }
            index.take(files, last);
            index.snapshot = table.snapshot_id();
        }
        self.keep_index(table, index, KEYS_MAX);
    }

    /// Commits the rows in one snapshot, again if another writer was faster.
    pub async fn commit_upserts(
        &self,
        scope: &Scope,
        mut table: IcebergTable,
        upserts: Upserts,
        mut data: Vec<Staged>,
        with: meta::Txn,
    ) -> Result<IcebergTable, IcebergError> {
        let id = table.metadata().uuid();
        for _ in 0..super::COMMIT_ATTEMPTS_MAX {
            let (change, deletes, index) = self.plan_upserts(&table, &upserts).await?;
            if change.added.is_empty() && change.removed.is_empty() {
                return Ok(table);
            }
            let prepared = self.prepare(scope, &table, &change).await?;
            let count = data.len();
            data.extend(deletes);
            data.extend(prepared.staged);
            let (database, name) = (table.entry.database.clone(), table.entry.name.clone());
            let published = self.objects.publish_or_return(data, prepared.txn.merge(with.clone())).await;
            let (error, returned) = match published {
                Ok((_, revision)) => {
                    let table = self.committed(prepared.committed, revision)?;
                    self.upserted(&table, index);
                    return Ok(table);
                }
                Err(lost) => lost,
            };
            let moved = matches!(&error, objects::PublishError::Conflict { key } if *key == prepared.key);
            if !moved {
                return Err(IcebergError::of_publish(error, &database, &name));
            }
            data = returned;
            data.truncate(count);
            table = self.load(scope, &database, &name).await?;
            if table.metadata().uuid() != id {
                break;
            }
        }
        Err(IcebergError::Conflict { database: table.entry.database, table: table.entry.name })
    }
}

impl UpsertWriter {
    pub fn schema(&self) -> &arrow::datatypes::SchemaRef {
        self.writer.schema()
    }

    /// Takes rows in the order in which they win, each with what it means.
    pub async fn write(
        &mut self,
        rows: RecordBatch,
        operations: &[RowOperation],
    ) -> Result<(), IcebergError> {
        let keys = hashes(&rows, &self.key_columns, self.iceberg.secret)?;
        let mut winners: KeyMap<usize> = KeyMap::default();
        winners.reserve(keys.len());
        for (row, key) in keys.iter().enumerate() {
            winners.insert(*key, row);
        }
        let mut kept = vec![false; keys.len()];
        for (key, row) in winners {
            match operations[row] {
                RowOperation::Upsert => kept[row] = true,
                RowOperation::Delete => self.happen(key, None),
            }
        }
        let rows = filter_record_batch(&rows, &BooleanArray::from(kept))?;
        for placed in self.writer.write(rows).await? {
            let file = match self.files.iter().rposition(|known| *known == placed.file) {
                Some(file) => file,
                None => {
                    self.files.push(Arc::clone(&placed.file));
                    self.files.len() - 1
                }
            };
            let file = u32::try_from(file).expect("files are few");
            let keys = hashes(&placed.rows, &self.key_columns, self.iceberg.secret)?;
            for (position, key) in (placed.first..).zip(keys) {
                let position = narrow(position)?;
                self.happen(key, Some(Place { file, position }));
            }
        }
        Ok(())
    }

    fn happen(&mut self, key: KeyHash, place: Option<Place>) {
        if let Some(Some(before)) = self.last.insert(key, place) {
            self.replaced.push(before);
        }
    }

    /// As [`DataWriter::evolve`]. The key's columns stay where they are.
    pub async fn evolve(&mut self, schema: Arc<::iceberg::spec::Schema>) -> Result<(), IcebergError> {
        self.writer.evolve(schema).await
    }

    /// Bytes of memory held.
    pub fn memory_size(&self) -> usize {
        self.writer.memory_size() + self.last.len() * size_of::<(KeyHash, Option<Place>)>() * 2
    }

    /// Closes the files. They become visible with the commit of the upserts.
    pub async fn finish(self) -> Result<(Upserts, Vec<Staged>), IcebergError> {
        let UpsertWriter { writer, key_ids, files, last, replaced, .. } = self;
        let mut staged = Vec::new();
        let mut data = Vec::new();
        for NewFile { staged: one, file, spec_id } in writer.finish().await? {
            staged.push(one);
            data.push(LiveFile { file, spec_id, own_deletes: Vec::new() });
        }
        Ok((Upserts { key_ids, files, last, replaced, data }, staged))
    }
}

#[cfg(test)]
impl IndexChange {
    pub(super) fn is_of(&self, index: &SharedIndex) -> bool {
        Arc::ptr_eq(&self.index, index)
    }
}
