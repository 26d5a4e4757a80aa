//! The way out: recent batches from memory, older ones from their segments.

use std::io;
use std::ops::Range;
use std::sync::atomic::Ordering;

use bytes::{Bytes, BytesMut};
use rt::Timestamp;

use crate::disk::read_plainly;
use crate::frame::{HEADER_BYTES, Header, Records};
use crate::index::BatchRef;
use crate::journal::Journal;
use crate::partition::PartitionState;
use crate::scan::Damage;
use crate::segment::Segment;
use crate::{LogError, Offset, Page, Position, ReadLimit, Record};

/// Frames of other partitions up to this size are read over rather than around.
const GAP_BYTES_MAX: u64 = 16 << 10;
/// The most bytes fetched by one read of a file that has such gaps.
const SPAN_BYTES_MAX: u64 = 1 << 20;
/// From this size on a read costs the disk more than finding the place.
const ONCE_BYTES_MIN: u64 = 256 << 10;
/// How often a reader starts again because retention or the index moved under it.
const ATTEMPTS_MAX: usize = 16;

impl PartitionState {
    /// The page if memory holds all of it: `from` is in the tail cache, or there is nothing to read.
    pub(crate) fn read_cached(&self, from: Offset, limit: ReadLimit) -> Option<Page> {
        let shared = self.shared.lock();
        let mut reading = Reading::new(from.max(shared.oldest), shared.tail, shared.oldest, limit);
        let from = reading.page.next;
        if from >= shared.tail {
            return Some(reading.page);
        }
        if shared.cached.front()?.first > from {
            return None;
        }
        let start = shared.cached.partition_point(|batch| batch.first + u64::from(batch.count) <= from);
        let mut batches = Vec::new();
        let mut wanted = Wanted::new(limit);
        for batch in shared.cached.range(start..) {
            batches.push(batch.clone());
            if wanted.is_met(batch.first.max(from)..batch.first + u64::from(batch.count), batch.payload.len())
            {
                break;
            }
        }
        drop(shared);
        for batch in batches {
            if !reading.take(batch.first, Timestamp::from_millis(batch.at), batch.payload) {
                break;
            }
        }
        Some(reading.page)
    }
}

/// Who is expected to read the same records about this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    One,
    Others,
}

