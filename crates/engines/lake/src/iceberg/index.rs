//! Where each key of a table lies: in memory, for one snapshot.
//!
//! An index follows our own commits and rewrites, and stays where it is while a commit is on its way, so that a lost
//! race does not cost it. It is read anew from the key columns of the data files when it is not there or another
//! writer moved the table on.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatch;
use futures::StreamExt;

use super::files::{LiveFile, LiveFiles, read};
use super::keys::{KeyHash, KeyMap, hashes};
use super::{Iceberg, IcebergError, IcebergTable};

/// The most keys the indexes of all tables hold together, in memory: 25 bytes each in a table of which half to
/// seven eighths are taken. A larger table is refused, not truncated; of several smaller ones, those that were not
/// written to for longest are forgotten, and read again when they are.
pub const KEYS_MAX: usize = 50_000_000;

/// Batches of rows whose keys are hashed at the same time.
const HASHED_AT_ONCE: usize = 2;

/// A row, by file and position within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: u32,
    pub(super) position: u32,
}

/// Where each key of a table lies at one snapshot.
#[derive(Debug, Default)]
pub(super) struct KeyIndex {
    pub(super) snapshot: Option<i64>,
    key_ids: Vec<i32>,
    /// Locations; a [`Place`] counts into them.
    files: Vec<Arc<str>>,
    places: KeyMap<Place>,
    /// Further rows of keys that are not unique: another writer only appended.
    more: KeyMap<Vec<Place>>,
    /// Grows with every use of any index.
    used: u64,
}

/// Stays where it is while a commit is on its way, so that a lost race does not cost it.
pub(super) type SharedIndex = Arc<Mutex<KeyIndex>>;

/// Where a rewrite put the rows of old files.
#[derive(Debug, Default)]
pub(super) struct Moved {
    /// By old file, in the order of its rows that were left.
    files: HashMap<Arc<str>, Vec<Run>>,
}

/// Consecutive rows that stayed consecutive.
#[derive(Debug)]
struct Run {
    file: Arc<str>,
    first: u64,
    rows: u64,
}

impl Moved {
    /// The next rows of `from` that were left.
    pub(super) fn add(&mut self, from: &Arc<str>, placed: super::Placed) {
        let run = Run { file: placed.file, first: placed.first, rows: placed.rows.num_rows() as u64 };
        self.files.entry(Arc::clone(from)).or_default().push(run);
    }
}

impl Iceberg {
    /// Follows a rewrite with the index, if there is one for the snapshot before. Of an old file's rows, those
    /// in the index are exactly those that were left, in the same order.
    pub(super) fn index_moved(&self, before: &IcebergTable, after: &IcebergTable, moved: &Moved) {
        let known = self.indexes().get(&after.metadata().uuid().as_u128()).cloned();
        let Some(index) = known else { return };
        let mut index = locked(&index);
        // Of a key with several rows only one is in its place: then rows cannot be followed by counting.
        if index.snapshot == before.snapshot_id() && index.more.is_empty() {
            index.snapshot = after.snapshot_id();
            index.follow(moved);
        }
    }
}

impl Iceberg {
    /// Keeps the index, and of the others as many as there is room for.
    pub(super) fn keep_index(&self, table: &IcebergTable, index: SharedIndex, keys_max: usize) {
        let mut indexes = self.indexes();
        let used = indexes.values().map(|index| locked(index).used).max().unwrap_or(0) + 1;
        locked(&index).used = used;
        indexes.insert(table.metadata().uuid().as_u128(), index);
        let size = |(id, index): (&u128, &SharedIndex)| {
            let index = locked(index);
            (index.used, *id, index.places.len())
        };
        let mut by_use: Vec<(u64, u128, usize)> = indexes.iter().map(size).collect();
        by_use.sort_unstable_by(|one, other| other.cmp(one));
        let mut keys = 0;
        for (nth, (_, id, more)) in by_use.into_iter().enumerate() {
            keys += more;
            if nth > 0 && keys > keys_max {
                indexes.remove(&id);
            }
        }
    }
    /// The index for the table's current snapshot: the one in memory, or one read from its files.
    pub(super) async fn index_of(
        &self,
        table: &IcebergTable,
        live: &LiveFiles,
        key_ids: &[i32],
    ) -> Result<SharedIndex, IcebergError> {
        let known = self.indexes().get(&table.metadata().uuid().as_u128()).cloned();
        if let Some(index) = known
            && locked(&index).is_of(table, key_ids)
        {
            return Ok(index);
        }
        // One that is not the table's any more must not be in memory beside the new one.
        self.indexes().remove(&table.metadata().uuid().as_u128());
        let index = Arc::new(Mutex::new(self.build_index(table, live, key_ids).await?));
        self.keep_index(table, Arc::clone(&index), KEYS_MAX);
        Ok(index)
    }

