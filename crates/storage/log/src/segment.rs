use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::{Buf, BufMut};
use parking_lot::Mutex;

use crate::disk::DiskFile;
use crate::index::Lists;

/// One file of the journal.
pub(crate) struct Segment {
    pub(crate) id: u64,
    pub(crate) salt: u32,
    /// Earlier segments of which this one's header says how much counts.
    cuts: Vec<u64>,
    /// Partitions that still have records here that are kept; the file goes when none has.
    pub(crate) live: AtomicUsize,
    /// The system no longer holds its content in memory.
    pub(crate) let_go: AtomicBool,
    pub(crate) state: Mutex<SegmentState>,
}

pub(crate) struct SegmentState {
    /// Bytes that were acknowledged; what follows does not count.
    pub(crate) length: u64,
    /// The index, until it is in a side file.
    pub(crate) lists: Option<Arc<Lists>>,
    /// The file while it is written to.
    pub(crate) active: Option<Arc<dyn DiskFile>>,
}

impl Segment {
    pub(crate) fn new(id: u64, salt: u32, state: SegmentState) -> Arc<Segment> {
        Segment::cutting(id, salt, Vec::new(), state)
    }

    pub(crate) fn cutting(id: u64, salt: u32, cuts: Vec<u64>, state: SegmentState) -> Arc<Segment> {
        // What was there before this process is not in memory either.
        let let_go = AtomicBool::new(state.active.is_none());
        Arc::new(Segment { id, salt, cuts, live: AtomicUsize::new(0), let_go, state: Mutex::new(state) })
    }

    /// Nothing in it is kept, and nothing needs its header. `exists` answers for other segments.
    pub(crate) fn is_removable(&self, exists: impl Fn(u64) -> bool) -> bool {
        self.live.load(Ordering::Acquire) == 0
            && self.state.lock().active.is_none()
            && !self.cuts.iter().any(|cut| exists(*cut))
    }

    pub(crate) fn file_name(&self) -> String {
        file_name(self.id)
    }

    pub(crate) fn index_name(&self) -> String {
        index_name(self.id)
    }
}

pub(crate) fn file_name(id: u64) -> String {
    format!("{id:016}.segment")
}

pub(crate) fn index_name(id: u64) -> String {
    format!("{id:016}.index")
}

/// The id in a segment's file name.
pub(crate) fn id_of(name: &str, extension: &str) -> Option<u64> {
    name.strip_suffix(extension)?.strip_suffix('.')?.parse().ok()
}

pub(crate) const HEADER_BYTES: usize = 4096;
const MAGIC: [u8; 8] = *b"MULGLSEG";
pub(crate) const VERSION: u16 = 1;
/// The most abandoned segments one header can tell of.
pub(crate) const CUTS_MAX: usize = 128;

/// Says of an earlier segment, whose last write failed, how much of it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) segment: u64,
    pub(crate) length: u64,
}

/// The first 4096 bytes of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileHeader {
    pub(crate) id: u64,
    pub(crate) created: i64,
    pub(crate) salt: u32,
    pub(crate) cuts: Vec<Cut>,
}

pub(crate) enum Decoded {
    Header(FileHeader),
    Newer(u16),
    Damaged,
}

impl FileHeader {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.put_slice(&MAGIC);
        bytes.put_u16_le(VERSION);
        bytes.put_u16_le(HEADER_BYTES as u16);
        bytes.put_u32_le(self.salt);
        bytes.put_u64_le(self.id);
        bytes.put_i64_le(self.created);
        bytes.put_u32_le(self.cuts.len() as u32);
        for cut in &self.cuts {
            bytes.put_u64_le(cut.segment);
            bytes.put_u64_le(cut.length);
        }
        bytes.resize(HEADER_BYTES - 4, 0);
        let checksum = crc32c::crc32c(&bytes);
        bytes.put_u32_le(checksum);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Decoded {
        let Some(mut bytes) = bytes.get(..HEADER_BYTES) else { return Decoded::Damaged };
        let mut checksum = &bytes[HEADER_BYTES - 4..];
        if bytes[..8] != MAGIC || crc32c::crc32c(&bytes[..HEADER_BYTES - 4]) != checksum.get_u32_le() {
            return Decoded::Damaged;
        }
        bytes.advance(8);
        let version = bytes.get_u16_le();
        if version > VERSION {
            return Decoded::Newer(version);
        }
        bytes.advance(2);
        let (salt, id, created) = (bytes.get_u32_le(), bytes.get_u64_le(), bytes.get_i64_le());
        let count = (bytes.get_u32_le() as usize).min(CUTS_MAX);
        let cuts =
            (0..count).map(|_| Cut { segment: bytes.get_u64_le(), length: bytes.get_u64_le() }).collect();
        Decoded::Header(FileHeader { id, created, salt, cuts })
    }

    /// Files too short to hold a header are damaged.
    pub(crate) fn read(file: &dyn DiskFile) -> io::Result<Decoded> {
        if file.length()? < HEADER_BYTES as u64 {
            return Ok(Decoded::Damaged);
        }
        let mut bytes = vec![0; HEADER_BYTES];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(FileHeader::decode(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_survives_the_round_trip() {
        let cuts = (0..CUTS_MAX as u64).map(|segment| Cut { segment, length: segment * 7 }).collect();
        let header = FileHeader { id: 3, created: -1, salt: 9, cuts };
        assert!(matches!(FileHeader::decode(&header.encode()), Decoded::Header(back) if back == header));
    }

    #[test]
    fn a_newer_version_is_told_from_damage() {
        let mut bytes = FileHeader { id: 3, created: 5, salt: 9, cuts: Vec::new() }.encode();
        bytes[8] = 9;
        assert!(matches!(FileHeader::decode(&bytes), Decoded::Damaged));
        let checksum = crc32c::crc32c(&bytes[..HEADER_BYTES - 4]);
        bytes[HEADER_BYTES - 4..].copy_from_slice(&checksum.to_le_bytes());
        assert!(matches!(FileHeader::decode(&bytes), Decoded::Newer(9)));
    }

    #[test]
    fn file_names_sort_by_id_and_are_read_back() {
        assert!(file_name(9) < file_name(10));
        assert_eq!(id_of(&file_name(42), "segment"), Some(42));
        assert_eq!(id_of(&index_name(42), "segment"), None);
    }
}
