//! Where the batches of a segment lie, by partition, and the side file that keeps it.
//!
//! A side file is derived: if it is absent or damaged, the segment is read and it is written anew.

use std::collections::HashMap;

use bytes::{Buf, BufMut};

use crate::frame::HEADER_BYTES;

/// One frame of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchRef {
    pub(crate) first: u64,
    pub(crate) at: i64,
    /// Of the frame's header in the segment.
    pub(crate) position: u32,
    /// Of header and payload.
    pub(crate) length: u32,
    pub(crate) count: u32,
}

impl BatchRef {
    pub(crate) fn end(&self) -> u64 {
        self.first + u64::from(self.count)
    }

    pub(crate) fn payload_bytes(&self) -> usize {
        self.length as usize - HEADER_BYTES
    }
}

/// The batches of one segment, by partition, each list in the order of offsets.
pub(crate) type Lists = HashMap<u64, Vec<BatchRef>>;

/// What a side file says of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DirectoryEntry {
    pub(crate) partition: u64,
    pub(crate) first: u64,
    pub(crate) end: u64,
    pub(crate) first_at: i64,
    pub(crate) last_at: i64,
    pub(crate) list: ListPlace,
}

/// Where a list lies in its side file. A count of 0 means that there is no side file yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListPlace {
    pub(crate) position: u32,
    pub(crate) count: u32,
}

impl ListPlace {
    /// The list and its checksum.
    pub(crate) fn bytes(&self) -> usize {
        self.count as usize * BATCH_BYTES + 4
    }
}

/// The head of a side file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Directory {
    pub(crate) segment: u64,
    /// Valid bytes of the segment.
    pub(crate) length: u64,
    pub(crate) entries: Vec<DirectoryEntry>,
}

const MAGIC: [u8; 4] = *b"MGLI";
pub(crate) const VERSION: u16 = 1;
/// magic, version, reserved, segment, length, partitions, checksum of head and directory.
pub(crate) const HEAD_BYTES: usize = 4 + 2 + 2 + 8 + 8 + 4 + 4;
pub(crate) const DIRECTORY_ENTRY_BYTES: usize = 5 * 8 + 2 * 4;
const BATCH_BYTES: usize = 8 + 8 + 3 * 4;

pub(crate) fn directory_of(segment: u64, length: u64, lists: &Lists) -> Directory {
    let mut entries: Vec<_> = lists
        .iter()
        .filter_map(|(partition, list)| {
            let (first, last) = (list.first()?, list.last()?);
            Some(DirectoryEntry {
                partition: *partition,
                first: first.first,
                end: last.end(),
                first_at: first.at,
                last_at: last.at,
                list: ListPlace { position: 0, count: list.len() as u32 },
            })
        })
        .collect();
    entries.sort_unstable_by_key(|entry| entry.partition);
    let mut position = HEAD_BYTES + entries.len() * DIRECTORY_ENTRY_BYTES;
    for entry in &mut entries {
        entry.list.position = position as u32;
        position += entry.list.bytes();
    }
    Directory { segment, length, entries }
}

/// The whole side file.
pub(crate) fn encode(directory: &Directory, lists: &Lists) -> Vec<u8> {
    let batches: usize = directory.entries.iter().map(|entry| entry.list.bytes()).sum();
    let mut bytes =
        Vec::with_capacity(HEAD_BYTES + directory.entries.len() * DIRECTORY_ENTRY_BYTES + batches);
    bytes.put_slice(&MAGIC);
    bytes.put_u16_le(VERSION);
    bytes.put_u16_le(0);
    bytes.put_u64_le(directory.segment);
    bytes.put_u64_le(directory.length);
    bytes.put_u32_le(directory.entries.len() as u32);
    bytes.put_u32_le(0);
    for entry in &directory.entries {
        bytes.put_u64_le(entry.partition);
        bytes.put_u64_le(entry.first);
        bytes.put_u64_le(entry.end);
        bytes.put_i64_le(entry.first_at);
        bytes.put_i64_le(entry.last_at);
        bytes.put_u32_le(entry.list.position);
        bytes.put_u32_le(entry.list.count);
    }
    let checksum = head_checksum(&bytes);
    bytes[HEAD_BYTES - 4..HEAD_BYTES].copy_from_slice(&checksum.to_le_bytes());
    for entry in &directory.entries {
        let start = bytes.len();
        for batch in lists.get(&entry.partition).into_iter().flatten() {
            bytes.put_u64_le(batch.first);
            bytes.put_i64_le(batch.at);
            bytes.put_u32_le(batch.position);
            bytes.put_u32_le(batch.length);
            bytes.put_u32_le(batch.count);
        }
        let checksum = crc32c::crc32c(&bytes[start..]);
        bytes.put_u32_le(checksum);
    }
    bytes
}