    async fn build_index(
        &self,
        table: &IcebergTable,
        live: &LiveFiles,
        key_ids: &[i32],
    ) -> Result<KeyIndex, IcebergError> {
        let io = table.table.file_io();
        let deleted = live.deleted(io).await?;
        let mut index =
            KeyIndex { snapshot: table.snapshot_id(), key_ids: key_ids.to_vec(), ..KeyIndex::default() };
        let rows: u64 = live.data.values().map(|one| one.file.record_count()).sum();
        let gone: usize = deleted.values().map(Vec::len).sum();
        let keys = usize::try_from(rows).unwrap_or(usize::MAX).saturating_sub(gone);
        if keys > KEYS_MAX {
            return Err(IcebergError::TooMany { limit: KEYS_MAX, what: "keys" });
        }
        // At once: growing step by step would copy everything and take half as much again meanwhile.
        index.places.reserve(keys);
        let mut files: Vec<&LiveFile> = live.data.values().collect();
        files.sort_by(|a, b| a.file.file_path().cmp(b.file.file_path()));
        for LiveFile { file, .. } in files {
            let number = u32::try_from(index.files.len()).expect("files are few");
            index.files.push(file.file_path().into());
            let mut gone = deleted.get(file.file_path()).into_iter().flatten().copied().peekable();
            let mut position: u64 = 0;
            let batches = read(io, file, Some(key_ids)).await?;
            let mut hashed = batches.map(|rows| self.hash(rows, key_ids)).buffered(HASHED_AT_ONCE);
            while let Some(keys) = hashed.next().await.transpose()? {
                for key in keys {
                    if gone.next_if_eq(&position).is_none() {
                        let place = Place { file: number, position: narrow(position)? };
                        if let Some(other) = index.places.insert(key, place) {
                            index.more.entry(key).or_default().push(other);
                        }
                    }
                    position += 1;
                }
            }
        }
        Ok(index)
    }

    /// The keys of rows, on another thread.
    async fn hash(
        &self,
        rows: Result<RecordBatch, IcebergError>,
        key_ids: &[i32],
    ) -> Result<Vec<KeyHash>, IcebergError> {
        let (rows, secret) = (rows?, self.secret);
        let columns = columns_by_id(&rows, key_ids)?;
        self.rt.blocking("iceberg keys", move || hashes(&rows, &columns, secret)).await
    }
}

pub(super) fn locked(index: &SharedIndex) -> MutexGuard<'_, KeyIndex> {
    index.lock().unwrap_or_else(PoisonError::into_inner)
}

impl KeyIndex {
    fn is_of(&self, table: &IcebergTable, key_ids: &[i32]) -> bool {
        self.snapshot == table.snapshot_id() && self.key_ids == key_ids
    }

    /// Adds where the rows with these keys lie, by file.
    pub(super) fn find<'a>(
        &self,
        keys: impl Iterator<Item = &'a KeyHash>,
        found: &mut BTreeMap<Arc<str>, Vec<u64>>,
    ) {
        for key in keys {
            for place in self.places.get(key).into_iter().chain(self.more.get(key).into_iter().flatten()) {
                let file = &self.files[place.file as usize];
                found.entry(Arc::clone(file)).or_default().push(u64::from(place.position));
            }
        }
    }

    /// What was committed; places count into `files`.
    pub(super) fn take(&mut self, files: Vec<Arc<str>>, last: KeyMap<Option<Place>>) {
        let base = self.files.len();
        self.files.extend(files);
        for (key, place) in last {
            self.more.remove(&key);
            match place {
                Some(Place { file, position }) => {
                    let file = u32::try_from(base + file as usize).expect("files are few");
                    self.places.insert(key, Place { file, position });
                }
                None => {
                    self.places.remove(&key);
                }
            }
        }
    }

    fn follow(&mut self, moved: &Moved) {
        let old: HashMap<u32, &Vec<Run>> = (0_u32..)
            .zip(&self.files)
            .filter_map(|(number, file)| Some((number, moved.files.get(file)?)))
            .collect();
        let mut left: HashMap<u32, Vec<(u32, KeyHash)>> = HashMap::new();
        for (key, place) in &self.places {
            if old.contains_key(&place.file) {
                left.entry(place.file).or_default().push((place.position, *key));
            }
        }
        for (number, mut rows) in left {
            rows.sort_unstable();
            let mut rows = rows.into_iter();
            for run in old[&number] {
                let known = self.files.iter().rposition(|file| *file == run.file);
                let file = known.unwrap_or_else(|| {
                    self.files.push(Arc::clone(&run.file));
                    self.files.len() - 1
                });
                let file = u32::try_from(file).expect("files are few");
                let positions = run.first..run.first + run.rows;
                for (position, (_, key)) in positions.zip(rows.by_ref().take(run.rows as usize)) {
                    let position = u32::try_from(position).expect("positions were counted before");
                    self.places.insert(key, Place { file, position });
                }
            }
        }
    }
}

pub(super) fn narrow(position: u64) -> Result<u32, IcebergError> {
    u32::try_from(position)
        .map_err(|_| IcebergError::TooMany { limit: u32::MAX as usize, what: "rows in a file" })
}

/// The places of the fields with these ids.
fn columns_by_id(rows: &RecordBatch, ids: &[i32]) -> Result<Vec<usize>, IcebergError> {
    let schema = rows.schema();
    let id_of =
        |at: usize| schema.field(at).metadata().get("PARQUET:field_id").and_then(|id| id.parse().ok());
    let place = |id: &i32| (0..schema.fields().len()).find(|&at| id_of(at) == Some(*id));
    let missing = |id: &i32| IcebergError::Invalid(format!("a data file lacks the key's field {id}"));
    ids.iter().map(|id| place(id).ok_or_else(|| missing(id))).collect()
}
