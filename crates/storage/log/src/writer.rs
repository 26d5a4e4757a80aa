//! The way in: one thread writes what all callers have queued, syncs once, and tells them all.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;

use crate::LogError;
use crate::disk::{DiskFile, write_all_at};
use crate::frame::{HEADER_BYTES, Header};
use crate::index::{BatchRef, Lists};
use crate::journal::Journal;
use crate::partition::PartitionState;
use crate::queue::{Frame, Placed, Queue, Submission, Work};
use crate::segment::{self, CUTS_MAX, Cut, FileHeader, Segment, SegmentState};
use crate::settings::SEGMENT_BYTES_MAX;

pub(crate) struct Writer {
    journal: Arc<Journal>,
    queue: Arc<Queue>,
    /// Closed segments on their way to a side file; when it is full the writer waits.
    closed: SyncSender<Arc<Segment>>,
    active: Option<Active>,
    next_segment: u64,
    /// Segments whose last write failed, until a later segment that says so is on disk.
    cuts: Vec<Cut>,
    cache: TailCache,
}

struct Active {
    segment: Arc<Segment>,
    file: Arc<dyn DiskFile>,
    /// Where the next frame goes; everything before is on disk.
    position: u64,
    batches: usize,
}

impl Writer {
    pub(crate) fn new(
        journal: Arc<Journal>,
        queue: Arc<Queue>,
        closed: SyncSender<Arc<Segment>>,
        next_segment: u64,
    ) -> Writer {
        let cache =
            TailCache { limit: journal.settings.tail_cache_bytes, bytes: 0, batches: VecDeque::new() };
        Writer { journal, queue, closed, active: None, next_segment, cuts: Vec::new(), cache }
    }

