//! Reading behind the tail, from disk, beside those who write.

use std::time::{Duration, Instant};

use aws::ApiError;
use log::{Log, LogError, Offset, Page, ReadLimit, TopicId};
use rt::Rt;
use tokio::sync::{Mutex, MutexGuard, Semaphore, SemaphorePermit};

use crate::Kinesis;
use crate::error::from_log;
use crate::limits::{COURTEOUS_BYTES_MAX, HISTORY_READS_MAX};

/// So long after an append there is somebody who writes.
const WRITER_PRESENT: Duration = Duration::from_millis(100);

/// The turns of those who read history: however many they are, they hold little memory. While somebody writes they
/// are courteous: one reads at a time, a small page, and then as long as that took nobody does.
pub(crate) struct History {
    turns: Semaphore,
    /// When the next courteous read may begin.
    courteous: Mutex<Instant>,
}

/// A page, and the turn of whoever reads history. It is held until the answer is ready to be sent.
pub(crate) struct Read<'a> {
    pub(crate) page: Page,
    pub(crate) turn: Option<Turn<'a>>,
}

pub(crate) struct Turn<'a> {
    _permit: SemaphorePermit<'a>,
    _courteous: Option<Courteous<'a>>,
}

/// A read that keeps others from reading while it lasts, and as long again.
struct Courteous<'a> {
    rt: &'a Rt,
    began: Instant,
    next: MutexGuard<'a, Instant>,
}

impl History {
    pub(crate) fn new(rt: &Rt) -> History {
        History { turns: Semaphore::new(HISTORY_READS_MAX), courteous: Mutex::new(rt.instant()) }
    }

    pub(crate) async fn turn<'a>(&'a self, rt: &'a Rt, log: &Log) -> Result<Turn<'a>, ApiError> {
        let permit = self.turns.acquire().await.map_err(ApiError::internal)?;
        let is_recent = |at| rt.instant().saturating_duration_since(at) < WRITER_PRESENT;
        let courteous = match log.last_append().is_some_and(is_recent) {
            true => {
                let next = self.courteous.lock().await;
                rt.sleep(next.saturating_duration_since(rt.instant())).await;
                Some(Courteous { rt, began: rt.instant(), next })
            }
            false => None,
        };
        Ok(Turn { _permit: permit, _courteous: courteous })
    }
}

impl Turn<'_> {
    fn limit(&self, limit: ReadLimit) -> ReadLimit {
        match self._courteous {
            Some(_) => ReadLimit { bytes: limit.bytes.min(COURTEOUS_BYTES_MAX), ..limit },
            None => limit,
        }
    }
}

impl Drop for Courteous<'_> {
    fn drop(&mut self) {
        let now = self.rt.instant();
        *self.next = now + now.saturating_duration_since(self.began);
    }
}

impl Kinesis {
    /// What memory has is read at once; history is read in turns, by threads of low priority.
    pub(crate) async fn read(
        &self,
        stream: &TopicId,
        shard: u32,
        from: Offset,
        limit: ReadLimit,
    ) -> Result<Read<'_>, ApiError> {
        let failed = |error: LogError| from_log(stream, error);
        if let Some(page) = self.log.read_cached(stream, shard, from, limit).await.map_err(failed)? {
            return Ok(Read { page, turn: None });
        }
        let turn = self.history.turn(&self.rt, &self.log).await?;
        let page = self.log.read_in_background(stream, shard, from, turn.limit(limit)).await;
        Ok(Read { page: page.map_err(failed)?, turn: Some(turn) })
    }
}
