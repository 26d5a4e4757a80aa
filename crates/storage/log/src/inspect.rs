//! Looks at the files of a log without opening it: nothing is locked, changed or repaired, so that it may be
//! done while a server writes them. Every frame is read and its checksums compared.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use rt::Timestamp;
use serde::Serialize;

use crate::disk::{DiskFile, ReadOnly};
use crate::index::{self, Lists};
use crate::scan::{Scan, scan};
use crate::segment::{self, Cut, Decoded, FileHeader};

/// What a directory holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Inspection {
    pub segments: Vec<SegmentReport>,
    /// By partition id.
    pub partitions: BTreeMap<u64, PartitionReport>,
    /// Frames that give offsets which earlier segments gave before.
    pub repeated_offsets: u64,
    /// Whether anything acknowledged, or anything derived from it, is not as it was written.
    pub is_damaged: bool,
}

/// One file of frames and its side file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SegmentReport {
    pub id: u64,
    pub file: String,
    pub bytes: u64,
    /// Bytes that count; a failed write may have left others behind.
    pub valid_bytes: u64,
    pub version: u16,
    pub header: HeaderState,
    /// None if the header does not say.
    pub created: Option<Timestamp>,
    pub frames: u64,
    pub records: u64,
    pub partitions: u64,
    pub first_at: Option<Timestamp>,
    pub last_at: Option<Timestamp>,
    pub index: IndexState,
    pub damage: Vec<DamageReport>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HeaderState {
    Sound,
    Damaged,
    /// Of a version that this program does not read; frames are not looked at.
    Newer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IndexState {
    Sound,
    /// Not written yet; the log makes it when it is opened next.
    Missing,
    /// The log reads the segment instead.
    Damaged,
    /// Sound, but not of these frames: some were damaged after it was written.
    Differs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DamageReport {
    pub position: u64,
    pub bytes: u64,
    /// False for the end of a write that is under way or was interrupted: nobody was told that it is kept.
    pub acknowledged: bool,
}

/// One partition over all segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PartitionReport {
    pub first: u64,
    /// The offset after the last record.
    pub end: u64,
    pub frames: u64,
    pub records: u64,
    /// Of frames, headers included.
    pub bytes: u64,
    /// Offsets between `first` and `end` without a record.
    pub skipped: u64,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
}

/// One batch as it lies in its segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FrameReport {
    pub segment: u64,
    pub position: u64,
    pub bytes: u64,
    pub partition: u64,
    pub first: u64,
    pub records: u32,
    pub at: Timestamp,
}

/// Reads the log in `dir`; `visit` sees every sound frame in the order of the files. Memory is bounded by the
/// largest segment's number of frames. Segments that retention removes meanwhile are left out.
pub fn inspect(dir: &Path, mut visit: impl FnMut(&FrameReport)) -> io::Result<Inspection> {
    let disk = ReadOnly::new(dir);
    let mut ids: Vec<_> = disk.names()?.iter().filter_map(|name| segment::id_of(name, "segment")).collect();
    ids.sort_unstable();
    let mut headers = Vec::with_capacity(ids.len());
    let mut cuts = BTreeMap::new();
    for &id in &ids {
        let Some(header) =
            present(disk.open(&segment::file_name(id)).and_then(|file| FileHeader::read(&file)))?
        else {
            continue;
        };
        if let Decoded::Header(header) = &header {
            cuts.extend(header.cuts.iter().map(|Cut { segment, length }| (*segment, *length)));
        }
        headers.push((id, header));
    }
    let mut inspection = Inspection::default();
    for (id, header) in headers {
        let seen = Seen { id, header, cut: cuts.get(&id).copied(), is_last: ids.last() == Some(&id) };
        if let Some((report, lists)) = present(seen.report(&disk))? {
            inspection.add(report, &lists, &mut visit);
        }
    }
    Ok(inspection)
}

/// None if the file went meanwhile.
fn present<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

struct Seen {
    id: u64,
    header: Decoded,
    cut: Option<u64>,
    is_last: bool,
}

