use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use meta::{CommitError, Meta, MetaError, Txn};
use names::Scope;
use parking_lot::{Mutex, RwLock};
use rt::{Rt, Stop, Task, Timestamp};
use tokio::sync::{Semaphore, oneshot};

use crate::append;
use crate::disk::{Directory, Disk};
use crate::journal::{Journal, Stats};
use crate::keys::LogKey;
use crate::partition::PartitionState;
use crate::queue::{Command, Queue};
use crate::read::Readers;
use crate::recovery::{Recovered, pass_losses, recover};
use crate::segment::Segment;
use crate::topics::{self, PartitionRecord, TopicRecord, TopicState};
use crate::writer::Writer;
use crate::{
    HashRange, LogError, LogSettings, Offset, OpenError, Page, Position, ReadLimit, Routes, TailWatch, Topic,
    TopicId,
};

/// All topics of one data directory. Clones share everything; the last one to go finishes what is queued.
#[derive(Clone)]
pub struct Log {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) meta: Meta,
    pub(crate) rt: Rt,
    pub(crate) journal: Arc<Journal>,
    pub(crate) queue: Arc<Queue>,
    /// One permit per byte that may wait for the disk.
    pub(crate) room: Arc<Semaphore>,
    pub(crate) topics: RwLock<HashMap<TopicId, Arc<TopicState>>>,
    /// The id of the next partition to be created.
    pub(crate) next_partition: AtomicU64,
    writer: Mutex<Option<JoinHandle<()>>>,
    retention: Mutex<Option<Task<()>>>,
    /// One look of retention at a time: marks must be stored before any of them removes a segment.
    retaining: tokio::sync::Mutex<()>,
    /// Ends the retention task.
    stop: Stop,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.close();
        self.stop.cancel();
    }
}

/// Closed segments that wait for their side file before the writer is held back.
const CLOSED_SEGMENTS_MAX: usize = 4;
/// How often a change of a topic's record is tried when others change it too.
pub(crate) const ATTEMPTS_MAX: usize = 8;

impl Log {
    /// Opens the directory, which is created if absent and held exclusively. Reads only what the last run
    /// left unfinished.
    pub async fn open(dir: &Path, meta: Meta, rt: Rt, settings: LogSettings) -> Result<Log, OpenError> {
        let path = dir.to_owned();
        let disk = rt.blocking("log open", move || {
            Directory::open(&path).map_err(|error| OpenError::io(&path, error))
        });
        let disk = Box::new(disk.await?);
        Log::open_disk(dir, disk, meta, rt, settings).await
    }

    pub(crate) async fn open_disk(
        dir: &Path,
        disk: Box<dyn Disk>,
        meta: Meta,
        rt: Rt,
        settings: LogSettings,
    ) -> Result<Log, OpenError> {
        let (closed, segments) = mpsc::sync_channel(CLOSED_SEGMENTS_MAX);
        let (log, writer) = Log::recovered(dir, disk, meta, rt, settings, closed).await?;
        log.inner.start(writer, segments);
        Ok(log)
    }

    /// Open, but neither written to nor looked after yet.
    pub(crate) async fn recovered(
        dir: &Path,
        disk: Box<dyn Disk>,
        meta: Meta,
        rt: Rt,
        settings: LogSettings,
        closed: SyncSender<Arc<Segment>>,
    ) -> Result<(Log, Writer), OpenError> {
        let topics = topics::load(&meta).await.map_err(OpenError::Meta)?;
        let marks = topics::load_marks(&meta).await.map_err(OpenError::Meta)?;
        let epoch = next_epoch(&meta).await?;
        let journal = Arc::new(Journal::new(disk, rt.clone(), settings));
        for partition in topics.values().flat_map(|topic| &topic.partitions) {
            if let Some(mark) = marks.get(&partition.id) {
                let mut shared = partition.shared.lock();
                (shared.oldest, shared.tail, shared.assigned) = (mark.oldest, mark.tail, mark.tail);
                shared.last_at = mark.at;
            }
            journal.partitions.write().insert(partition.id, partition.clone());
        }
        let (path, recovering) = (dir.to_owned(), journal.clone());
        let recovered = rt.blocking("log recovery", move || recover(&recovering, &path)).await?;
        let next_segment = recovered.next_segment;
        settle_losses(&journal, &meta, &rt, recovered).await?;
        topics.values().for_each(|topic| topic.restore_closed());
        let queue = Arc::new(Queue::default());
        let writer = Writer::new(journal.clone(), queue.clone(), closed, next_segment);
        let inner = Arc::new(Inner {
            room: Arc::new(Semaphore::new(append::queue_bytes(&journal.settings))),
            meta,
            journal,
            queue,
            topics: RwLock::new(topics),
            next_partition: AtomicU64::new(epoch << 32),
            writer: Mutex::default(),
            retention: Mutex::default(),
            retaining: tokio::sync::Mutex::default(),
            stop: rt.stop().child(),
            rt,
        });
        Ok((Log { inner }, writer))
    }

