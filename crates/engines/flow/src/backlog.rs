//! What is pending in the source, when that becomes a batch, and waiting for it.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::select_all;
use log::{Log, Offset, Partition, ReadLimit, Topic, TopicId};
use rt::{Rt, Timestamp};

use crate::plan::Span;
use crate::reader::read;
use crate::{Buffer, FlowError};

/// How much of a partition is looked at to learn the age of its oldest record and the usual size.
const PEEK: ReadLimit = ReadLimit { records: 64, bytes: 64 << 10 };

/// The longest wait before the source's partitions are looked up again: new ones may have come, or the
/// source may be gone.
const LOOKUP_INTERVAL: Duration = Duration::from_secs(1);

/// How many partitions are looked into to tell sizes and ages to whoever watches.
const WATCHED_PARTITIONS_MAX: usize = 64;

/// Remembers what was learnt of pending records until they are delivered.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    peeks: BTreeMap<u32, Peek>,
}

#[derive(Clone, Copy, Debug)]
struct Peek {
    from: Offset,
    /// Arrival of the oldest record; `None` if the source has no record there any more.
    oldest: Option<Timestamp>,
    record_bytes: u64,
}

/// What is pending at one moment.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// By partition, without empty ones.
    pub(crate) spans: Vec<Span>,
    pub(crate) oldest: Option<Timestamp>,
    /// Estimated from the sizes of the oldest records.
    bytes: u64,
    records: u64,
    /// Records of a span are gone; nothing is won by waiting.
    holes: bool,
}

/// When the pending records become a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Close {
    Now,
    /// At this time, or when so many more records are there.
    Later {
        at: Timestamp,
        records: u64,
    },
    /// Nothing is pending.
    Never,
}

impl Backlog {
    pub(crate) async fn look(
        &mut self,
        log: &Log,
        topic: &Topic,
        offsets: &BTreeMap<u32, Offset>,
    ) -> Result<Pending, FlowError> {
        self.sum(log, topic, offsets, readable(topic, offsets)).await
    }

    /// Everything, what may not be read yet included.
    pub(crate) async fn look_at_all(
        &mut self,
        log: &Log,
        topic: &Topic,
        offsets: &BTreeMap<u32, Offset>,
    ) -> Result<Pending, FlowError> {
        self.sum(log, topic, offsets, topic.partitions.iter()).await
    }

    async fn sum(
        &mut self,
        log: &Log,
        topic: &Topic,
        offsets: &BTreeMap<u32, Offset>,
        partitions: impl Iterator<Item = &Partition>,
    ) -> Result<Pending, FlowError> {
        let mut pending = Pending::default();
        for partition in partitions {
            let from = position(partition, offsets);
            if from >= partition.tail {
                continue;
            }
            let peek = self.peek(log, &topic.id, partition.index, from).await?;
            let records = partition.tail - from;
            pending.spans.push(Span { partition: partition.index, from, to: partition.tail });
            pending.records += records;
            pending.bytes = pending.bytes.saturating_add(records.saturating_mul(peek.record_bytes));
            pending.holes |= peek.oldest.is_none();
            pending.oldest = earliest(pending.oldest, peek.oldest);
        }
        Ok(pending)
    }

    async fn peek(
        &mut self,
        log: &Log,
        topic: &TopicId,
        partition: u32,
        from: Offset,
    ) -> Result<Peek, FlowError> {
        if let Some(known) = self.peeks.get(&partition)
            && known.from == from
        {
            return Ok(*known);
        }
        let page = read(log, topic, partition, from, PEEK).await?;
        let bytes: usize = page.records.iter().map(|record| record.data.len()).sum();
        let peek = Peek {
            from,
            oldest: page.records.first().map(|record| record.at),
            record_bytes: (bytes / page.records.len().max(1)).max(1) as u64,
        };
        self.peeks.insert(partition, peek);
        Ok(peek)
    }
}