impl Seen {
    fn report(&self, disk: &ReadOnly) -> io::Result<(SegmentReport, Lists)> {
        let file = disk.open(&segment::file_name(self.id))?;
        let bytes = file.length()?;
        let (header, version, salt, created) = match &self.header {
            Decoded::Header(header) => {
                let created = Timestamp::from_millis(header.created);
                (HeaderState::Sound, segment::VERSION, Some(header.salt), Some(created))
            }
            // The newest one's may be on its way.
            Decoded::Damaged => (HeaderState::Damaged, segment::VERSION, None, None),
            Decoded::Newer(version) => (HeaderState::Newer, *version, None, None),
        };
        let length = if header == HeaderState::Newer { 0 } else { bytes.min(self.cut.unwrap_or(bytes)) };
        let Scan { lists, end, damage, .. } = scan(&file, salt, length, !self.is_last)?;
        let damage = damage.iter().map(|damage| DamageReport {
            position: damage.position,
            bytes: damage.length,
            acknowledged: damage.acknowledged,
        });
        let batches = || lists.values().flatten();
        let report = SegmentReport {
            id: self.id,
            file: segment::file_name(self.id),
            bytes,
            valid_bytes: end,
            version,
            header,
            created,
            frames: batches().count() as u64,
            records: batches().map(|batch| u64::from(batch.count)).sum(),
            partitions: lists.len() as u64,
            first_at: batches().map(|batch| Timestamp::from_millis(batch.at)).min(),
            last_at: batches().map(|batch| Timestamp::from_millis(batch.at)).max(),
            index: index_state(disk, self.id, end, &lists)?,
            damage: damage.collect(),
        };
        Ok((report, lists))
    }
}

/// The side file beside the frames as they are.
fn index_state(disk: &ReadOnly, id: u64, end: u64, lists: &Lists) -> io::Result<IndexState> {
    let Some(file) = present(disk.open(&segment::index_name(id)))? else { return Ok(IndexState::Missing) };
    let mut bytes = vec![0; file.length()? as usize];
    file.read_exact_at(&mut bytes, 0)?;
    let directory = index::directory_bytes(&bytes)
        .and_then(|length| bytes.get(..length))
        .and_then(index::decode_directory)
        .filter(|directory| directory.segment == id);
    let Some(directory) = directory else { return Ok(IndexState::Damaged) };
    let mut differs = directory.length != end || directory.entries.len() != lists.len();
    for entry in &directory.entries {
        let start = entry.list.position as usize;
        let list = start.checked_add(entry.list.bytes()).and_then(|end| bytes.get(start..end));
        let Some(list) = list.and_then(index::decode_list) else { return Ok(IndexState::Damaged) };
        differs |= lists.get(&entry.partition) != Some(&list);
    }
    Ok(if differs { IndexState::Differs } else { IndexState::Sound })
}

impl Inspection {
    fn add(&mut self, report: SegmentReport, lists: &Lists, visit: &mut impl FnMut(&FrameReport)) {
        let mut frames: Vec<_> = lists
            .iter()
            .flat_map(|(partition, list)| list.iter().map(move |batch| (*partition, batch)))
            .collect();
        frames.sort_unstable_by_key(|(_, batch)| batch.position);
        for (partition, batch) in frames {
            let frame = FrameReport {
                segment: report.id,
                position: u64::from(batch.position),
                bytes: u64::from(batch.length),
                partition,
                first: batch.first,
                records: batch.count,
                at: Timestamp::from_millis(batch.at),
            };
            visit(&frame);
            self.repeated_offsets += u64::from(!self.partitions.entry(partition).or_default().add(&frame));
        }
        self.is_damaged |= self.repeated_offsets > 0
            || matches!(report.index, IndexState::Damaged | IndexState::Differs)
            || (report.header != HeaderState::Sound && report.frames > 0)
            || report.damage.iter().any(|damage| damage.acknowledged);
        self.segments.push(report);
    }
}

impl PartitionReport {
    /// False if the offsets were there before.
    fn add(&mut self, frame: &FrameReport) -> bool {
        if self.frames == 0 {
            (self.first, self.end, self.first_at) = (frame.first, frame.first, frame.at);
        }
        let is_new = frame.first >= self.end;
        self.skipped += frame.first.saturating_sub(self.end);
        self.end = self.end.max(frame.first + u64::from(frame.records));
        self.frames += 1;
        self.records += u64::from(frame.records);
        self.bytes += frame.bytes;
        self.last_at = frame.at;
        is_new
    }
}

#[cfg(test)]
mod tests;