    /// A topic with the hash space split evenly over its partitions.
    pub async fn create_topic(
        &self,
        id: &TopicId,
        partitions: u32,
        retention: Duration,
    ) -> Result<Topic, LogError> {
        self.create_topic_with(id, partitions, retention, Txn::new()).await
    }

    /// The same in one transaction with what the topic's owner keeps about it: both are there or neither.
    /// `also` may write but not require.
    pub async fn create_topic_with(
        &self,
        id: &TopicId,
        partitions: u32,
        retention: Duration,
        also: Txn,
    ) -> Result<Topic, LogError> {
        let created = self.inner.rt.now();
        let first = self.inner.next_partition.fetch_add(u64::from(partitions.max(1)), Ordering::Relaxed);
        let partition = |(index, range): (u32, HashRange)| {
            PartitionRecord::new(index, first + u64::from(index), range, created)
        };
        let record = TopicRecord {
            incarnation: self.inner.rt.random_hex(10),
            created,
            retention_ms: topics::retention_ms(retention),
            pointer: Some(first),
            partitions: (0..).zip(HashRange::split_evenly(partitions.max(1))).map(partition).collect(),
        };
        let txn = Txn::new()
            .require_absent(LogKey::Topic(id).key())
            .put_json(LogKey::Topic(id).key(), &record)
            .put_json(LogKey::Pointer(first).key(), id)
            .merge(also);
        let exists = || LogError::TopicExists(id.clone());
        self.inner.meta.commit(txn).await.map_err(|error| LogError::of_commit(error, exists()))?;
        let state = TopicState::new(id.clone(), record);
        {
            let mut all = self.inner.journal.partitions.write();
            all.extend(state.partitions.iter().map(|partition| (partition.id, partition.clone())));
        }
        self.inner.topics.write().insert(id.clone(), state.clone());
        Ok(state.describe(created))
    }

    pub async fn topic(&self, id: &TopicId) -> Result<Topic, LogError> {
        let topic = self.state(id)?;
        self.expire(&topic.partitions).await?;
        Ok(topic.describe(self.inner.rt.now()))
    }

    /// Where the topic's records go, without asking how full its partitions are.
    pub fn routes(&self, id: &TopicId) -> Result<Arc<Routes>, LogError> {
        Ok(self.state(id)?.routes.clone())
    }

    /// The names in one scope and space, in order.
    pub async fn topics(&self, scope: &Scope, space: &str) -> Vec<TopicId> {
        let topics = self.inner.topics.read();
        let mut ids: Vec<_> =
            topics.keys().filter(|id| id.scope == *scope && id.space == space).cloned().collect();
        ids.sort_unstable();
        ids
    }

    /// The names in one space over all scopes, in order.
    pub fn all_topics(&self, space: &str) -> Vec<TopicId> {
        let topics = self.inner.topics.read();
        let mut ids: Vec<_> = topics.keys().filter(|id| id.space == space).cloned().collect();
        ids.sort_unstable();
        ids
    }

    /// The records are gone at once, their disk space after the next look of retention.
    pub async fn delete_topic(&self, id: &TopicId) -> Result<(), LogError> {
        self.delete_topic_with(id, Txn::new()).await
    }

