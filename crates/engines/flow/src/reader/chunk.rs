use bytes::Bytes;
use log::{HashRange, Offset, Record};
use rt::Timestamp;

use crate::aggregate;

/// A chunk ends with the record that reaches one of these. Large enough to convert efficiently, small
/// enough that a few of them are in memory at once.
pub(crate) const CHUNK_BYTES: usize = 4 << 20;
pub(super) const CHUNK_RECORDS: usize = 16 << 10;

/// Consecutive records of the batch.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    pub(crate) data: Vec<Bytes>,
    /// One for each record.
    pub(crate) origins: Vec<Origin>,
    pub(crate) bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) partition: u32,
    pub(crate) offset: Offset,
    pub(crate) at: Timestamp,
}

impl Chunk {
    pub(super) fn is_full(&self, chunk_bytes: usize) -> bool {
        self.bytes >= chunk_bytes || self.data.len() >= CHUNK_RECORDS
    }

    /// The record, or the records in it if it is an aggregate; `range` is absent where there are none.
    pub(super) fn push_all(&mut self, partition: u32, range: Option<HashRange>, record: Record) {
        match range.and_then(|range| Some((range, aggregate::split(&record.data)?))) {
            None => self.push(partition, record),
            Some((range, parts)) => {
                for part in parts.into_iter().filter(|part| range.contains(part.hash)) {
                    self.push(partition, Record { data: part.data, key: Bytes::new(), ..record });
                }
            }
        }
    }

    fn push(&mut self, partition: u32, record: Record) {
        self.bytes += record.data.len();
        self.origins.push(Origin { partition, offset: record.offset, at: record.at });
        self.data.push(record.data);
    }
}
