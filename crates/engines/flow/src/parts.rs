//! What deliveries share, and the part of each that others see.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use lake::Lake;
use log::Log;
use meta::Meta;
use objects::Objects;
use parking_lot::Mutex;
use rt::{Rt, Stop, Timestamp};
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use crate::functions::Functions;
use crate::ledger::Phase;
use crate::outlet::{NoOutlet, Outlet};
use crate::plan::Plan;
use crate::requests::Progress;
use crate::unwritten::Feeds;
use crate::{Encode, FlowError, FlowSettings, batch};

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
    outlet: OnceLock<Arc<dyn Outlet>>,
    pub(crate) settings: FlowSettings,
    pub(crate) feeds: Feeds,
    objects_room: Room,
    requests_room: Room,
}

/// What batches in work share. Those that wait for places outside have their own, so that a slow one of these keeps
/// nobody from writing objects.
struct Room {
    batches: Semaphore,
    memory: Semaphore,
    memory_units: u32,
}

/// The part of a delivery that others see and wake.
pub(crate) struct Live {
    pub(crate) stop: Stop,
    /// The spec was replaced.
    pub(crate) changed: Notify,
    /// Of the batch in work, if it goes to a place outside.
    pub(crate) progress: Arc<Mutex<Progress>>,
    pub(crate) partitions: Arc<Partitions>,
    condition: Mutex<Condition>,
}

/// The partitions by key of the latest batch.
#[derive(Debug, Default)]
pub(crate) struct Partitions {
    open: AtomicU32,
    exceeded: AtomicBool,
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
        let objects_room = Room::new(settings.batches_at_once, settings.memory_bytes);
        let requests_room = Room::new(settings.requests_at_once, settings.request_memory_bytes);
        Parts {
            rt,
            meta,
            log,
            objects,
            lake,
            functions,
            outlet: OnceLock::new(),
            settings,
            feeds: Feeds::default(),
            objects_room,
            requests_room,
        }
    }

    /// The way to places outside; the first one that is set stays.
    pub(crate) fn set_outlet(&self, outlet: Arc<dyn Outlet>) {
        let _first = self.outlet.set(outlet);
    }

    pub(crate) fn outlet(&self) -> &dyn Outlet {
        self.outlet.get().map_or(&NoOutlet, |outlet| outlet.as_ref())
    }

    /// Waits until there is room for one more batch like this.
    pub(crate) async fn turn(&self, plan: &Plan) -> Turn<'_> {
        let room = self.room(plan);
        let batch = room.batches.acquire().await.expect("the semaphore is never closed");
        let memory = room.memory.acquire_many(self.units(plan)).await.expect("the semaphore is never closed");
        Turn { _batch: batch, _memory: memory }
    }

    /// A turn if there is room at once and nobody waits for it. Who has a turn already must not wait for
    /// another one.
    pub(crate) fn try_turn(&self, plan: &Plan) -> Option<Turn<'_>> {
        let room = self.room(plan);
        let batch = room.batches.try_acquire().ok()?;
        let memory = room.memory.try_acquire_many(self.units(plan)).ok()?;
        Some(Turn { _batch: batch, _memory: memory })
    }

    fn room(&self, plan: &Plan) -> &Room {
        match plan.spec.encode {
            Encode::Requests(_) => &self.requests_room,
            Encode::Raw(_) | Encode::Parquet(_) | Encode::Iceberg(_) => &self.objects_room,
        }
    }

    fn units(&self, plan: &Plan) -> u32 {
        let bytes = batch::memory_bytes(plan, self.settings.partition_bytes);
        let units = bytes.div_ceil(MEMORY_UNIT);
        u32::try_from(units).unwrap_or(u32::MAX).min(self.room(plan).memory_units)
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

impl Partitions {
    /// How many the batch has by now, and whether it had no place for one.
    pub(crate) fn see(&self, open: usize, exceeded: bool) {
        self.open.store(u32::try_from(open).unwrap_or(u32::MAX), Ordering::Relaxed);
        self.exceeded.store(exceeded, Ordering::Relaxed);
    }

    pub(crate) fn open(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }

    pub(crate) fn exceeded(&self) -> bool {
        self.exceeded.load(Ordering::Relaxed)
    }
}

impl Room {
    fn new(batches: usize, memory_bytes: usize) -> Room {
        let units = (memory_bytes as u64 / MEMORY_UNIT).max(1);
        let memory_units = u32::try_from(units).unwrap_or(u32::MAX);
        let (batches, memory) = (Semaphore::new(batches.max(1)), Semaphore::new(memory_units as usize));
        Room { batches, memory, memory_units }
    }
}

impl Live {
    pub(crate) fn new(stop: Stop) -> Live {
        let condition = Condition { phase: Phase::Waiting, last_error: None, failed: None, failures: 0 };
        Live {
            stop,
            changed: Notify::new(),
            progress: Arc::default(),
            partitions: Arc::default(),
            condition: Mutex::new(condition),
        }
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
