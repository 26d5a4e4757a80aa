//! What deliveries share, and the part of each that others see.

use std::sync::Arc;

use lake::Lake;
use log::Log;
use meta::Meta;
use objects::Objects;
use parking_lot::Mutex;
use rt::{Rt, Stop, Timestamp};
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use crate::functions::Functions;
use crate::ledger::Phase;
use crate::plan::Plan;
use crate::unwritten::Feeds;
use crate::{FlowError, FlowSettings, batch};

/// One permit of the memory budget, in bytes.
const MEMORY_UNIT: u64 = 4 << 10;

/// What all deliveries of a process share.
pub(crate) struct Parts {
    pub(crate) rt: Rt,
    pub(crate) meta: Meta,
    pub(crate) log: Log,
    pub(crate) objects: Objects,
    pub(crate) lake: Lake,
    pub(crate) functions: Arc<dyn Functions>,
    pub(crate) settings: FlowSettings,
    pub(crate) feeds: Feeds,
    batches: Semaphore,
    memory: Semaphore,
    memory_units: u32,
}

/// The part of a delivery that others see and wake.
pub(crate) struct Live {
    pub(crate) stop: Stop,
    /// The spec was replaced.
    pub(crate) changed: Notify,
    condition: Mutex<Condition>,
}

/// The right to work on a batch, until it is dropped.
pub(crate) struct Turn<'a> {
    _batch: SemaphorePermit<'a>,
    _memory: SemaphorePermit<'a>,
}

#[derive(Clone, Debug)]
pub(crate) struct Condition {
    pub(crate) phase: Phase,
    pub(crate) last_error: Option<String>,
    pub(crate) failed: Option<Timestamp>,
    pub(crate) failures: u64,
}

impl Parts {
    pub(crate) fn new(
        rt: Rt,
        meta: Meta,
        log: Log,
        objects: Objects,
        lake: Lake,
        functions: Arc<dyn Functions>,
        settings: FlowSettings,
    ) -> Parts {
        let units = (settings.memory_bytes as u64 / MEMORY_UNIT).max(1);
        let memory_units = u32::try_from(units).unwrap_or(u32::MAX);
        let batches = Semaphore::new(settings.batches_at_once.max(1));
        let memory = Semaphore::new(memory_units as usize);
        Parts {
            rt,
            meta,
            log,
            objects,
            lake,
            functions,
            settings,
            feeds: Feeds::default(),
            batches,
            memory,
            memory_units,
        }
    }

    /// Waits until there is room for one more batch like this.
    pub(crate) async fn turn(&self, plan: &Plan) -> Turn<'_> {
        let batch = self.batches.acquire().await.expect("the semaphore is never closed");
        let memory = self.memory.acquire_many(self.units(plan)).await.expect("the semaphore is never closed");
        Turn { _batch: batch, _memory: memory }
    }

    /// A turn if there is room at once and nobody waits for it. Who has a turn already must not wait for
    /// another one.
    pub(crate) fn try_turn(&self, plan: &Plan) -> Option<Turn<'_>> {
        let batch = self.batches.try_acquire().ok()?;
        let memory = self.memory.try_acquire_many(self.units(plan)).ok()?;
        Some(Turn { _batch: batch, _memory: memory })
    }

    fn units(&self, plan: &Plan) -> u32 {
        let bytes = batch::memory_bytes(plan, self.settings.partition_bytes);
        let units = bytes.div_ceil(MEMORY_UNIT);
        u32::try_from(units).unwrap_or(u32::MAX).min(self.memory_units)
    }

    #[cfg(any(test, feature = "failpoints"))]
    pub(crate) async fn pass(&self, name: &'static str) -> Result<(), FlowError> {
        self.settings.failpoints.pass(name).await
    }

    #[cfg(not(any(test, feature = "failpoints")))]
    #[expect(clippy::unused_async, reason = "the same shape as with failpoints")]
    pub(crate) async fn pass(&self, _name: &'static str) -> Result<(), FlowError> {
        Ok(())
    }
}

impl Live {
    pub(crate) fn new(stop: Stop) -> Live {
        let condition = Condition { phase: Phase::Waiting, last_error: None, failed: None, failures: 0 };
        Live { stop, changed: Notify::new(), condition: Mutex::new(condition) }
    }

    pub(crate) fn condition(&self) -> Condition {
        self.condition.lock().clone()
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.condition.lock().phase = phase;
    }

    pub(crate) fn succeeded(&self) {
        let mut condition = self.condition.lock();
        condition.phase = Phase::Waiting;
        condition.last_error = None;
    }

    pub(crate) fn failed(&self, error: String, now: Timestamp) {
        let mut condition = self.condition.lock();
        condition.phase = Phase::Retrying;
        condition.last_error = Some(error);
        condition.failed = Some(now);
        condition.failures += 1;
    }
}