    /// Until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        let queue = self.queue.clone();
        let _abandon = Abandon(&queue);
        while self.perform(queue.take(self.journal.settings.group_bytes)).is_continue() {}
    }

    /// What one turn of [`Writer::run`] does; `None` if there is nothing to do.
    pub(crate) fn step(&mut self) -> Option<ControlFlow<()>> {
        let work = self.queue.try_take(self.journal.settings.group_bytes)?;
        Some(self.perform(work))
    }

    fn perform(&mut self, work: Work) -> ControlFlow<()> {
        match work {
            Work::Write(group) => self.commit(group),
            Work::Seal(seal) => seal.run(),
            Work::Reset(done) => {
                self.reset();
                // Nobody may wait any more.
                let _gone = done.send(());
            }
            Work::End => {
                self.close_segment();
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    fn commit(&mut self, mut group: Vec<Submission>) {
        for late in group.extract_if(.., |submission| submission.is_late()) {
            late.answer(Err(LogError::Sealed));
        }
        if group.is_empty() {
            return;
        }
        let now = self.journal.rt.now();
        let frames: Vec<&Frame> = group.iter().flat_map(|submission| &submission.frames).collect();
        let placed: Vec<Placed> = frames
            .iter()
            .map(|frame| {
                let (first, at) = frame.partition.assign(frame.payload.count, now);
                Placed { first, at }
            })
            .collect();
        match self.write(&frames, &placed) {
            Ok(()) => {
                let mut placed = placed.into_iter();
                for submission in group {
                    let own = placed.by_ref().take(submission.frames.len()).collect();
                    submission.answer(Ok(own));
                }
            }
            Err(error) => {
                frames.iter().for_each(|frame| frame.partition.unassign());
                self.journal.counters.failed_writes.fetch_add(1, Ordering::Relaxed);
                tracing::error!(%error, "a write to the log failed; nothing of it was acknowledged");
                let shared = Arc::new(error);
                for submission in group {
                    submission.answer(Err(failure(&shared)));
                }
            }
        }
    }

    /// Everything is on disk and readable when this returns; after an error nothing of it counts.
    fn write(&mut self, frames: &[&Frame], placed: &[Placed]) -> io::Result<()> {
        let active = self.active_segment()?;
        let headers: Vec<_> = frames
            .iter()
            .zip(placed)
            .map(|(frame, placed)| header(frame, placed, active.position, active.segment.salt).encode())
            .collect();
        let mut slices = Vec::with_capacity(frames.len() * 2);
        for (frame, header) in frames.iter().zip(&headers) {
            slices.push(IoSlice::new(header));
            slices.push(IoSlice::new(&frame.payload.bytes));
        }
        let written =
            write_all_at(&*active.file, &mut slices, active.position).and_then(|()| active.file.sync());
        if let Err(error) = written {
            self.abandon_segment();
            return Err(error);
        }
        self.cuts.clear();
        self.publish(frames, placed);
        Ok(())
    }

    fn publish(&mut self, frames: &[&Frame], placed: &[Placed]) {
        let Some(active) = &mut self.active else { return };
        let mut position = active.position;
        let batches: Vec<_> = frames
            .iter()
            .zip(placed)
            .map(|(frame, placed)| {
                let batch = BatchRef {
                    first: placed.first,
                    at: placed.at.as_millis(),
                    position: position as u32,
                    length: frame.bytes() as u32,
                    count: frame.payload.count,
                };
                position += frame.bytes() as u64;
                batch
            })
            .collect();
        {
            let mut state = active.segment.state.lock();
            state.length = position;
            let lists = Arc::make_mut(state.lists.get_or_insert_default());
            for (frame, batch) in frames.iter().zip(&batches) {
                lists.entry(frame.partition.id).or_default().push(*batch);
            }
        }
        let counters = &self.journal.counters;
        *counters.appended.lock() = Some(self.journal.rt.instant());
        counters.groups.fetch_add(1, Ordering::Relaxed);
        counters.bytes.fetch_add(position - active.position, Ordering::Relaxed);
        counters
            .records
            .fetch_add(batches.iter().map(|batch| u64::from(batch.count)).sum(), Ordering::Relaxed);
        active.position = position;
        active.batches += batches.len();
        for (frame, batch) in frames.iter().zip(&batches) {
            frame.partition.publish(&active.segment, batch, frame.payload.bytes.clone());
            self.cache.add(&frame.partition, batch);
        }
        self.cache.shrink();
    }

    /// The segment to write to, a new one if the last is full or was abandoned.
    fn active_segment(&mut self) -> io::Result<&Active> {
        let settings = &self.journal.settings;
        if let Some(active) = &self.active {
            let bytes_max = settings.segment_bytes.min(SEGMENT_BYTES_MAX);
            if active.position >= bytes_max || active.batches >= settings.segment_batches {
                self.close_segment();
            }
        }
        if self.active.is_none() {
            self.active = Some(self.create_segment()?);
        }
        Ok(self.active.as_ref().expect("a segment was just created"))
    }

    fn create_segment(&mut self) -> io::Result<Active> {
        if self.cuts.len() > CUTS_MAX {
            return Err(io::Error::other("too many segments failed in a row"));
        }
        let id = self.next_segment;
        self.next_segment += 1;
        let salt = self.journal.rt.random_u64() as u32;
        let cuts = self.cuts.clone();
        let header = FileHeader { id, created: self.journal.rt.now().as_millis(), salt, cuts };
        let name = segment::file_name(id);
        let prepare = || {
            let file = self.journal.disk.create(&name)?;
            write_all_at(&*file, &mut [IoSlice::new(&header.encode())], 0)?;
            file.sync()?;
            self.journal.disk.sync_names()?;
            Ok(file)
        };
        let file = prepare().inspect_err(|_: &io::Error| {
            // Should it stay, it holds no frames and goes when the log is opened next.
            let _kept = self.journal.disk.remove(&name);
        })?;
        let position = segment::HEADER_BYTES as u64;
        let state = SegmentState {
            length: position,
            lists: Some(Arc::new(Lists::new())),
            active: Some(file.clone()),
        };
        let cuts = self.cuts.iter().map(|cut| cut.segment).collect();
        let segment = Segment::cutting(id, salt, cuts, state);
        self.journal.segments.write().insert(id, segment.clone());
        Ok(Active { segment, file, position, batches: 0 })
    }

    /// The file is complete; its index goes to a side file.
    fn close_segment(&mut self) {
        if let Some(active) = self.active.take() {
            active.segment.state.lock().active = None;
            // Without a side file the segment is scanned when the log is opened next.
            let _scanned_later = self.closed.send(active.segment);
        }
    }

    /// After a failed write or sync nobody knows what the file holds behind the last good frame, and a later
    /// sync that succeeds would not prove anything. It is never written to again; the next segment says
    /// where it ends.
    fn abandon_segment(&mut self) {
        let Some(active) = &self.active else { return };
        if active.batches == 0 && self.journal.discard(&active.segment).is_ok() {
            self.active = None;
            return;
        }
        self.cuts.push(Cut { segment: active.segment.id, length: active.position });
        if let Err(error) = active.file.truncate(active.position) {
            tracing::warn!(log.segment = active.segment.id, %error, "cannot cut a segment whose write failed");
        }
        self.close_segment();
    }

    fn reset(&mut self) {
        self.active = None;
        self.cuts.clear();
        self.cache.batches.clear();
        self.cache.bytes = 0;
        let segments: Vec<_> = self.journal.segments.read().values().cloned().collect();
        for segment in segments {
            segment.state.lock().active = None;
            if let Err(error) = self.journal.remove(&segment) {
                tracing::warn!(log.segment = segment.id, %error, "cannot remove a segment");
            }
        }
        self.journal.forget_caches();
    }
}

fn header(frame: &Frame, placed: &Placed, durable: u64, salt: u32) -> Header {
    Header {
        key_id: 0,
        length: frame.payload.bytes.len() as u32,
        count: frame.payload.count,
        checksum: frame.payload.checksum,
        partition: frame.partition.id,
        first: placed.first,
        at: placed.at.as_millis(),
        durable,
        salt,
    }
}

fn failure(error: &Arc<io::Error>) -> LogError {
    if crate::error::is_full(error) { LogError::StorageFull } else { LogError::Io(error.clone()) }
}

/// Whatever ends the thread, nobody waits for it in vain.
struct Abandon<'a>(&'a Queue);

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// Which batches are in memory, oldest first over all partitions.
struct TailCache {
    limit: usize,
    bytes: usize,
    batches: VecDeque<(Arc<PartitionState>, u64, usize)>,
}

impl TailCache {
    /// What a cached batch costs besides its payload.
    const OVERHEAD_BYTES: usize = 128;

    fn add(&mut self, partition: &Arc<PartitionState>, batch: &BatchRef) {
        let bytes = batch.length as usize - HEADER_BYTES + Self::OVERHEAD_BYTES;
        self.bytes += bytes;
        self.batches.push_back((partition.clone(), batch.first, bytes));
    }

    fn shrink(&mut self) {
        while self.bytes > self.limit {
            let Some((partition, first, bytes)) = self.batches.pop_front() else { return };
            partition.evict(first);
            self.bytes -= bytes;
        }
    }
}
