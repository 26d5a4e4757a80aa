//! Partitions split and merged: parents are closed and children take their place, in one transaction.
//!
//! 1. The writer *seals* the parents between two writes: everything queued before is on disk, what comes
//!    later is refused, and their tails are final.
//! 2. One commit closes the parents at these tails and opens the children. A crash before it leaves the
//!    parents open, a crash after it leaves them closed; there is nothing between.
//! 3. The new routes take the place of the old ones, and those who wait at a parent's tail are told.
//!
//! Appends that meet a seal wait for the outcome: see [`Log::append_batches`](crate::Log::append_batches).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use meta::{CommitError, Entry, Txn};
use rt::{Backoff, Timestamp};
use tokio::sync::oneshot;

use crate::keys::LogKey;
use crate::partition::PartitionState;
use crate::queue::{Command, Seal};
use crate::store::{ATTEMPTS_MAX, Inner};
use crate::topics::{PartitionRecord, TopicRecord, TopicState};
use crate::{HashRange, Log, LogError, Offset, Topic, TopicId};

/// One step of a reshard. New partitions get the next indexes in the order of the steps, so that a later
/// step can name what an earlier one made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// In two: the second one begins at `at`.
    Split { partition: u32, at: u128 },
    /// Two neighbours become one; the first parent is `left`, whichever of them lies lower.
    Merge { left: u32, right: u32 },
}

/// How often the metadata store is asked whether a commit of unknown outcome happened.
const LOOKS_MAX: usize = 10;
const LOOK_PAUSE: Duration = Duration::from_millis(50);
const LOOK_PAUSE_MAX: Duration = Duration::from_secs(2);

impl Log {
    /// Closes the partitions that the steps name and opens those they make, all in one transaction together
    /// with `also`, which may write but not require. `incarnation` is that of the topic the steps were made
    /// for. Goes on when the future is dropped.
    pub async fn reshard(
        &self,
        id: &TopicId,
        incarnation: &str,
        changes: Vec<Change>,
        also: Txn,
    ) -> Result<Topic, LogError> {
        let topic = self.state(id)?;
        if topic.record.incarnation != incarnation {
            return Err(LogError::NoSuchTopic(id.clone()));
        }
        let inner = self.inner.clone();
        let work = async move { inner.reshard(&topic, &changes, also).await };
        self.inner.rt.spawn("log reshard", work).await.unwrap_or(Err(LogError::Closed))
    }
}

impl Inner {
    async fn reshard(
        self: &Arc<Self>,
        topic: &TopicState,
        changes: &[Change],
        also: Txn,
    ) -> Result<Topic, LogError> {
        let _alone = topic.changing.lock().await;
        let topic = self.same(topic)?;
        let first_id = self.next_partition.fetch_add(changes.len() as u64 * 2, Ordering::Relaxed);
        let now = self.rt.now();
        let plan = |record: &mut TopicRecord, tails: &[Offset]| {
            apply(record, changes, now, first_id, tails)
                .map_err(|reason| LogError::BadChange { topic: topic.id.clone(), reason })
        };
        let parents = plan(&mut topic.record.clone(), &[])?;
        let parents = parents.into_iter().map(|index| topic.partition(index).cloned());
        let mut sealed = Sealed::new(self, parents.collect::<Result<_, _>>()?).await?;
        let record = self.commit(&topic, &mut sealed, &plan, &also).await?;
        let state = topic.with_record(record);
        self.replace(&state)?;
        sealed.close();
        Ok(state.describe(now))
    }

    /// The topic as it is now, if it still is the same.
    fn same(&self, topic: &TopicState) -> Result<Arc<TopicState>, LogError> {
        let now = self.topics.read().get(&topic.id).cloned();
        now.filter(|now| now.record.incarnation == topic.record.incarnation)
            .ok_or_else(|| LogError::NoSuchTopic(topic.id.clone()))
    }