impl Pending {
    /// `spaced` is the earliest time at which age may close a batch.
    pub(crate) fn close(&self, buffer: &Buffer, now: Timestamp, spaced: Timestamp) -> Close {
        if self.spans.is_empty() {
            return Close::Never;
        }
        let Some(oldest) = self.oldest else { return Close::Now };
        let at = oldest.plus(buffer.interval).max(spaced);
        if self.holes || self.bytes >= buffer.bytes || now >= at {
            return Close::Now;
        }
        let record_bytes = (self.bytes / self.records.max(1)).max(1);
        Close::Later { at, records: (buffer.bytes - self.bytes).div_ceil(record_bytes) }
    }

    /// Whether a batch of these would be closed by its size.
    pub(crate) fn fills(&self, buffer: &Buffer) -> bool {
        self.oldest.is_some() && self.bytes >= buffer.bytes
    }

    /// An upper bound for the source bytes of a batch of these.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// What is pending, for whoever watches.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Unsettled {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    pub(crate) oldest: Option<Timestamp>,
}

/// As [`Backlog::look`], of any delivery, children before their parents too. Sizes and ages come from the oldest
/// records of at most [`WATCHED_PARTITIONS_MAX`] partitions.
pub(crate) async fn unsettled(log: &Log, topic: &Topic, offsets: &BTreeMap<u32, Offset>) -> Unsettled {
    let mut found = Unsettled::default();
    let mut peeks = Backlog::default();
    let mut seen = 0;
    for partition in &topic.partitions {
        let from = position(partition, offsets);
        let records = partition.tail.saturating_sub(from);
        found.records += records;
        if records > 0
            && peeks.peeks.len() < WATCHED_PARTITIONS_MAX
            && let Ok(peek) = peeks.peek(log, &topic.id, partition.index, from.max(partition.oldest)).await
        {
            seen += records;
            found.bytes = found.bytes.saturating_add(records.saturating_mul(peek.record_bytes));
            found.oldest = earliest(found.oldest, peek.oldest);
        }
    }
    if seen > 0 {
        // The partitions that were not looked at hold records like those of the others.
        found.bytes = (u128::from(found.bytes) * u128::from(found.records) / u128::from(seen)) as u64;
    }
    found
}

/// Cuts each span before its first record that arrived at `boundary` or later.
pub(crate) async fn cut(
    log: &Log,
    topic: &TopicId,
    spans: Vec<Span>,
    boundary: Timestamp,
) -> Result<Vec<Span>, FlowError> {
    let mut cut = Vec::with_capacity(spans.len());
    for mut span in spans {
        let first_later = log
            .locate(topic, span.partition, log::Position::At(boundary))
            .await
            .map_err(FlowError::Source)?;
        span.to = span.to.min(first_later);
        if span.from < span.to {
            cut.push(span);
        }
    }
    debug_assert!(!cut.is_empty(), "the oldest record lies before the boundary");
    Ok(cut)
}

/// Waits until the backlog is worth another look.
pub(crate) async fn wait(
    rt: &Rt,
    log: &Log,
    topic: &Topic,
    offsets: &BTreeMap<u32, Offset>,
    close: Close,
) -> Result<(), FlowError> {
    let (limit, more) = match close {
        Close::Now => return Ok(()),
        Close::Later { at, records } => (at.saturating_since(rt.now()).min(LOOKUP_INTERVAL), records),
        Close::Never => (LOOKUP_INTERVAL, 1),
    };
    let mut watches = Vec::new();
    let readable: Vec<&Partition> =
        readable(topic, offsets).filter(|partition| partition.closed_at.is_none()).collect();
    // If so many records came in all, at least one partition got its share of them.
    let share = more.div_ceil(readable.len().max(1) as u64).max(1);
    for partition in readable {
        let mut tail = log.tail(&topic.id, partition.index).await.map_err(FlowError::Source)?;
        let last = partition.tail + share - 1;
        watches.push(Box::pin(async move { tail.past(last).await }));
    }
    if watches.is_empty() {
        rt.sleep(limit).await;
    } else {
        // Waking early costs one more look, so neither outcome matters.
        let _woken = rt.timeout(limit, select_all(watches)).await;
    }
    Ok(())
}

/// The partitions that may be read now: a child's records follow those of its parents.
fn readable<'a>(topic: &'a Topic, offsets: &'a BTreeMap<u32, Offset>) -> impl Iterator<Item = &'a Partition> {
    let drained =
        |index: &u32| {
            topic.partitions.iter().find(|partition| partition.index == *index).is_none_or(|parent| {
                parent.closed_at.is_some_and(|closed| position(parent, offsets) >= closed)
            })
        };
    topic.partitions.iter().filter(move |partition| partition.parents.iter().all(drained))
}

