//! Opening: what the files say, brought together with what the metadata store says.
//!
//! Closed segments are known by the directory of their side file and are not read. The last segment, and
//! any without a sound side file, is scanned; what an interrupted write left at its end is cut off.

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

use rt::Timestamp;

use crate::disk::{DiskFile, write_all_at};
use crate::frame::RECORD_PREFIX_BYTES;
use crate::index::{self, Directory, DirectoryEntry};
use crate::journal::Journal;
use crate::scan::{Scan, scan};
use crate::segment::{self, Decoded, FileHeader, Segment, SegmentState};
use crate::{Offset, OpenError};

/// Bytes written again at once.
const SETTLE_BYTES: u64 = 1 << 20;

/// What was found.
pub(crate) struct Recovered {
    pub(crate) next_segment: u64,
    pub(crate) losses: Vec<Loss>,
    /// Segments with losses, whose index is only written when the losses cannot be forgotten any more.
    pub(crate) unindexed: Vec<Arc<Segment>>,
}

/// Acknowledged frames that are damaged.
pub(crate) enum Loss {
    /// Up to this offset.
    Of { partition: u64, end: Offset },
    /// Of any partition that has no frame behind it.
    Unknown { segment: u64, position: u64, records_max: u64 },
}

/// Finds the segments and links them to the partitions, which are in `journal` already.
pub(crate) fn recover(journal: &Journal, path: &Path) -> Result<Recovered, OpenError> {
    let failed = |error| OpenError::io(path, error);
    let names = journal.disk.names().map_err(failed)?;
    let mut ids: Vec<_> = names.iter().filter_map(|name| segment::id_of(name, "segment")).collect();
    ids.sort_unstable();
    let mut found = Vec::with_capacity(ids.len());
    let mut cuts = BTreeMap::new();
    for &id in &ids {
        let file = journal.disk.open(&segment::file_name(id)).map_err(failed)?;
        let header = match FileHeader::read(&*file).map_err(failed)? {
            Decoded::Header(header) => Some(header),
            Decoded::Damaged => None,
            Decoded::Newer(version) => {
                let file = segment::file_name(id);
                return Err(OpenError::NewerVersion { file, found: version, supported: segment::VERSION });
            }
        };
        cuts.extend(header.iter().flat_map(|header| &header.cuts).map(|cut| (cut.segment, cut.length)));
        found.push(Found { id, salt: header.map(|header| header.salt), is_last: Some(&id) == ids.last() });
    }
    // Of side files too: one that could not be removed must not be taken for a later segment's.
    let last = names.iter().filter_map(|name| segment::id_of(name, "index")).chain(ids).max();
    let next_segment = last.map_or(1, |last| last + 1);
    let mut recovered = Recovered { next_segment, losses: Vec::new(), unindexed: Vec::new() };
    for found in found {
        let cut = cuts.get(&found.id).copied();
        recovered.segment(journal, &found, cut).map_err(failed)?;
    }
    remove_strays(journal, &names);
    Ok(recovered)
}

struct Found {
    id: u64,
    salt: Option<u32>,
    /// A segment before another was complete when that one was begun.
    is_last: bool,
}

impl Recovered {
    fn segment(&mut self, journal: &Journal, found: &Found, cut: Option<u64>) -> io::Result<()> {
        let id = found.id;
        let file = &*journal.disk.open(&segment::file_name(id))?;
        let mut length = file.length()?;
        if let Some(cut) = cut.filter(|cut| *cut < length) {
            file.truncate(cut)?;
            // Before the segment that says so may go.
            file.sync()?;
            length = cut;
        }
        if let (Some(salt), Some(directory)) = (found.salt, side_file(journal, id, length)) {
            let state = SegmentState { length: directory.length, lists: None, active: None };
            link(journal, &Segment::new(id, salt, state), &directory.entries);
            return Ok(());
        }
        let mut scan = scan(file, found.salt, length, !found.is_last)?;
        // Damage that was acknowledged is left for whoever wants to look at it.
        if scan.end < length && scan.damage.last().is_some_and(|damage| !damage.acknowledged) {
            file.truncate(scan.end)?;
        }
        settle(file, scan.durable, scan.end)?;
        self.note_losses(id, &scan);
        let lists = Arc::new(std::mem::take(&mut scan.lists));
        let directory = index::directory_of(id, scan.end, &lists);
        let state = SegmentState { length: scan.end, lists: Some(lists), active: None };
        let segment = Segment::new(id, scan.salt.unwrap_or_default(), state);
        scan.damage.iter().for_each(|damage| journal.report(&segment, damage));
        let is_damaged = scan.damage.iter().any(|damage| damage.acknowledged);
        if directory.entries.is_empty() && !is_damaged {
            return journal.disk.remove(&segment::file_name(id));
        }
        link(journal, &segment, &directory.entries);
        if is_damaged {
            self.unindexed.push(segment);
        } else {
            journal.try_persist_index(&segment);
        }
        Ok(())
    }