    async fn commit(
        &self,
        topic: &TopicState,
        sealed: &mut Sealed,
        plan: &impl Fn(&mut TopicRecord, &[Offset]) -> Result<Vec<u32>, LogError>,
        also: &Txn,
    ) -> Result<TopicRecord, LogError> {
        let missing = || LogError::NoSuchTopic(topic.id.clone());
        for _ in 0..ATTEMPTS_MAX {
            let (entry, mut record) = self.stored(topic).await?;
            plan(&mut record, &sealed.tails)?;
            let txn = Txn::new()
                .require_revision(entry.key.clone(), entry.revision)
                .put_json(entry.key.clone(), &record)
                .merge(also.clone());
            match self.meta.commit(txn).await {
                Ok(_) => return Ok(record),
                // Retention was set meanwhile, or the topic is gone.
                Err(CommitError::Conflict { .. }) => {}
                Err(CommitError::Meta(error)) => {
                    // Only when the store says that nothing happened may the parents take records again.
                    sealed.keep = true;
                    let happened = self.happened(topic, &record).await?;
                    sealed.keep = false;
                    return happened.ok_or(LogError::Meta(error));
                }
            }
        }
        Err(missing())
    }

    async fn stored(&self, topic: &TopicState) -> Result<(Entry, TopicRecord), LogError> {
        let missing = || LogError::NoSuchTopic(topic.id.clone());
        let entry = self.meta.get(&LogKey::Topic(&topic.id).key()).await?.ok_or_else(missing)?;
        let record: TopicRecord = entry.json()?;
        if record.incarnation == topic.record.incarnation { Ok((entry, record)) } else { Err(missing()) }
    }

    /// The topic's record, if a commit that failed has changed it after all.
    async fn happened(
        &self,
        topic: &TopicState,
        wanted: &TopicRecord,
    ) -> Result<Option<TopicRecord>, LogError> {
        let newest = |record: &TopicRecord| record.partitions.last().map(|partition| partition.id);
        let mut pause = Backoff::new(LOOK_PAUSE, LOOK_PAUSE_MAX, self.rt.clone());
        for _ in 0..LOOKS_MAX {
            match self.stored(topic).await {
                Ok((_, now)) => return Ok((newest(&now) == newest(wanted)).then_some(now)),
                Err(LogError::Meta(_)) => self.rt.sleep(pause.next()).await,
                Err(error) => return Err(error),
            }
        }
        tracing::error!(log.topic = %topic.id, "whether partitions were closed is unknown; they take no records until the next start");
        Err(LogError::Closed)
    }

    /// Makes a state the one of its topic, unless the topic is gone.
    fn replace(&self, state: &Arc<TopicState>) -> Result<(), LogError> {
        let mut topics = self.topics.write();
        match topics.get_mut(&state.id) {
            Some(place) if place.record.incarnation == state.record.incarnation => {
                let mut all = self.journal.partitions.write();
                all.extend(state.partitions.iter().map(|partition| (partition.id, partition.clone())));
                *place = state.clone();
                Ok(())
            }
            _ => Err(LogError::NoSuchTopic(state.id.clone())),
        }
    }

    /// Forgets the partitions that were closed longer ago than records are kept.
    pub(crate) async fn forget_closed(&self) -> Result<(), LogError> {
        let now = self.rt.now();
        let topics: Vec<_> = self.topics.read().values().cloned().collect();
        for topic in topics {
            if over(&topic, now).next().is_some() {
                self.forget_closed_of(&topic, now).await?;
            }
        }
        Ok(())
    }

    async fn forget_closed_of(&self, topic: &TopicState, now: Timestamp) -> Result<(), LogError> {
        let _alone = topic.changing.lock().await;
        let Ok(topic) = self.same(topic) else { return Ok(()) };
        let over: Vec<u64> = over(&topic, now).collect();
        let (entry, mut record) = self.stored(&topic).await?;
        record.pointer = Some(record.pointer());
        record.partitions.retain(|partition| !over.contains(&partition.id));
        let txn = Txn::new()
            .require_revision(entry.key.clone(), entry.revision)
            .put_json(entry.key.clone(), &record);
        let txn = over.iter().fold(txn, |txn, id| txn.delete(LogKey::Mark(*id).key()));
        match self.meta.commit(txn).await {
            Ok(_) => {}
            // The next look does it.
            Err(CommitError::Conflict { .. }) => return Ok(()),
            Err(CommitError::Meta(error)) => return Err(LogError::Meta(error)),
        }
        let state = topic.with_record(record);
        if self.replace(&state).is_ok() {
            let mut all = self.journal.partitions.write();
            for partition in topic.partitions.iter().filter(|partition| over.contains(&partition.id)) {
                partition.delete();
                all.remove(&partition.id);
            }
        }
        Ok(())
    }
}

