use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::{Mutex, RwLock};
use rt::Rt;

use crate::LogSettings;
use crate::disk::{Disk, DiskFile};
use crate::index::{self, BatchRef};
use crate::lru::Lru;
use crate::partition::{Extent, PartitionState};
use crate::scan::{Damage, scan};
use crate::segment::Segment;

/// The row of segments with all that is shared by writer, readers and retention.
pub(crate) struct Journal {
    pub(crate) disk: Box<dyn Disk>,
    pub(crate) rt: Rt,
    pub(crate) settings: LogSettings,
    pub(crate) partitions: RwLock<BTreeMap<u64, Arc<PartitionState>>>,
    pub(crate) segments: RwLock<BTreeMap<u64, Arc<Segment>>>,
    pub(crate) counters: Counters,
    /// By segment and partition.
    lists: Mutex<Lru<(u64, u64), List>>,
    files: Mutex<Lru<u64, Arc<dyn DiskFile>>>,
    /// Held while a segment's side file is written or removed.
    side_files: Mutex<()>,
}

type List = Arc<[BatchRef]>;

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) records: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) groups: AtomicU64,
    pub(crate) failed_writes: AtomicU64,
    pub(crate) quarantined: AtomicU64,
    pub(crate) quarantined_bytes: AtomicU64,
    pub(crate) torn_bytes: AtomicU64,
    /// When a group of appends was last on disk.
    pub(crate) appended: Mutex<Option<Instant>>,
}

/// Counts since the log was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub records: u64,
    /// Frames as written, headers included.
    pub bytes: u64,
    /// How many fsyncs these took.
    pub groups: u64,
    pub failed_writes: u64,
    /// Stretches of acknowledged data that were found damaged and are not served.
    pub quarantined: u64,
    pub quarantined_bytes: u64,
    /// What interrupted, never acknowledged writes left behind.
    pub torn_bytes: u64,
    pub segments: u64,
}

impl Journal {
    pub(crate) fn new(disk: Box<dyn Disk>, rt: Rt, settings: LogSettings) -> Journal {
        Journal {
            lists: Mutex::new(Lru::new(settings.index_cache_bytes)),
            files: Mutex::new(Lru::new(settings.open_files)),
            disk,
            rt,
            settings,
            partitions: RwLock::default(),
            segments: RwLock::default(),
            counters: Counters::default(),
            side_files: Mutex::default(),
        }
    }

    pub(crate) fn file(&self, segment: &Segment) -> io::Result<Arc<dyn DiskFile>> {
        if let Some(file) = &segment.state.lock().active {
            return Ok(file.clone());
        }
        if let Some(file) = self.files.lock().get(&segment.id) {
            return Ok(file);
        }
        let file = self.disk.open(&segment.file_name())?;
        self.files.lock().insert(segment.id, file.clone(), 1);
        Ok(file)
    }

    /// Shows `look` the batches of `partition` in the extent's segment. `None`: the extent was copied before
    /// the index moved to its side file; take it again.
    pub(crate) fn with_list<R>(
        &self,
        extent: &Extent,
        partition: u64,
        look: impl FnOnce(&[BatchRef]) -> R,
    ) -> io::Result<Option<R>> {
        if let Some(lists) = &extent.segment.state.lock().lists {
            return Ok(Some(look(lists.get(&partition).map_or(&[], Vec::as_slice))));
        }
        let key = (extent.segment.id, partition);
        let known = self.lists.lock().get(&key);
        let list = match known {
            Some(list) => list,
            None if extent.list.count == 0 => return Ok(None),
            None => {
                let list: List = self.load_list(extent, partition)?.into();
                self.lists.lock().insert(key, list.clone(), size_of_val(&*list) + 64);
                list
            }
        };
        Ok(Some(look(&list)))
    }

    fn load_list(&self, extent: &Extent, partition: u64) -> io::Result<Vec<BatchRef>> {
        match self.list_from_side_file(extent) {
            Ok(Some(list)) => return Ok(list),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.exists(&extent.segment) => {
                return Err(error);
            }
            Ok(None) => tracing::warn!(log.segment = extent.segment.id, "the index of a segment is damaged"),
            Err(error) => {
                tracing::warn!(log.segment = extent.segment.id, %error, "the index of a segment cannot be read")
            }
        }
        let file = self.file(&extent.segment)?;
        let length = extent.segment.state.lock().length;
        Ok(scan(&*file, Some(extent.segment.salt), length, true)?
            .lists
            .remove(&partition)
            .unwrap_or_default())
    }