    /// The same in one transaction with what the topic's owner keeps about it. `also` may write but not
    /// require.
    pub async fn delete_topic_with(&self, id: &TopicId, also: Txn) -> Result<(), LogError> {
        let changing = self.state(id)?.changing.clone();
        let _alone = changing.lock().await;
        let topic = self.state(id)?;
        let missing = || LogError::NoSuchTopic(id.clone());
        let mut txn = Txn::new()
            .require_present(LogKey::Topic(id).key())
            .delete(LogKey::Topic(id).key())
            .delete(LogKey::Pointer(topic.record.pointer()).key());
        for partition in &topic.partitions {
            txn = txn.delete(LogKey::Mark(partition.id).key());
        }
        let txn = txn.merge(also);
        self.inner.meta.commit(txn).await.map_err(|error| LogError::of_commit(error, missing()))?;
        self.inner.topics.write().remove(id);
        self.inner.forget(&topic);
        Ok(())
    }

    /// Records that are over the new retention are gone at once; a longer one does not bring any back.
    pub async fn set_retention(&self, id: &TopicId, retention: Duration) -> Result<(), LogError> {
        let topic = self.state(id)?;
        let missing = || LogError::NoSuchTopic(id.clone());
        self.expire(&topic.partitions).await?;
        for attempt in 1.. {
            let entry = self.inner.meta.get(&LogKey::Topic(id).key()).await?.ok_or_else(missing)?;
            let mut record: TopicRecord = entry.json()?;
            record.retention_ms = topics::retention_ms(retention);
            let txn = Txn::new()
                .require_revision(entry.key.clone(), entry.revision)
                .put_json(entry.key.clone(), &record);
            match self.inner.meta.commit(txn).await {
                Ok(_) => {
                    topic.retention_ms.store(record.retention_ms, Ordering::Relaxed);
                    return Ok(());
                }
                Err(meta::CommitError::Conflict { .. }) if attempt < ATTEMPTS_MAX => {}
                Err(error) => return Err(LogError::of_commit(error, missing())),
            }
        }
        Err(missing())
    }

    /// Records from `from` on, or from the oldest kept if that lies later; at least one if there is one.
    /// Damaged batches are passed over: go on at the page's `next`.
    pub async fn read(
        &self,
        id: &TopicId,
        partition: u32,
        from: Offset,
        limit: ReadLimit,
    ) -> Result<Page, LogError> {
        self.read_for(Readers::Others, id, partition, from, limit).await
    }

    /// The same for records that are not expected to be read again soon: what memory does not have passes it by.
    pub async fn read_once(
        &self,
        id: &TopicId,
        partition: u32,
        from: Offset,
        limit: ReadLimit,
    ) -> Result<Page, LogError> {
        self.read_for(Readers::One, id, partition, from, limit).await
    }

    async fn read_for(
        &self,
        readers: Readers,
        id: &TopicId,
        partition: u32,
        from: Offset,
        limit: ReadLimit,
    ) -> Result<Page, LogError> {
        if let Some(page) = self.read_cached(id, partition, from, limit).await? {
            return Ok(page);
        }
        let read = self.read_of_disk(id, partition, from, limit, readers)?;
        self.inner.rt.blocking("log read", read).await
    }

    /// What [`Log::read_cached`] did not have, from disk on a thread of low priority: for readers that are to leave the
    /// processor to those who write.
    pub async fn read_in_background(
        &self,
        id: &TopicId,
        partition: u32,
        from: Offset,
        limit: ReadLimit,
    ) -> Result<Page, LogError> {
        let read = self.read_of_disk(id, partition, from, limit, Readers::Others)?;
        self.inner.rt.background("log read", read).await
    }

    /// A read that blocks.
    fn read_of_disk(
        &self,
        id: &TopicId,
        partition: u32,
        from: Offset,
        limit: ReadLimit,
        readers: Readers,
    ) -> Result<impl FnOnce() -> Result<Page, LogError> + Send + use<>, LogError> {
        let partition = self.state(id)?.partition(partition)?.clone();
        let journal = self.inner.journal.clone();
        Ok(move || journal.read(&partition, from, limit, readers))
    }

