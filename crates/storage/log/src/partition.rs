use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use rt::Timestamp;
use tokio::sync::watch;

use crate::Offset;
use crate::index::{BatchRef, ListPlace};
use crate::segment::Segment;
use crate::tail::{Tail, TailWatch};

/// One partition in memory. Its id is never used for another, so what an earlier topic of the same name
/// left in the segments is never found again.
pub(crate) struct PartitionState {
    pub(crate) id: u64,
    /// Milliseconds; one cell for all partitions of the topic.
    retention_ms: Arc<AtomicU64>,
    /// Set by the writer alone, between two writes: it takes no more records, for now or for good.
    sealed: AtomicBool,
    pub(crate) shared: Mutex<Shared>,
}

#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) oldest: Offset,
    /// The record at `oldest` was accepted then or later.
    pub(crate) oldest_at: Timestamp,
    pub(crate) tail: Offset,
    /// Assigned by the writer and not yet on disk: `tail <= assigned`.
    pub(crate) assigned: Offset,
    pub(crate) last_at: Timestamp,
    /// The segments with records of this partition, oldest first.
    pub(crate) extents: VecDeque<Extent>,
    /// The newest batches, without a gap up to the tail.
    pub(crate) cached: VecDeque<CachedBatch>,
    pub(crate) deleted: bool,
    /// Sealed for good, and everybody may know.
    pub(crate) closed: bool,
    /// `oldest` or `tail` say more than the segments and the mark in the metadata store do.
    pub(crate) unmarked: bool,
    watch: Option<watch::Sender<Tail>>,
}

/// The records of a partition in one segment: from `first` up to the next extent's `first`, or the tail.
#[derive(Clone)]
pub(crate) struct Extent {
    pub(crate) segment: Arc<Segment>,
    pub(crate) first: Offset,
    pub(crate) first_at: i64,
    pub(crate) list: ListPlace,
}

#[derive(Clone)]
pub(crate) struct CachedBatch {
    pub(crate) first: Offset,
    pub(crate) count: u32,
    pub(crate) at: i64,
    pub(crate) payload: Bytes,
}

impl PartitionState {
    pub(crate) fn new(id: u64, retention_ms: Arc<AtomicU64>) -> PartitionState {
        PartitionState { id, retention_ms, sealed: AtomicBool::new(false), shared: Mutex::default() }
    }

    /// No record is written from now on. Returns the tail, which is final.
    pub(crate) fn seal(&self) -> Offset {
        self.sealed.store(true, Ordering::Release);
        self.shared.lock().tail
    }

    pub(crate) fn unseal(&self) {
        self.sealed.store(false, Ordering::Release);
    }

    pub(crate) fn is_sealed(&self) -> bool {
        self.sealed.load(Ordering::Acquire)
    }

    /// Tells those who wait that nothing follows.
    pub(crate) fn close(&self) {
        let mut shared = self.shared.lock();
        shared.closed = true;
        shared.notify();
    }

    /// After recovery: closed at `tail`, whatever the files hold beyond (writes that nobody was told of) or
    /// lack (damage).
    pub(crate) fn restore_closed(&self, tail: Offset) {
        self.seal();
        let mut shared = self.shared.lock();
        (shared.tail, shared.assigned, shared.closed) = (tail, tail, true);
        shared.oldest = if shared.extents.is_empty() { tail } else { shared.oldest.min(tail) };
    }

    /// Records accepted before this are no longer kept.
    pub(crate) fn keep_since(&self, now: Timestamp) -> Timestamp {
        now.minus(Duration::from_millis(self.retention_ms.load(Ordering::Relaxed)))
    }

    /// The next `count` offsets, for a batch accepted at `now` or, if the clock went back, as late as its
    /// predecessor.
    pub(crate) fn assign(&self, count: u32, now: Timestamp) -> (Offset, Timestamp) {
        let mut shared = self.shared.lock();
        let first = shared.assigned;
        shared.assigned += u64::from(count);
        (first, now.max(shared.last_at))
    }

    /// Takes back what was assigned since the tail.
    pub(crate) fn unassign(&self) {
        let mut shared = self.shared.lock();
        shared.assigned = shared.tail;
    }

    /// The batch is on disk and in the segment's index: readers may see it.
    pub(crate) fn publish(&self, segment: &Arc<Segment>, batch: &BatchRef, payload: Bytes) {
        let mut shared = self.shared.lock();
        if shared.deleted {
            return;
        }
        if shared.extents.back().is_none_or(|extent| extent.segment.id != segment.id) {
            shared.add_extent(segment, batch.first, batch.at, ListPlace::default());
        }
        if shared.oldest == batch.first {
            shared.oldest_at = Timestamp::from_millis(batch.at);
        }
        shared.cached.push_back(CachedBatch {
            first: batch.first,
            count: batch.count,
            at: batch.at,
            payload,
        });
        shared.tail = batch.end();
        shared.last_at = Timestamp::from_millis(batch.at);
        shared.notify();
    }

