//! The first half of the way in: what the callers do before they wait for the writer.

use tokio::sync::oneshot;

use crate::frame::Payload;
use crate::queue::{Command, Frame, Placed, Submission};
use crate::store::{ATTEMPTS_MAX, Inner};
use crate::topics::TopicState;
use crate::{Appended, Batch, Log, LogError, LogSettings, NewRecord, TopicId};

/// What a semaphore's 32-bit acquisition can name.
const QUEUE_BYTES_MAX: usize = 1 << 30;

/// The bytes that may wait for the disk.
pub(crate) fn queue_bytes(settings: &LogSettings) -> usize {
    settings.queue_bytes.min(QUEUE_BYTES_MAX)
}

impl Log {
    /// Appends all batches and returns when they are on disk, in their order. They share one fsync, with each
    /// other and with what others append; after a crash before the return some of them may be kept. Dropping
    /// the future does not take them back.
    pub async fn append(&self, id: &TopicId, batches: Vec<Batch>) -> Result<Vec<Appended>, LogError> {
        self.append_batches(id, &batches).await
    }

    /// The same, and the caller keeps the records: after [`LogError::PartitionClosed`] nothing was written,
    /// and the topic's new routes say where they go now. Waits for a reshard that is under way.
    pub async fn append_batches(&self, id: &TopicId, batches: &[Batch]) -> Result<Vec<Appended>, LogError> {
        for _ in 0..ATTEMPTS_MAX {
            let topic = self.state(id)?;
            match self.append_to(&topic, batches).await {
                Err(LogError::Sealed) => {
                    let wait = self.inner.journal.settings.queue_wait;
                    if self.inner.rt.timeout(wait, topic.changing.lock()).await.is_none() {
                        return Err(LogError::Overloaded);
                    }
                }
                outcome => return outcome,
            }
        }
        Err(LogError::Sealed)
    }

    async fn append_to(&self, topic: &TopicState, batches: &[Batch]) -> Result<Vec<Appended>, LogError> {
        let settings = &self.inner.journal.settings;
        let mut frames = Vec::with_capacity(batches.len());
        let mut shapes = Vec::with_capacity(batches.len());
        for batch in batches {
            let partition = topic.open_partition(batch.partition)?;
            check_sizes(&batch.records, settings.record_bytes)?;
            let before = frames.len();
            for records in cut(&batch.records, settings.frame_bytes) {
                frames.push(Frame { partition: partition.clone(), payload: Payload::encode(records) });
            }
            shapes.push((batch.partition, batch.records.len() as u32, frames.len() - before));
        }
        let placed = self.inner.submit(frames).await?;
        let mut placed = placed.into_iter();
        shapes
            .into_iter()
            .map(|(partition, count, frames)| {
                let own: Vec<Placed> = placed.by_ref().take(frames).collect();
                let empty = || -> Result<Placed, LogError> {
                    let shared = topic.partition(partition)?.shared.lock();
                    Ok(Placed { first: shared.tail, at: shared.last_at })
                };
                let Placed { first, at } = own.first().copied().map_or_else(empty, Ok)?;
                Ok(Appended { partition, first, count, at })
            })
            .collect()
    }
}

impl Inner {
    pub(crate) async fn submit(&self, frames: Vec<Frame>) -> Result<Vec<Placed>, LogError> {
        if frames.is_empty() {
            return Ok(Vec::new());
        }
        let settings = &self.journal.settings;
        let size: usize = frames.iter().map(Frame::bytes).sum();
        let limit = queue_bytes(settings);
        if size > limit {
            return Err(LogError::RecordTooLarge { size, limit });
        }
        let room = self.room.clone().acquire_many_owned(size as u32);
        let room = match self.rt.timeout(settings.queue_wait, room).await {
            Some(Ok(room)) => room,
            Some(Err(_closed)) => return Err(LogError::Closed),
            None => return Err(LogError::Overloaded),
        };
        let (done, answer) = oneshot::channel();
        self.queue.push(Command::Append(Submission { frames, done, room }));
        answer.await.unwrap_or(Err(LogError::Closed))
    }
}

fn check_sizes(records: &[NewRecord], limit: usize) -> Result<(), LogError> {
    let sizes = records.iter().map(|record| record.key.len() + record.data.len());
    match sizes.max() {
        Some(size) if size > limit => Err(LogError::RecordTooLarge { size, limit }),
        _ => Ok(()),
    }
}

/// Cuts a batch into frames of about `bytes`, each of at least one record.
fn cut(records: &[NewRecord], bytes: usize) -> impl Iterator<Item = &[NewRecord]> {
    let mut rest = records;
    std::iter::from_fn(move || {
        let mut size = 0;
        let fitting = rest
            .iter()
            .take_while(|record| {
                size += Payload::size_of(record);
                size <= bytes
            })
            .count();
        let (frame, after) = rest.split_at(fitting.max(1).min(rest.len()));
        rest = after;
        (!frame.is_empty()).then_some(frame)
    })
}