    /// As [`Log::read`] where memory holds all of the page, or there is nothing to read: it takes neither memory
    /// nor a read of the disk. `None` for history.
    pub async fn read_cached(
        &self,
        id: &TopicId,
        partition: u32,
        from: Offset,
        limit: ReadLimit,
    ) -> Result<Option<Page>, LogError> {
        let partition = self.state(id)?.partition(partition)?.clone();
        self.expire(std::slice::from_ref(&partition)).await?;
        Ok(partition.read_cached(from, limit))
    }

    /// When something was last appended since the log was opened, to any topic.
    pub fn last_append(&self) -> Option<Instant> {
        *self.inner.journal.counters.appended.lock()
    }

    /// The offset to read from for a position.
    pub async fn locate(&self, id: &TopicId, partition: u32, position: Position) -> Result<Offset, LogError> {
        let partition = self.state(id)?.partition(partition)?.clone();
        self.expire(std::slice::from_ref(&partition)).await?;
        let journal = self.inner.journal.clone();
        match position {
            Position::Oldest | Position::Latest => journal.locate(&partition, position),
            Position::At(_) => {
                self.inner.rt.blocking("log locate", move || journal.locate(&partition, position)).await
            }
        }
    }

    /// Watches the end of a partition.
    pub async fn tail(&self, id: &TopicId, partition: u32) -> Result<TailWatch, LogError> {
        Ok(self.state(id)?.partition(partition)?.watch())
    }

    /// Gives up the records before `before`, whatever the topic's retention. Takes effect at once; a crash
    /// may bring some of them back, so that a reader should keep its own position.
    pub async fn trim(&self, id: &TopicId, partition: u32, before: Offset) -> Result<(), LogError> {
        let state = self.state(id)?;
        state.partition(partition)?.shared.lock().advance_oldest(before, Timestamp::from_millis(i64::MIN));
        Ok(())
    }

    /// Removes every topic and every record, for good. What is being appended meanwhile is lost too.
    pub async fn reset(&self) -> Result<(), LogError> {
        let topics: Vec<_> = self.inner.topics.write().drain().map(|(_, topic)| topic).collect();
        let mut txn = Txn::new().delete_prefix(LogKey::Pointers.key()).delete_prefix(LogKey::Marks.key());
        for topic in &topics {
            txn = txn.delete(LogKey::Topic(&topic.id).key());
            self.inner.forget(topic);
        }
        self.inner.meta.commit(txn).await.map_err(|error| LogError::of_commit(error, LogError::Closed))?;
        let (done, answer) = oneshot::channel();
        self.inner.queue.push(Command::Reset(done));
        answer.await.map_err(|_| LogError::Closed)
    }

    /// Looks for expired records now and frees the segments that hold nothing else. Returns how many.
    pub async fn retain(&self) -> Result<usize, LogError> {
        self.inner.retain().await
    }

    /// Writes what is queued, closes the last segment and refuses appends from now on. Without it the next
    /// open reads the last segment anew; nothing else is lost.
    pub async fn close(&self) {
        self.inner.room.close();
        self.inner.queue.close();
        self.inner.stop.cancel();
        let retention = self.inner.retention.lock().take();
        if let Some(retention) = retention
            && retention.await.is_err()
        {
            tracing::error!("the log's retention had panicked");
        }
        let writer = self.inner.writer.lock().take();
        if let Some(writer) = writer
            && self.inner.rt.blocking("log close", move || writer.join()).await.is_err()
        {
            tracing::error!("the log's writer had panicked");
        }
    }

    pub fn stats(&self) -> Stats {
        self.inner.journal.stats()
    }

    pub(crate) fn state(&self, id: &TopicId) -> Result<Arc<TopicState>, LogError> {
        self.inner.topics.read().get(id).cloned().ok_or_else(|| LogError::NoSuchTopic(id.clone()))
    }