fn position(partition: &Partition, offsets: &BTreeMap<u32, Offset>) -> Offset {
    offsets.get(&partition.index).copied().unwrap_or(0)
}

fn earliest(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);
    const BUFFER: Buffer = Buffer { bytes: 1_000, interval: Duration::from_secs(60) };

    fn pending(records: u64, record_bytes: u64, age: u64) -> Pending {
        Pending {
            spans: vec![Span { partition: 0, from: 0, to: records }],
            oldest: Some(NOW.minus(Duration::from_secs(age))),
            bytes: records * record_bytes,
            records,
            holes: false,
        }
    }

    fn close(pending: &Pending) -> Close {
        pending.close(&BUFFER, NOW, Timestamp::default())
    }

    #[test]
    fn a_batch_closes_when_its_bytes_reach_the_buffer() {
        assert_eq!(close(&pending(10, 100, 0)), Close::Now);
        let at = NOW.plus(Duration::from_secs(60));
        assert_eq!(close(&pending(9, 100, 0)), Close::Later { at, records: 1 });
        assert_eq!(close(&pending(1, 30, 0)), Close::Later { at, records: 33 });
    }

    #[test]
    fn a_batch_closes_when_its_oldest_record_is_as_old_as_the_interval() {
        assert_eq!(close(&pending(1, 1, 60)), Close::Now);
        let at = NOW.plus(Duration::from_secs(1));
        assert_eq!(close(&pending(1, 1, 59)), Close::Later { at, records: 999 });
    }

    #[test]
    fn an_interval_of_zero_closes_at_once_but_keeps_the_spacing() {
        let buffer = Buffer { bytes: 1_000, interval: Duration::ZERO };
        let one = pending(1, 1, 0);
        assert_eq!(one.close(&buffer, NOW, NOW), Close::Now);
        let spaced = NOW.plus(Duration::from_millis(50));
        assert_eq!(one.close(&buffer, NOW, spaced), Close::Later { at: spaced, records: 999 });
        assert_eq!(
            pending(10, 100, 0).close(&buffer, NOW, spaced),
            Close::Now,
            "a full buffer does not wait"
        );
    }

    #[test]
    fn nothing_pending_never_closes_and_what_is_gone_closes_at_once() {
        assert_eq!(close(&Pending::default()), Close::Never);
        let mut gone = pending(5, 1, 0);
        gone.oldest = None;
        gone.holes = true;
        assert_eq!(close(&gone), Close::Now);
    }

    fn partition(index: u32, parents: &[u32], closed_at: Option<Offset>) -> Partition {
        Partition {
            index,
            range: log::HashRange { start: 0, end: u128::MAX },
            parents: parents.to_vec(),
            closed_at,
            created: NOW,
            closed: closed_at.map(|_| NOW),
            oldest: 0,
            tail: 10,
        }
    }

    #[test]
    fn a_child_is_read_after_all_of_its_parents() {
        use names::{AccountId, Region, Scope};

        let scope = Scope::new(AccountId::new("000000000000").unwrap(), Region::new("local").unwrap());
        let topic = Topic {
            id: TopicId::new(scope, "stream", "split"),
            partitions: vec![
                partition(0, &[], Some(10)),
                partition(1, &[], Some(10)),
                partition(2, &[0, 1], None),
                // Its parent is no longer known.
                partition(3, &[9], None),
            ],
            retention: Duration::from_secs(1),
            created: NOW,
            incarnation: String::new(),
        };
        let read = |offsets: &[(u32, Offset)]| {
            let offsets = offsets.iter().copied().collect();
            readable(&topic, &offsets).map(|partition| partition.index).collect::<Vec<_>>()
        };
        assert_eq!(read(&[]), [0, 1, 3]);
        assert_eq!(read(&[(0, 10), (1, 9)]), [0, 1, 3]);
        assert_eq!(read(&[(0, 10), (1, 10)]), [0, 1, 2, 3]);
    }
}
