//! The records of a plan, in chunks.
//!
//! Partitions take turns in the order of the plan; a turn ends with the record that reaches the plan's
//! `turn_bytes`, the batch with the one that reaches its `bytes`. Chunks are cut by size alone. Nothing
//! depends on the pages the log happens to return, so that a redone batch has the same records in the same
//! order and in the same chunks.

use bytes::Bytes;
use log::{HashRange, Log, LogError, Offset, Page, ReadLimit, Record, TopicId};
use rt::Timestamp;

use crate::aggregate;
use crate::plan::Plan;
use crate::{FlowError, Operator};

/// A chunk ends with the record that reaches one of these. Large enough to convert efficiently, small
/// enough that a few of them are in memory at once.
pub(crate) const CHUNK_BYTES: usize = 4 << 20;
const CHUNK_RECORDS: usize = 16 << 10;

/// Of a delivery that decompresses: a compressed byte stands for up to a thousand.
const CHUNK_BYTES_COMPRESSED: usize = 256 << 10;

/// The most asked of the log in one read.
const READ_BYTES: u64 = 2 << 20;

pub(crate) struct Reader {
    log: Log,
    topic: TopicId,
    cursors: Vec<Cursor>,
    /// Whose turn it is, and how much is left of it.
    turn: usize,
    turn_left: u64,
    turn_bytes: u64,
    batch_left: u64,
    missing: u64,
    /// Records may be aggregates.
    aggregates: bool,
    chunk_bytes: usize,
}

/// Where one partition stands.
#[derive(Debug)]
struct Cursor {
    partition: u32,
    next: Offset,
    end: Offset,
    /// Read but not yet taken.
    page: std::vec::IntoIter<Record>,
    /// Of the partition, once it is known: what lies outside of it in an aggregate came to the wrong place.
    range: Option<HashRange>,
}

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

impl Reader {
    pub(crate) fn new(log: Log, plan: &Plan) -> Reader {
        let cursor = |span: &crate::plan::Span| Cursor {
            partition: span.partition,
            next: span.from,
            end: span.to,
            page: Vec::new().into_iter(),
            range: None,
        };
        Reader {
            log,
            topic: plan.spec.source.topic.clone(),
            cursors: plan.spans.iter().map(cursor).collect(),
            turn: 0,
            turn_left: plan.turn_bytes,
            turn_bytes: plan.turn_bytes,
            batch_left: plan.bytes,
            missing: 0,
            aggregates: plan.spec.source.aggregates,
            chunk_bytes: match plan.spec.operators.contains(&Operator::Decompress) {
                true => CHUNK_BYTES_COMPRESSED,
                false => CHUNK_BYTES,
            },
        }
    }

    /// The next chunk, `None` at the end of the batch.
    pub(crate) async fn next(&mut self) -> Result<Option<Chunk>, FlowError> {
        let mut chunk = Chunk::default();
        while !chunk.is_full(self.chunk_bytes) && self.batch_left > 0 {
            if self.turn_left == 0 || self.cursors[self.turn].is_done() {
                if !self.pass_turn() {
                    break;
                }
                continue;
            }
            if self.cursors[self.turn].page.len() == 0 {
                self.read_page().await?;
            }
            self.take(&mut chunk);
        }
        Ok((!chunk.data.is_empty()).then_some(chunk))
    }

    /// Where each partition stands after what was returned.
    pub(crate) fn ends(&self) -> impl Iterator<Item = (u32, Offset)> + '_ {
        self.cursors.iter().map(|cursor| (cursor.partition, cursor.next))
    }

    /// Offsets passed over because the source no longer has a record there.
    pub(crate) fn missing(&self) -> u64 {
        self.missing
    }

    /// Gives the turn to the next partition that has records left; `false` if none has.
    fn pass_turn(&mut self) -> bool {
        self.turn_left = self.turn_bytes;
        for step in 1..=self.cursors.len() {
            let candidate = (self.turn + step) % self.cursors.len();
            if !self.cursors[candidate].is_done() {
                self.turn = candidate;
                return true;
            }
        }
        false
    }

    async fn read_page(&mut self) -> Result<(), FlowError> {
        let cursor = &mut self.cursors[self.turn];
        if self.aggregates && cursor.range.is_none() {
            let routes = self.log.routes(&self.topic).map_err(FlowError::Source)?;
            cursor.range = routes.get(cursor.partition).map(|route| route.range);
        }
        let bytes = self.turn_left.min(self.batch_left).min(READ_BYTES);
        let limit = ReadLimit {
            records: usize::try_from(cursor.end - cursor.next).unwrap_or(usize::MAX).min(CHUNK_RECORDS),
            bytes: usize::try_from(bytes).expect("a read is smaller than the address space"),
        };
        let page = read(&self.log, &self.topic, cursor.partition, cursor.next, limit).await?;
        // Nothing up to `next` is left where the page found no record.
        let reached = page.records.first().map_or(page.next, |record| record.offset).min(cursor.end);
        if page.records.is_empty() && reached <= cursor.next {
            let (partition, offset) = (cursor.partition, cursor.next);
            return Err(FlowError::SourceShrank { partition, offset });
        }
        self.missing += reached.saturating_sub(cursor.next);
        cursor.next = cursor.next.max(reached);
        cursor.page = page.records.into_iter();
        Ok(())
    }

    /// Moves records from the page into the chunk until one of them, the turn or the batch is at its end.
    fn take(&mut self, chunk: &mut Chunk) {
        let cursor = &mut self.cursors[self.turn];
        while !chunk.is_full(self.chunk_bytes)
            && self.turn_left > 0
            && self.batch_left > 0
            && cursor.next < cursor.end
        {
            let Some(record) = cursor.page.next() else { return };
            if record.offset >= cursor.end {
                self.missing += cursor.end - cursor.next;
                cursor.next = cursor.end;
                return;
            }
            self.missing += record.offset - cursor.next;
            cursor.next = record.offset + 1;
            // A record without bytes counts as one, so that no batch is endless.
            let bytes = (record.data.len() as u64).max(1);
            self.turn_left = self.turn_left.saturating_sub(bytes);
            self.batch_left = self.batch_left.saturating_sub(bytes);
            chunk.push_all(cursor.partition, cursor.range, record);
        }
    }
}

impl Cursor {
    fn is_done(&self) -> bool {
        self.next >= self.end
    }
}

impl Chunk {
    fn is_full(&self, chunk_bytes: usize) -> bool {
        self.bytes >= chunk_bytes || self.data.len() >= CHUNK_RECORDS
    }

    /// The record, or the records in it if it is an aggregate; `range` is absent where there are none.
    fn push_all(&mut self, partition: u32, range: Option<HashRange>, record: Record) {
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

pub(crate) async fn read(
    log: &Log,
    topic: &TopicId,
    partition: u32,
    from: Offset,
    limit: ReadLimit,
) -> Result<Page, FlowError> {
    log.read(topic, partition, from, limit).await.map_err(|error: LogError| FlowError::Source(error))
}