    /// Gives up what is over its time. Nothing leaves this thread unless there may be something.
    async fn expire(&self, partitions: &[Arc<PartitionState>]) -> Result<(), LogError> {
        let now = self.inner.rt.now();
        let due: Vec<_> = partitions.iter().filter(|partition| partition.may_expire(now)).cloned().collect();
        if due.is_empty() {
            return Ok(());
        }
        let journal = self.inner.journal.clone();
        let expire = move || due.iter().try_for_each(|partition| journal.expire(partition, now));
        Ok(self.inner.rt.blocking("log expire", expire).await?)
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Inner {
    fn start(self: &Arc<Self>, writer: Writer, segments: Receiver<Arc<Segment>>) {
        *self.writer.lock() = Some(start_writer(&self.rt, self.journal.clone(), writer, segments));
        *self.retention.lock() = Some(self.start_retention());
    }

    fn forget(&self, topic: &TopicState) {
        let mut all = self.journal.partitions.write();
        for partition in &topic.partitions {
            partition.delete();
            all.remove(&partition.id);
        }
    }

    async fn retain(&self) -> Result<usize, LogError> {
        let _alone = self.retaining.lock().await;
        let removed = self.journal.retain(&self.meta).await?;
        self.forget_closed().await?;
        Ok(removed)
    }

    fn start_retention(self: &Arc<Self>) -> Task<()> {
        let inner = Arc::downgrade(self);
        let (rt, stop) = (self.rt.clone(), self.stop.clone());
        let interval = self.journal.settings.retention_interval;
        let mut wait = self.journal.settings.retention_delay;
        self.rt.spawn("log retention", async move {
            loop {
                tokio::select! {
                    () = stop.requested() => return,
                    () = rt.sleep(wait) => wait = interval,
                }
                let Some(inner) = inner.upgrade() else { return };
                if let Err(error) = inner.retain().await {
                    tracing::warn!(%error, "cannot apply retention; trying again later");
                }
            }
        })
    }
}

fn start_writer(
    rt: &Rt,
    journal: Arc<Journal>,
    writer: Writer,
    segments: Receiver<Arc<Segment>>,
) -> JoinHandle<()> {
    let indexer = rt.thread("log index", move || {
        let mut before = None;
        for segment in segments {
            journal.try_persist_index(&segment);
            if let Some(before) = before.replace(segment) {
                journal.let_go(&before);
            }
        }
    });
    rt.thread("log writer", move || {
        writer.run();
        if indexer.join().is_err() {
            tracing::error!("the log's indexer panicked");
        }
    })
}

/// Tails that only damaged frames could tell are in `meta` before an index without these frames is written.
async fn settle_losses(
    journal: &Arc<Journal>,
    meta: &Meta,
    rt: &Rt,
    recovered: Recovered,
) -> Result<(), OpenError> {
    if recovered.losses.is_empty() {
        return Ok(());
    }
    pass_losses(journal, &recovered.losses);
    journal.write_marks(meta).await.map_err(OpenError::Meta)?;
    let journal = journal.clone();
    let index = move || recovered.unindexed.iter().for_each(|segment| journal.try_persist_index(segment));
    rt.blocking("log recovery", index).await;
    Ok(())
}

/// Partition ids must never repeat, also when a crash forgot which were given: each opening has its own
/// range of 2^32.
async fn next_epoch(meta: &Meta) -> Result<u64, OpenError> {
    let key = LogKey::Epoch.key();
    let entry = meta.get(&key).await.map_err(OpenError::Meta)?;
    let epoch = match &entry {
        Some(entry) => entry.json::<u64>().map_err(OpenError::Meta)? + 1,
        None => 1,
    };
    let txn = Txn::new().put_json(key, &epoch);
    commit_unconditionally(meta, txn).await.map_err(OpenError::Meta)?;
    Ok(epoch)
}

/// Commits what requires nothing.
pub(crate) async fn commit_unconditionally(meta: &Meta, txn: Txn) -> Result<(), MetaError> {
    match meta.commit(txn).await {
        Ok(_) => Ok(()),
        Err(CommitError::Meta(error)) => Err(error),
        Err(CommitError::Conflict { .. }) => unreachable!("nothing was required"),
    }
}
