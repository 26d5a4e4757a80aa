//! The records of a plan, in chunks.
//!
//! Partitions take turns in the order of the plan; a turn ends with the record that reaches the plan's
//! `turn_bytes`, the batch with the one that reaches its `bytes`. Chunks are cut by size alone. Nothing
//! depends on the pages the log happens to return, so that a redone batch has the same records in the same
//! order and in the same chunks.

mod chunk;

use log::{HashRange, Log, LogError, Offset, Page, ReadLimit, Record, TopicId};
use rt::{Rt, Task};

use self::chunk::CHUNK_RECORDS;
pub(crate) use self::chunk::{CHUNK_BYTES, Chunk, Origin};
use crate::plan::{Plan, TURN_BYTES_MAX};
use crate::{FlowError, Operator};

/// Of a delivery that decompresses: a compressed byte stands for up to a thousand.
const CHUNK_BYTES_COMPRESSED: usize = 256 << 10;

/// What all partitions together may have read beyond their turns.
const SLACK_BYTES: u64 = 4 << 20;

/// The most that is read and not yet in a chunk: a page that is taken, one on its way, and what turns left over.
pub(crate) const AHEAD_BYTES: u64 = 2 * TURN_BYTES_MAX + 2 * SLACK_BYTES;

pub(crate) struct Reader {
    rt: Rt,
    log: Log,
    topic: TopicId,
    cursors: Vec<Cursor>,
    /// Whose turn it is, and how much is left of it.
    turn: usize,
    turn_left: u64,
    turn_bytes: u64,
    batch_left: u64,
    missing: u64,
    /// What is probably read next, on its way.
    coming: Option<Coming>,
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
    /// Where the page ends.
    read: Offset,
    /// Of the partition, once it is known: what lies outside of it in an aggregate came to the wrong place.
    range: Option<HashRange>,
}

/// A page that nobody waits for yet.
struct Coming {
    partition: u32,
    from: Offset,
    page: Task<Result<Page, FlowError>>,
}

impl Reader {
    pub(crate) fn new(rt: Rt, log: Log, plan: &Plan) -> Reader {
        let cursor = |span: &crate::plan::Span| Cursor {
            partition: span.partition,
            next: span.from,
            end: span.to,
            page: Vec::new().into_iter(),
            read: span.from,
            range: None,
        };
        Reader {
            rt,
            log,
            topic: plan.spec.source.topic.clone(),
            cursors: plan.spans.iter().map(cursor).collect(),
            turn: 0,
            turn_left: plan.turn_bytes,
            turn_bytes: plan.turn_bytes,
            batch_left: plan.bytes,
            missing: 0,
            coming: None,
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
        let next = self.following().find(|cursor| !self.cursors[*cursor].is_done());
        self.turn = next.unwrap_or(self.turn);
        next.is_some()
    }

    /// In the order of their turns, after this one.
    fn following(&self) -> impl Iterator<Item = usize> + use<> {
        let (turn, count) = (self.turn, self.cursors.len());
        (1..=count).map(move |step| (turn + step) % count)
    }

    async fn read_page(&mut self) -> Result<(), FlowError> {
        let Cursor { partition, read: from, .. } = self.cursors[self.turn];
        let page = match self.coming.take() {
            Some(coming) if (coming.partition, coming.from) == (partition, from) => {
                coming.page.await.map_err(FlowError::Read)??
            }
            _ => {
                let limit = self.limit(self.turn, self.turn_left);
                read(&self.log, &self.topic, partition, from, limit).await?
            }
        };
        self.turn_to(page)?;
        self.look_ahead();
        Ok(())
    }

    /// A little more than `bytes`: the record that reaches them is not read by itself.
    fn limit(&self, cursor: usize, bytes: u64) -> ReadLimit {
        let Cursor { read, end, .. } = self.cursors[cursor];
        let records = usize::try_from(end.saturating_sub(read)).unwrap_or(usize::MAX);
        let bytes = bytes.min(self.batch_left).min(TURN_BYTES_MAX) + SLACK_BYTES / self.cursors.len() as u64;
        ReadLimit { records: records.min(CHUNK_RECORDS), bytes: usize::try_from(bytes).unwrap_or(usize::MAX) }
    }

    /// Begins to read what is wanted after the page that was just read.
    fn look_ahead(&mut self) {
        let held = self.cursors[self.turn].held();
        if held >= self.batch_left {
            return;
        }
        let unread = |cursor: &usize| self.cursors[*cursor].read < self.cursors[*cursor].end;
        let (cursor, bytes) = match self.turn_left.saturating_sub(held) {
            left if left > 0 && unread(&self.turn) => (self.turn, left),
            _ => {
                let Some(next) = self.following().find(unread) else { return };
                let held = if next == self.turn { 0 } else { self.cursors[next].held() };
                (next, self.turn_bytes.saturating_sub(held))
            }
        };
        let limit = self.limit(cursor, bytes);
        let Cursor { partition, read: from, .. } = self.cursors[cursor];
        let (log, topic) = (self.log.clone(), self.topic.clone());
        let page = async move { read(&log, &topic, partition, from, limit).await };
        self.coming = Some(Coming { partition, from, page: self.rt.spawn("flow-read", page) });
    }

    fn turn_to(&mut self, page: Page) -> Result<(), FlowError> {
        let cursor = &mut self.cursors[self.turn];
        if self.aggregates && cursor.range.is_none() {
            let routes = self.log.routes(&self.topic).map_err(FlowError::Source)?;
            cursor.range = routes.get(cursor.partition).map(|route| route.range);
        }
        // Nothing up to `next` is left where the page found no record.
        let reached = page.records.first().map_or(page.next, |record| record.offset).min(cursor.end);
        if page.records.is_empty() && reached <= cursor.next {
            let (partition, offset) = (cursor.partition, cursor.next);
            return Err(FlowError::SourceShrank { partition, offset });
        }
        self.missing += reached.saturating_sub(cursor.next);
        cursor.next = cursor.next.max(reached);
        cursor.read = page.next;
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

    /// Bytes that are read but not yet taken.
    fn held(&self) -> u64 {
        self.page.as_slice().iter().map(|record| record.data.len() as u64).sum()
    }
}

pub(crate) async fn read(
    log: &Log,
    topic: &TopicId,
    partition: u32,
    from: Offset,
    limit: ReadLimit,
) -> Result<Page, FlowError> {
    log.read_once(topic, partition, from, limit).await.map_err(|error: LogError| FlowError::Source(error))
}