impl Journal {
    /// Reads from the segments; blocks.
    pub(crate) fn read(
        &self,
        partition: &PartitionState,
        from: Offset,
        limit: ReadLimit,
        readers: Readers,
    ) -> Result<Page, LogError> {
        let mut moved = None;
        for _ in 0..ATTEMPTS_MAX {
            if let Some(page) = partition.read_cached(from, limit) {
                return Ok(page);
            }
            match self.read_segments(partition, from, limit, readers) {
                Ok(Some(page)) => return Ok(page),
                Ok(None) => {}
                // Retention removed a segment after it was chosen; what is kept begins later now.
                Err(error) if error.kind() == io::ErrorKind::NotFound => moved = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        Err(moved.unwrap_or_else(|| io::ErrorKind::ResourceBusy.into()).into())
    }

    /// `None`: the index moved, start again.
    fn read_segments(
        &self,
        partition: &PartitionState,
        from: Offset,
        limit: ReadLimit,
        readers: Readers,
    ) -> io::Result<Option<Page>> {
        let (mut cursor, tail, oldest) = {
            let shared = partition.shared.lock();
            (from.max(shared.oldest), shared.tail, shared.oldest)
        };
        let mut reading = Reading { readers, ..Reading::new(cursor, tail, oldest, limit) };
        while cursor < tail {
            let Some((_, extent, end)) = partition.shared.lock().extent_at(cursor) else { break };
            let mut wanted = Wanted::new(reading.room());
            let chosen = self.with_list(&extent, partition.id, |list| {
                let start = list.partition_point(|batch| batch.end() <= cursor);
                let mut chosen = Vec::new();
                for batch in list[start..].iter().take_while(|batch| batch.first < end.min(tail)) {
                    chosen.push(*batch);
                    if wanted.is_met(batch.first.max(cursor)..batch.end(), batch.payload_bytes()) {
                        break;
                    }
                }
                chosen
            })?;
            let Some(chosen) = chosen else { return Ok(None) };
            self.fetch(&extent.segment, partition.id, &chosen, &mut reading)?;
            if reading.is_full || (wanted.met && !reading.page.records.is_empty()) {
                break;
            }
            // Not enough: the segment ends, or batches were damaged. Go on behind them.
            let met = chosen.last().filter(|_| wanted.met);
            cursor = met.map_or(end, BatchRef::end).max(cursor + 1);
            reading.pass(cursor.min(tail));
        }
        Ok(Some(reading.page))
    }

    /// Reads the batches of one segment into `reading`; damaged ones are reported and left out.
    fn fetch(
        &self,
        segment: &Segment,
        partition: u64,
        batches: &[BatchRef],
        reading: &mut Reading,
    ) -> io::Result<()> {
        if batches.is_empty() {
            return Ok(());
        }
        let file = self.file(segment)?;
        let passes = reading.readers == Readers::One && segment.let_go.load(Ordering::Relaxed);
        let once = |length: u64| passes && length >= ONCE_BYTES_MIN;
        // A page of many small frames would wait for each in turn. The first is read at once; where the hint is not
        // taken for the others, they are waited for.
        for (start, length) in runs(batches).skip(1).filter_map(range).filter(|(_, length)| !once(*length)) {
            let _hint = file.will_read(start, length);
        }
        for run in runs(batches) {
            let Some((start, length)) = range(run) else { continue };
            let bytes = match once(length) {
                true => file.read_once(start, length as usize)?,
                false => read_plainly(&*file, start, length as usize)?,
            };
            for (batch, frame) in frames(run, bytes) {
                if is_sound(&frame, partition, batch) {
                    let payload = frame.slice(HEADER_BYTES..);
                    if !reading.take(batch.first, Timestamp::from_millis(batch.at), payload) {
                        return Ok(());
                    }
                } else {
                    let (position, length) = (u64::from(batch.position), u64::from(batch.length));
                    self.report(segment, &Damage { position, length, acknowledged: true });
                    reading.pass(batch.end());
                }
            }
        }
        Ok(())
    }

    /// Where `position` lies; blocks. Expired records must have been given up before.
    pub(crate) fn locate(&self, partition: &PartitionState, position: Position) -> Result<Offset, LogError> {
        for _ in 0..ATTEMPTS_MAX {
            let (oldest, at, extent, end) = {
                let shared = partition.shared.lock();
                let at = match position {
                    Position::Oldest => return Ok(shared.oldest),
                    Position::Latest => return Ok(shared.tail),
                    Position::At(at) => at.as_millis(),
                };
                let after = shared.extents.partition_point(|extent| extent.first_at < at);
                let Some((_, extent, end)) = after.checked_sub(1).and_then(|place| shared.extent(place))
                else {
                    let first = shared.extents.front().map_or(shared.tail, |extent| extent.first);
                    return Ok(first.max(shared.oldest));
                };
                (shared.oldest, at, extent, end)
            };
            let found = self.with_list(&extent, partition.id, |list| {
                let place = list.partition_point(|batch| batch.at < at);
                list.get(place).map_or(end, |batch| batch.first.min(end))
            });
            match found {
                Ok(Some(offset)) => return Ok(offset.max(oldest)),
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::Error::from(io::ErrorKind::ResourceBusy).into())
    }
}

/// A page being filled.
struct Reading {
    page: Page,
    bytes: usize,
    limit: ReadLimit,
    readers: Readers,
    is_full: bool,
}

impl Reading {
    fn new(from: Offset, tail: Offset, oldest: Offset, limit: ReadLimit) -> Reading {
        let page = Page { records: Vec::new(), next: from, tail, oldest };
        Reading { page, bytes: 0, limit, readers: Readers::Others, is_full: false }
    }

    /// Adds the records of a batch from the page's `next` on. False once the page is full.
    fn take(&mut self, first: Offset, at: Timestamp, payload: Bytes) -> bool {
        let mut records = Records::new(payload);
        let mut offset = first;
        while offset < self.page.next {
            if records.skip_one().is_none() {
                return true;
            }
            offset += 1;
        }
        while let Some(size) = records.next_size() {
            let taken = self.page.records.len();
            if taken > 0 && (taken >= self.limit.records || self.bytes + size > self.limit.bytes) {
                self.is_full = true;
                return false;
            }
            let Some((key, data)) = records.next() else { break };
            self.bytes += size;
            self.page.records.push(Record { offset, at, key, data });
            offset += 1;
            self.page.next = offset;
        }
        true
    }

    /// What still fits.
    fn room(&self) -> ReadLimit {
        ReadLimit {
            records: self.limit.records.saturating_sub(self.page.records.len()),
            bytes: self.limit.bytes.saturating_sub(self.bytes),
        }
    }

    fn pass(&mut self, end: Offset) {
        self.page.next = self.page.next.max(end);
    }
}

/// Counts batches until there are enough for a page.
struct Wanted {
    records: u64,
    bytes: usize,
    limit: ReadLimit,
    met: bool,
}

impl Wanted {
    fn new(limit: ReadLimit) -> Wanted {
        Wanted { records: 0, bytes: 0, limit, met: false }
    }

    fn is_met(&mut self, offsets: Range<Offset>, bytes: usize) -> bool {
        // Of the first batch only the end may be wanted, so its bytes do not count.
        let bytes = if self.records == 0 { 0 } else { bytes };
        self.records += offsets.end - offsets.start;
        self.bytes += bytes;
        self.met = self.records >= self.limit.records as u64 || self.bytes >= self.limit.bytes;
        self.met
    }
}

/// Cuts batches into runs that one read of the file fetches.
fn runs(batches: &[BatchRef]) -> impl Iterator<Item = &[BatchRef]> {
    let start = |batch: &BatchRef| u64::from(batch.position);
    let end = |batch: &BatchRef| u64::from(batch.position) + u64::from(batch.length);
    let mut rest = batches;
    std::iter::from_fn(move || {
        let first = rest.first()?;
        let mut length = 1;
        while let (Some(last), Some(next)) = (rest.get(length - 1), rest.get(length)) {
            if start(next).saturating_sub(end(last)) > GAP_BYTES_MAX
                || end(next) - start(first) > SPAN_BYTES_MAX
            {
                break;
            }
            length += 1;
        }
        let (run, after) = rest.split_at(length);
        rest = after;
        Some(run)
    })
}

/// Where a run begins, and its length.
fn range(run: &[BatchRef]) -> Option<(u64, u64)> {
    let (first, last) = (run.first()?, run.last()?);
    let start = u64::from(first.position);
    Some((start, u64::from(last.position) + u64::from(last.length) - start))
}

/// The frames of a run, as slices of one buffer that holds nothing else.
fn frames(run: &[BatchRef], mut bytes: Bytes) -> impl Iterator<Item = (&BatchRef, Bytes)> {
    let wanted: usize = run.iter().map(|batch| batch.length as usize).sum();
    if wanted < bytes.len() {
        let start = run.first().map_or(0, |batch| batch.position);
        let mut packed = BytesMut::with_capacity(wanted);
        for batch in run {
            let from = (batch.position - start) as usize;
            packed.extend_from_slice(&bytes[from..from + batch.length as usize]);
        }
        bytes = packed.freeze();
    }
    run.iter().map(move |batch| (batch, bytes.split_to(batch.length as usize)))
}

fn is_sound(frame: &Bytes, partition: u64, batch: &BatchRef) -> bool {
    Header::decode(frame).is_some_and(|header| {
        header.partition == partition
            && header.first == batch.first
            && header.count == batch.count
            && header.length as usize == batch.payload_bytes()
            && header.checksum == crc32c::crc32c(&frame[HEADER_BYTES..])
    })
}