    fn list_from_side_file(&self, extent: &Extent) -> io::Result<Option<Vec<BatchRef>>> {
        let file = self.disk.open(&extent.segment.index_name())?;
        let mut bytes = vec![0; extent.list.bytes()];
        file.read_exact_at(&mut bytes, u64::from(extent.list.position))?;
        Ok(index::decode_list(&bytes))
    }

    pub(crate) fn exists(&self, segment: &Segment) -> bool {
        self.segments.read().contains_key(&segment.id)
    }

    /// The same as [`Journal::persist_index`], for those who go on without it.
    pub(crate) fn try_persist_index(&self, segment: &Segment) {
        if let Err(error) = self.persist_index(segment) {
            tracing::warn!(log.segment = segment.id, %error, "cannot write the index of a segment yet");
        }
    }

    /// Moves the index of a closed segment from memory to its side file. On failure it stays in memory.
    pub(crate) fn persist_index(&self, segment: &Segment) -> io::Result<()> {
        let _alone = self.side_files.lock();
        let (lists, length) = {
            let state = segment.state.lock();
            match &state.lists {
                Some(lists) if state.active.is_none() && self.exists(segment) => {
                    (lists.clone(), state.length)
                }
                _ => return Ok(()),
            }
        };
        let directory = index::directory_of(segment.id, length, &lists);
        self.disk.replace(&segment.index_name(), &index::encode(&directory, &lists))?;
        for entry in &directory.entries {
            let partition = self.partitions.read().get(&entry.partition).cloned();
            if let Some(partition) = partition {
                partition.set_list_place(segment.id, entry.list);
            }
        }
        segment.state.lock().lists = None;
        Ok(())
    }

    /// Gives back the memory that the system holds the segment's content in. Who writes next gets it: pages that were
    /// in use a moment ago are cheap to write to, where a virtual machine asks its host for others one by one.
    pub(crate) fn let_go(&self, segment: &Segment) {
        let let_go = || self.file(segment)?.let_go();
        match let_go() {
            Ok(()) => segment.let_go.store(true, Ordering::Relaxed),
            Err(error) => {
                tracing::debug!(log.segment = segment.id, %error, "cannot let go of a segment's memory")
            }
        }
    }

    /// Forgets the segment and removes its files. Readers that have it open finish.
    pub(crate) fn remove(&self, segment: &Segment) -> io::Result<()> {
        let _alone = self.side_files.lock();
        if self.segments.write().remove(&segment.id).is_none() {
            return Ok(());
        }
        self.files.lock().remove(&segment.id);
        self.disk.remove(&segment.file_name())?;
        match self.disk.remove(&segment.index_name()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The same for a segment that never held a frame and was never closed. It is gone for good before a next one
    /// is begun: behind it, what it holds would count as acknowledged.
    pub(crate) fn discard(&self, segment: &Segment) -> io::Result<()> {
        self.disk.remove(&segment.file_name())?;
        self.segments.write().remove(&segment.id);
        self.disk.sync_names()
    }

    pub(crate) fn forget_caches(&self) {
        self.lists.lock().clear();
        self.files.lock().clear();
    }

    pub(crate) fn report(&self, segment: &Segment, damage: &Damage) {
        if damage.acknowledged {
            self.counters.quarantined.fetch_add(1, Ordering::Relaxed);
            self.counters.quarantined_bytes.fetch_add(damage.length, Ordering::Relaxed);
            tracing::error!(
                log.segment = segment.id,
                log.position = damage.position,
                log.bytes = damage.length,
                "acknowledged data is damaged; it is left where it is and not served"
            );
        } else {
            self.counters.torn_bytes.fetch_add(damage.length, Ordering::Relaxed);
            tracing::info!(
                log.segment = segment.id,
                log.position = damage.position,
                log.bytes = damage.length,
                "dropped what an interrupted write left behind"
            );
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            records: read(&self.counters.records),
            bytes: read(&self.counters.bytes),
            groups: read(&self.counters.groups),
            failed_writes: read(&self.counters.failed_writes),
            quarantined: read(&self.counters.quarantined),
            quarantined_bytes: read(&self.counters.quarantined_bytes),
            torn_bytes: read(&self.counters.torn_bytes),
            segments: self.segments.read().len() as u64,
        }
    }
}