    fn note_losses(&mut self, segment: u64, scan: &Scan) {
        let damage = scan.damage.iter().filter(|damage| damage.acknowledged);
        self.losses.extend(damage.map(|damage| Loss::Unknown {
            segment,
            position: damage.position,
            records_max: damage.length / RECORD_PREFIX_BYTES as u64,
        }));
        self.losses
            .extend(scan.losers.iter().map(|(partition, end)| Loss::Of { partition: *partition, end: *end }));
    }
}

/// Moves tails past what was lost, so that no offset is given twice.
pub(crate) fn pass_losses(journal: &Journal, losses: &[Loss]) {
    for partition in journal.partitions.read().values() {
        let mut shared = partition.shared.lock();
        for loss in losses {
            match loss {
                Loss::Of { partition: loser, end } if *loser == partition.id => shared.raise_tail(*end),
                Loss::Unknown { segment, position, records_max }
                    if !shared.goes_on_after(partition.id, *segment, *position) =>
                {
                    let tail = shared.tail.saturating_add(*records_max);
                    shared.raise_tail(tail);
                }
                _ => {}
            }
        }
    }
}

/// What follows `durable` was written, but nobody knows whether it is on disk, or whether a sync that failed
/// made the system forget that it is not: it is written again before anybody may read it.
fn settle(file: &dyn DiskFile, durable: u64, end: u64) -> io::Result<()> {
    let mut position = durable;
    while position < end {
        let mut bytes = vec![0; (end - position).min(SETTLE_BYTES) as usize];
        file.read_exact_at(&mut bytes, position)?;
        write_all_at(file, &mut [IoSlice::new(&bytes)], position)?;
        position += bytes.len() as u64;
    }
    file.sync()
}

/// The directory of the side file, if it is sound and speaks of this segment as it is.
fn side_file(journal: &Journal, id: u64, length: u64) -> Option<Directory> {
    let file = journal.disk.open(&segment::index_name(id)).ok()?;
    let mut head = vec![0; index::HEAD_BYTES];
    file.read_exact_at(&mut head, 0).ok()?;
    let size = index::directory_bytes(&head)?;
    if size as u64 > file.length().ok()? {
        return None;
    }
    let mut bytes = vec![0; size];
    file.read_exact_at(&mut bytes, 0).ok()?;
    index::decode_directory(&bytes).filter(|directory| directory.segment == id && directory.length <= length)
}

fn link(journal: &Journal, segment: &Arc<Segment>, entries: &[DirectoryEntry]) {
    let partitions = journal.partitions.read();
    for entry in entries {
        // Of a deleted topic otherwise.
        let Some(partition) = partitions.get(&entry.partition) else { continue };
        let mut shared = partition.shared.lock();
        if shared.extents.is_empty() && entry.first >= shared.oldest {
            shared.oldest = entry.first;
            shared.oldest_at = Timestamp::from_millis(entry.first_at);
        }
        shared.add_extent(segment, entry.first, entry.first_at, entry.list);
        shared.tail = shared.tail.max(entry.end);
        shared.assigned = shared.tail;
        shared.last_at = shared.last_at.max(Timestamp::from_millis(entry.last_at));
    }
    journal.segments.write().insert(segment.id, segment.clone());
}

/// Side files without a segment and files that were being written: nobody needs them.
fn remove_strays(journal: &Journal, names: &[String]) {
    for name in names {
        let is_stray = match segment::id_of(name, "index") {
            Some(id) => !journal.segments.read().contains_key(&id),
            None => name.ends_with(".part"),
        };
        if is_stray && let Err(error) = journal.disk.remove(name) {
            tracing::warn!(log.file = %name, %error, "cannot remove a file that is no longer needed");
        }
    }
}