/// The ids of the partitions that nobody needs to know of any more.
fn over(topic: &TopicState, now: Timestamp) -> impl Iterator<Item = u64> {
    let retention_ms = topic.retention_ms.load(Ordering::Relaxed);
    let all = topic.record.partitions.iter().zip(&topic.partitions);
    let over = all.filter(move |(record, state)| {
        record.is_over(now, retention_ms) && {
            let shared = state.shared.lock();
            shared.oldest == shared.tail
        }
    });
    over.map(|(record, _)| record.id)
}

/// Partitions that take no records. Dropped before [`Sealed::close`], they take records again.
struct Sealed {
    partitions: Vec<Arc<PartitionState>>,
    tails: Vec<Offset>,
    /// It is not known whether they are closed: they stay sealed.
    keep: bool,
}

impl Sealed {
    async fn new(inner: &Inner, partitions: Vec<Arc<PartitionState>>) -> Result<Sealed, LogError> {
        let (done, tails) = oneshot::channel();
        inner.queue.push(Command::Seal(Seal { partitions: partitions.clone(), done }));
        let tails = tails.await.map_err(|_| LogError::Closed)?;
        Ok(Sealed { partitions, tails, keep: false })
    }

    /// For good.
    fn close(mut self) {
        self.keep = true;
        self.partitions.iter().for_each(|partition| partition.close());
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        if !self.keep {
            self.partitions.iter().for_each(|partition| partition.unseal());
        }
    }
}

/// Takes the steps on the record. Returns the indexes of the partitions with records that are closed, in
/// the order in which `tails` has theirs; before these are known it may be empty.
fn apply(
    record: &mut TopicRecord,
    changes: &[Change],
    now: Timestamp,
    first_id: u64,
    tails: &[Offset],
) -> Result<Vec<u32>, &'static str> {
    let old = record.partitions.last().map_or(0, |last| last.index + 1);
    let mut ids = first_id..;
    let mut closed = Vec::new();
    for change in changes {
        let (parents, ranges) = step(record, *change)?;
        let born = parents.iter().map(|parent| after_second(record.partitions[*parent].created));
        let created = born.fold(now, Timestamp::max);
        for &parent in &parents {
            let parent = &mut record.partitions[parent];
            parent.closed = Some(created);
            // What was made by an earlier step never took a record.
            parent.closed_at = Some(0);
            if parent.index < old {
                parent.closed_at = Some(tails.get(closed.len()).copied().unwrap_or(0));
                closed.push(parent.index);
            }
        }
        let parents: Vec<u32> = parents.iter().map(|parent| record.partitions[*parent].index).collect();
        for range in ranges {
            let index = record.partitions.last().map_or(0, |last| last.index + 1);
            let id = ids.next().ok_or("there are no more ids")?;
            let mut child = PartitionRecord::new(index, id, range, created);
            child.parents.clone_from(&parents);
            record.partitions.push(child);
        }
    }
    Ok(closed)
}

/// The places of the parents and the ranges of the children.
fn step(record: &TopicRecord, change: Change) -> Result<(Vec<usize>, Vec<HashRange>), &'static str> {
    let open = |index: u32| {
        let place = record.partitions.binary_search_by_key(&index, |partition| partition.index);
        let place = place.map_err(|_| "there is no such partition")?;
        let partition = &record.partitions[place];
        if partition.closed_at.is_some() {
            Err("a partition is closed")
        } else {
            Ok((place, partition.range()))
        }
    };
    match change {
        Change::Split { partition, at } => {
            let (place, range) = open(partition)?;
            if at <= range.start || at > range.end {
                return Err("a partition is split inside of its range");
            }
            let low = HashRange { start: range.start, end: at - 1 };
            Ok((vec![place], vec![low, HashRange { start: at, end: range.end }]))
        }
        Change::Merge { left, right } => {
            let ((left, one), (right, other)) = (open(left)?, open(right)?);
            let (low, high) = if one.start < other.start { (one, other) } else { (other, one) };
            if low.end.checked_add(1) != Some(high.start) {
                return Err("only neighbours are merged");
            }
            Ok((vec![left, right], vec![HashRange { start: low.start, end: high.end }]))
        }
    }
}

/// The start of the next second: whoever names positions by the second in which a partition was created
/// gets those of a child after those of its parents.
fn after_second(at: Timestamp) -> Timestamp {
    Timestamp::from_millis((at.as_millis().div_euclid(1000) + 1).saturating_mul(1000))
}
