//! What is over its time is given up record by record; files go when nothing in them is kept.

use std::io;
use std::sync::Arc;

use meta::{Meta, MetaError, Txn};
use rt::Timestamp;

use crate::LogError;
use crate::journal::Journal;
use crate::keys::LogKey;
use crate::partition::PartitionState;
use crate::segment::Segment;
use crate::store::commit_unconditionally;
use crate::topics::Mark;

/// Marks written in one transaction.
const MARKS_PER_COMMIT: usize = 1000;
/// Steps of one pass over one partition; the next pass goes on.
const STEPS_MAX: usize = 100_000;

impl PartitionState {
    /// Whether there may be records that are over their time. Cheap.
    pub(crate) fn may_expire(&self, now: Timestamp) -> bool {
        let shared = self.shared.lock();
        shared.oldest < shared.tail && shared.oldest_at < self.keep_since(now)
    }

    fn mark(&self) -> Option<Mark> {
        let mut shared = self.shared.lock();
        let due = shared.unmarked && !shared.deleted;
        shared.unmarked = false;
        due.then(|| Mark { oldest: shared.oldest, tail: shared.tail, at: shared.last_at })
    }
}

impl Journal {
    /// Gives up the records of a partition that are over their time; blocks.
    pub(crate) fn expire(&self, partition: &PartitionState, now: Timestamp) -> io::Result<()> {
        let since = partition.keep_since(now);
        for _ in 0..STEPS_MAX {
            if !partition.may_expire(now) {
                return Ok(());
            }
            let (extent, end, next_at, oldest) = {
                let shared = partition.shared.lock();
                let Some((place, extent, end)) = shared.extent_at(shared.oldest) else { return Ok(()) };
                let next_at =
                    shared.extents.get(place + 1).map_or(shared.last_at.as_millis(), |next| next.first_at);
                (extent, end, Timestamp::from_millis(next_at), shared.oldest)
            };
            if next_at < since {
                partition.shared.lock().advance_oldest(end, next_at);
                continue;
            }
            let kept = self.with_list(&extent, partition.id, |list| {
                let place =
                    list.partition_point(|batch| batch.end() <= oldest || batch.at < since.as_millis());
                list.get(place)
                    .map_or((end, next_at), |batch| (batch.first.min(end), Timestamp::from_millis(batch.at)))
            });
            let kept = match kept {
                // Somebody else gave it up, and the segment went.
                Err(error) if error.kind() == io::ErrorKind::NotFound && !self.exists(&extent.segment) => {
                    None
                }
                kept => kept?,
            };
            if let Some((first, at)) = kept {
                partition.shared.lock().advance_oldest(first.max(oldest), at);
            }
        }
        Ok(())
    }

    /// One look at everything; blocks. Returns the segments in which nothing is kept.
    fn sweep(&self) -> Vec<Arc<Segment>> {
        let now = self.rt.now();
        let partitions: Vec<_> = self.partitions.read().values().cloned().collect();
        for partition in partitions {
            if partition.may_expire(now)
                && let Err(error) = self.expire(&partition, now)
            {
                tracing::warn!(log.partition = partition.id, %error, "cannot look for expired records");
            }
        }
        let segments: Vec<_> = self.segments.read().values().cloned().collect();
        for segment in &segments {
            self.try_persist_index(segment);
        }
        let all = self.segments.read();
        segments.into_iter().filter(|segment| segment.is_removable(|id| all.contains_key(&id))).collect()
    }

    /// Gives up what is over its time and removes the segments that this empties. What these alone could
    /// tell (tails, so that no offset is given twice) is in `meta` before they go.
    pub(crate) async fn retain(self: &Arc<Self>, meta: &Meta) -> Result<usize, LogError> {
        let journal = self.clone();
        let empty = self.rt.blocking("log retention", move || journal.sweep()).await;
        self.write_marks(meta).await?;
        let journal = self.clone();
        let removed = empty.len();
        self.rt
            .blocking("log retention", move || empty.iter().try_for_each(|segment| journal.remove(segment)))
            .await?;
        Ok(removed)
    }

    pub(crate) async fn write_marks(&self, meta: &Meta) -> Result<(), MetaError> {
        let partitions: Vec<_> = self.partitions.read().values().cloned().collect();
        let mut due = partitions.iter().filter_map(|partition| Some((partition, partition.mark()?)));
        loop {
            let some: Vec<_> = due.by_ref().take(MARKS_PER_COMMIT).collect();
            if some.is_empty() {
                return Ok(());
            }
            let txn = some.iter().fold(Txn::new(), |txn, (partition, mark)| {
                txn.put_json(LogKey::Mark(partition.id).key(), mark)
            });
            if let Err(error) = commit_unconditionally(meta, txn).await {
                for (partition, _) in some {
                    partition.shared.lock().unmarked = true;
                }
                return Err(error);
            }
        }
    }
}