/// How many bytes of the file head and directory take; `None` if this is no head.
pub(crate) fn directory_bytes(head: &[u8]) -> Option<usize> {
    let mut head = head.get(..HEAD_BYTES)?;
    if head[..4] != MAGIC {
        return None;
    }
    head.advance(4);
    if head.get_u16_le() != VERSION {
        return None;
    }
    head.advance(2 + 8 + 8);
    Some(HEAD_BYTES + head.get_u32_le() as usize * DIRECTORY_ENTRY_BYTES)
}

/// Head and directory, `None` if damaged.
pub(crate) fn decode_directory(bytes: &[u8]) -> Option<Directory> {
    if directory_bytes(bytes)? != bytes.len() {
        return None;
    }
    let mut head = &bytes[8..];
    let (segment, length, _count) = (head.get_u64_le(), head.get_u64_le(), head.get_u32_le());
    if head.get_u32_le() != head_checksum(bytes) {
        return None;
    }
    let mut entries = Vec::with_capacity(head.len() / DIRECTORY_ENTRY_BYTES);
    while !head.is_empty() {
        entries.push(DirectoryEntry {
            partition: head.get_u64_le(),
            first: head.get_u64_le(),
            end: head.get_u64_le(),
            first_at: head.get_i64_le(),
            last_at: head.get_i64_le(),
            list: ListPlace { position: head.get_u32_le(), count: head.get_u32_le() },
        });
    }
    Some(Directory { segment, length, entries })
}

/// One list with its checksum, `None` if damaged.
pub(crate) fn decode_list(bytes: &[u8]) -> Option<Vec<BatchRef>> {
    let (mut list, mut checksum) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
    if crc32c::crc32c(list) != checksum.get_u32_le() {
        return None;
    }
    let mut batches = Vec::with_capacity(list.len() / BATCH_BYTES);
    while list.len() >= BATCH_BYTES {
        batches.push(BatchRef {
            first: list.get_u64_le(),
            at: list.get_i64_le(),
            position: list.get_u32_le(),
            length: list.get_u32_le(),
            count: list.get_u32_le(),
        });
    }
    Some(batches)
}

/// Over head and directory, without the four bytes that hold it.
fn head_checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&bytes[..HEAD_BYTES - 4]), &bytes[HEAD_BYTES..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists() -> Lists {
        let batch = |first, at, position| BatchRef { first, at, position, length: 100, count: 3 };
        HashMap::from([(7, vec![batch(0, 10, 4096), batch(3, 11, 4296)]), (2, vec![batch(40, 10, 4196)])])
    }

    #[test]
    fn a_side_file_survives_the_round_trip() {
        let lists = lists();
        let directory = directory_of(5, 9000, &lists);
        let bytes = encode(&directory, &lists);
        let head = directory_bytes(&bytes).expect("a head");
        assert_eq!(decode_directory(&bytes[..head]), Some(directory.clone()));
        for entry in &directory.entries {
            let at = entry.list.position as usize;
            assert_eq!(
                decode_list(&bytes[at..at + entry.list.bytes()]).as_ref(),
                lists.get(&entry.partition)
            );
        }
        assert_eq!((directory.entries[1].first, directory.entries[1].end), (0, 6));
    }

    #[test]
    fn a_flipped_bit_anywhere_is_noticed() {
        let lists = lists();
        let directory = directory_of(5, 9000, &lists);
        let good = encode(&directory, &lists);
        let head = directory_bytes(&good).expect("a head");
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let whole_directory = directory_bytes(&bytes) == Some(head)
                && decode_directory(&bytes[..head]).as_ref() == Some(&directory);
            let whole_lists = directory.entries.iter().all(|entry| {
                let at = entry.list.position as usize;
                decode_list(&bytes[at..at + entry.list.bytes()]).is_some()
            });
            // The two reserved bytes are covered by the checksum too.
            assert!(!(whole_directory && whole_lists), "bit {bit}");
        }
    }
}
