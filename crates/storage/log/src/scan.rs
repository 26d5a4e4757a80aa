//! Reads a segment from front to back to learn which frames it holds.

use std::io;

use crate::disk::DiskFile;
use crate::frame::{HEADER_BYTES, Header, MAGIC};
use crate::index::{BatchRef, Lists};
use crate::segment;

/// What a segment holds.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub(crate) lists: Lists,
    /// After the last good frame.
    pub(crate) end: u64,
    /// It was on disk up to here for certain, however the last run ended.
    pub(crate) durable: u64,
    /// The segment's, if there was a good frame to tell it.
    pub(crate) salt: Option<u32>,
    /// Partitions of frames whose payload is damaged, with the offset after their last record.
    pub(crate) losers: Vec<(u64, u64)>,
    pub(crate) damage: Vec<Damage>,
}

/// Bytes that are no good frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) position: u64,
    pub(crate) length: u64,
    /// They had been on disk: this is loss. Otherwise it is a write that a crash interrupted.
    pub(crate) acknowledged: bool,
}

/// Bytes read at once.
const WINDOW_BYTES: u64 = 4 << 20;

/// Looks at the first `length` bytes. A bad frame does not end the scan: the next good one is searched for.
/// `salt` is unknown when the segment's own header is damaged; the first good frame tells it then. All of a
/// `complete` segment was on disk once.
pub(crate) fn scan(file: &dyn DiskFile, salt: Option<u32>, length: u64, complete: bool) -> io::Result<Scan> {
    let mut scan = Scan { salt, end: (segment::HEADER_BYTES as u64).min(length), ..Scan::default() };
    let mut window = Window { file, length, bytes: Vec::new(), start: 0 };
    let mut position = segment::HEADER_BYTES as u64;
    while position < length {
        let Some(header) = window.header(position, scan.salt)? else {
            let next = window.next_header(position + 1, scan.salt)?.unwrap_or(length);
            scan.note(position, next);
            position = next;
            continue;
        };
        scan.salt = Some(header.salt);
        scan.durable = scan.durable.max(header.durable);
        let frame = HEADER_BYTES as u64 + u64::from(header.length);
        let Some(bytes) = window.at(position, frame)? else {
            scan.note(position, length);
            break;
        };
        if crc32c::crc32c(&bytes[HEADER_BYTES..]) != header.checksum || !scan.keep(&header, position) {
            scan.note(position, position + frame);
            scan.losers.push((header.partition, header.end()));
        }
        position += frame;
    }
    for damage in &mut scan.damage {
        damage.acknowledged = complete || damage.position < scan.durable;
    }
    Ok(scan)
}

impl Scan {
    /// False if the frame repeats offsets, which no segment that was written here does.
    fn keep(&mut self, header: &Header, position: u64) -> bool {
        let length = HEADER_BYTES as u64 + u64::from(header.length);
        let list = self.lists.entry(header.partition).or_default();
        if list.last().is_some_and(|last| last.end() > header.first || last.at > header.at) {
            return false;
        }
        self.end = position + length;
        list.push(BatchRef {
            first: header.first,
            at: header.at,
            position: position as u32,
            length: length as u32,
            count: header.count,
        });
        true
    }

    fn note(&mut self, from: u64, to: u64) {
        self.damage.push(Damage { position: from, length: to - from, acknowledged: false });
    }
}

struct Window<'a> {
    file: &'a dyn DiskFile,
    length: u64,
    bytes: Vec<u8>,
    start: u64,
}

impl Window<'_> {
    /// The `need` bytes at `position`, `None` if the segment ends before.
    fn at(&mut self, position: u64, need: u64) -> io::Result<Option<&[u8]>> {
        if self.length.saturating_sub(position) < need {
            return Ok(None);
        }
        if position < self.start || position + need > self.start + self.bytes.len() as u64 {
            let read = (self.length - position).min(WINDOW_BYTES.max(need));
            self.bytes.resize(read as usize, 0);
            self.start = position;
            self.file.read_exact_at(&mut self.bytes, position)?;
        }
        let from = (position - self.start) as usize;
        Ok(Some(&self.bytes[from..from + need as usize]))
    }

    fn header(&mut self, position: u64, salt: Option<u32>) -> io::Result<Option<Header>> {
        let bytes = self.at(position, HEADER_BYTES as u64)?;
        Ok(bytes.and_then(Header::decode).filter(|header| salt.is_none_or(|salt| salt == header.salt)))
    }

    /// Where the next header lies, from `position` on.
    fn next_header(&mut self, mut position: u64, salt: Option<u32>) -> io::Result<Option<u64>> {
        while position + HEADER_BYTES as u64 <= self.length {
            let room = (self.length - position).min(WINDOW_BYTES);
            let Some(bytes) = self.at(position, room)? else { return Ok(None) };
            match bytes.windows(MAGIC.len()).position(|bytes| bytes == MAGIC) {
                None => position += room - (MAGIC.len() as u64 - 1),
                Some(found) => {
                    position += found as u64;
                    if self.header(position, salt)?.is_some() {
                        return Ok(Some(position));
                    }
                    position += 1;
                }
            }
        }
        Ok(None)
    }
}
