//! Opening: what the files say, brought together with what the metadata store says.
//!
//! Closed segments are known by the directory of their side file and are not read. The last segment, and
//! any without a sound side file, is scanned; what an interrupted write left at its end is cut off.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rt::Timestamp;

use crate::OpenError;
use crate::disk::DiskFile;
use crate::index::{self, Directory, DirectoryEntry};
use crate::journal::Journal;
use crate::scan::scan;
use crate::segment::{self, Cut, Decoded, FileHeader, Segment, SegmentState};

/// Finds the segments and links them to the partitions, which are in `journal` already. Returns the id of
/// the next segment.
pub(crate) fn recover(journal: &Journal, path: &Path) -> Result<u64, OpenError> {
    let failed = |error| OpenError::io(path, error);
    let names = journal.disk.names().map_err(failed)?;
    let ids: Vec<u64> = {
        let mut ids: Vec<_> = names.iter().filter_map(|name| segment::id_of(name, "segment")).collect();
        ids.sort_unstable();
        ids
    };
    let mut found = Vec::new();
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
        for Cut { segment, length } in header.iter().flat_map(|header| &header.cuts) {
            cuts.insert(*segment, *length);
        }
        found.push((id, header.map(|header| header.salt), file));
    }
    for (id, salt, file) in found {
        let cut = cuts.get(&id).copied();
        recover_segment(journal, id, salt, &*file, cut).map_err(failed)?;
    }
    remove_strays(journal, &names);
    Ok(ids.last().map_or(1, |last| last + 1))
}

fn recover_segment(
    journal: &Journal,
    id: u64,
    salt: Option<u32>,
    file: &dyn DiskFile,
    cut: Option<u64>,
) -> io::Result<()> {
    let mut length = file.length()?;
    if let Some(cut) = cut.filter(|cut| *cut < length) {
        file.truncate(cut)?;
        length = cut;
    }
    if let (Some(salt), Some(directory)) = (salt, side_file(journal, id, length)) {
        let state = SegmentState { length: directory.length, lists: None, active: None };
        link(journal, &Segment::new(id, salt, state), &directory.entries);
        return Ok(());
    }
    let scan = scan(file, salt, length)?;
    let salt = salt.unwrap_or_default();
    let lists = Some(Arc::new(scan.lists));
    let segment = Segment::new(id, salt, SegmentState { length: scan.end, lists, active: None });
    scan.damage.iter().for_each(|damage| journal.report(&segment, damage));
    // Damage that was acknowledged is left for whoever wants to look at it.
    if scan.end < length && scan.damage.last().is_some_and(|damage| !damage.acknowledged) {
        file.truncate(scan.end)?;
        file.sync()?;
    }
    let directory = {
        let state = segment.state.lock();
        index::directory_of(id, scan.end, state.lists.as_deref().unwrap_or(&index::Lists::new()))
    };
    if directory.entries.is_empty() && scan.damage.iter().all(|damage| !damage.acknowledged) {
        return journal.disk.remove(&segment::file_name(id));
    }
    link(journal, &segment, &directory.entries);
    if let Err(error) = journal.persist_index(&segment) {
        tracing::warn!(log.segment = id, %error, "cannot write the index of a segment; it stays in memory");
    }
    Ok(())
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