    /// Drops the oldest cached batch if it is the one that starts at `first`.
    pub(crate) fn evict(&self, first: Offset) {
        let mut shared = self.shared.lock();
        if shared.cached.front().is_some_and(|batch| batch.first == first) {
            shared.cached.pop_front();
        }
    }

    pub(crate) fn watch(&self) -> TailWatch {
        let mut shared = self.shared.lock();
        let tail = shared.watched();
        TailWatch::new(shared.watch.get_or_insert_with(|| watch::Sender::new(tail)).subscribe())
    }

    /// Readers find nothing any more and watchers are told.
    pub(crate) fn delete(&self) {
        let mut shared = self.shared.lock();
        shared.deleted = true;
        shared.drop_extents_before(usize::MAX);
        shared.cached.clear();
        shared.notify();
    }

    /// Tells where the batches of `segment` are listed now.
    pub(crate) fn set_list_place(&self, segment: u64, place: ListPlace) {
        let mut shared = self.shared.lock();
        if let Some(extent) = shared.extents.iter_mut().rev().find(|extent| extent.segment.id == segment) {
            extent.list = place;
        }
    }
}

impl Shared {
    fn watched(&self) -> Tail {
        Tail { offset: self.tail, deleted: self.deleted, closed: self.closed }
    }

    fn notify(&self) {
        if let Some(watch) = &self.watch {
            watch.send_replace(self.watched());
        }
    }

    pub(crate) fn add_extent(
        &mut self,
        segment: &Arc<Segment>,
        first: Offset,
        first_at: i64,
        list: ListPlace,
    ) {
        segment.live.fetch_add(1, Ordering::AcqRel);
        self.extents.push_back(Extent { segment: segment.clone(), first, first_at, list });
    }

    /// The extent that holds `offset`, or the first one after it, and the end of its offsets.
    pub(crate) fn extent_at(&self, offset: Offset) -> Option<(usize, Extent, Offset)> {
        let after = self.extents.partition_point(|extent| extent.first <= offset);
        self.extent(after.saturating_sub(1))
    }

    pub(crate) fn extent(&self, place: usize) -> Option<(usize, Extent, Offset)> {
        let extent = self.extents.get(place)?.clone();
        Some((place, extent, self.extents.get(place + 1).map_or(self.tail, |next| next.first)))
    }

    /// The next offset is `tail` or greater.
    pub(crate) fn raise_tail(&mut self, tail: Offset) {
        if tail <= self.tail {
            return;
        }
        if self.extents.is_empty() {
            self.oldest = tail;
        }
        (self.tail, self.assigned, self.unmarked) = (tail, tail, true);
    }

    /// Whether a later segment has records of the partition, or this one, still indexed in memory, behind
    /// `position`.
    pub(crate) fn goes_on_after(&self, partition: u64, segment: u64, position: u64) -> bool {
        self.extents.back().is_some_and(|extent| {
            let state = extent.segment.state.lock();
            let last = state.lists.as_ref().and_then(|lists| lists.get(&partition)?.last());
            extent.segment.id > segment
                || (extent.segment.id == segment
                    && last.is_some_and(|last| u64::from(last.position) > position))
        })
    }

    /// Gives up everything before `oldest`, whose record is not older than `at`. Segments are let go when
    /// nothing in them is kept.
    pub(crate) fn advance_oldest(&mut self, oldest: Offset, at: Timestamp) {
        let oldest = oldest.min(self.tail);
        if oldest > self.oldest {
            self.oldest = oldest;
            self.unmarked = true;
        }
        if oldest == self.oldest {
            self.oldest_at = self.oldest_at.max(at);
        }
        let over = self.extents.partition_point(|extent| extent.first <= self.oldest).saturating_sub(1);
        self.drop_extents_before(over);
        if self.oldest == self.tail {
            self.drop_extents_before(usize::MAX);
        }
        while self.cached.front().is_some_and(|batch| batch.first + u64::from(batch.count) <= self.oldest) {
            self.cached.pop_front();
        }
    }

    fn drop_extents_before(&mut self, place: usize) {
        let place = place.min(self.extents.len());
        for extent in self.extents.drain(..place) {
            extent.segment.live.fetch_sub(1, Ordering::AcqRel);
        }
    }
}
