use std::collections::BTreeMap;
use std::sync::Arc;

use lake::Lake;
use log::{Log, Offset, Position, Topic};
use meta::{CommitError, Meta, Txn};
use objects::Objects;
use parking_lot::Mutex;
use rt::{Rt, Task};

use crate::backlog::{self, Unsettled};
use crate::delivery::Delivery;
use crate::functions::{Functions, NoFunctions};
use crate::ledger::{FlowStatus, Phase};
use crate::outlet::Outlet;
use crate::parts::{Live, Parts};
use crate::state::State;
use crate::unwritten::Unwritten;
use crate::{FlowError, FlowId, FlowSettings, FlowSpec, Start, keys};

/// Deliveries read with one scan when a process starts.
const SCAN_ENTRIES: usize = 1_000;

/// How often a status is read again because a batch was committed meanwhile.
const STATUS_ATTEMPTS_MAX: usize = 16;

/// All deliveries of a process. Clones share them.
#[derive(Clone)]
pub struct Flow {
    parts: Arc<Parts>,
    running: Arc<Mutex<BTreeMap<FlowId, Running>>>,
    /// The lake knows it as long as it is here.
    _unwritten: Arc<dyn lake::live::Live>,
}

struct Running {
    live: Arc<Live>,
    task: Task<()>,
}

impl Flow {
    /// Starts nothing; see [`Flow::resume_all`].
    pub fn new(rt: Rt, meta: Meta, log: Log, objects: Objects, lake: Lake, settings: FlowSettings) -> Flow {
        Flow::with_functions(rt, meta, log, objects, lake, Arc::new(NoFunctions), settings)
    }

    /// Like [`Flow::new`], for a process that has functions for [`Operator::Transform`](crate::Operator).
    pub fn with_functions(
        rt: Rt,
        meta: Meta,
        log: Log,
        objects: Objects,
        lake: Lake,
        functions: Arc<dyn Functions>,
        settings: FlowSettings,
    ) -> Flow {
        let parts = Arc::new(Parts::new(rt, meta, log, objects, lake, functions, settings));
        let unwritten: Arc<dyn lake::live::Live> = Arc::new(Unwritten::new(Arc::clone(&parts)));
        parts.lake.attach(Arc::downgrade(&unwritten));
        Flow { parts, running: Arc::default(), _unwritten: unwritten }
    }

    /// The same for a process that delivers to places outside, see [`Encode::Requests`](crate::Encode). To be called
    /// before any delivery is started.
    #[must_use]
    pub fn with_outlet(self, outlet: Arc<dyn Outlet>) -> Flow {
        self.parts.set_outlet(outlet);
        self
    }

    /// Starts the deliveries of earlier processes; to be called once, when the process starts. Returns
    /// how many there are.
    pub async fn resume_all(&self) -> Result<usize, FlowError> {
        let prefix = keys::all_known();
        let mut started = 0;
        let mut after = None;
        loop {
            let entries = self.parts.meta.scan(&prefix, after.as_ref(), SCAN_ENTRIES).await?;
            for id in entries.iter().filter_map(|entry| keys::parse_known(&entry.key)) {
                self.start(&id);
                started += 1;
            }
            match entries.into_iter().last() {
                Some(last) => after = Some(last.key),
                None => return Ok(started),
            }
        }
    }

    /// Creates a delivery and starts it. The positions it starts from are fixed durably before this
    /// returns.
    pub async fn create(&self, id: &FlowId, spec: &FlowSpec) -> Result<(), FlowError> {
        self.create_with(id, spec, Txn::new()).await
    }

    /// Like [`Flow::create`], in one transaction with what the caller keeps of the delivery. A conflict
    /// on one of the caller's keys is [`FlowError::Conflict`].
    pub async fn create_with(&self, id: &FlowId, spec: &FlowSpec, also: Txn) -> Result<(), FlowError> {
        spec.check()?;
        let topic = self.parts.log.topic(&spec.source.topic).await.map_err(FlowError::Source)?;
        let offsets = self.offsets(&topic, spec.source.start).await?;
        let txn = State::create(id, spec, self.parts.rt.now(), &topic.incarnation, &offsets);
        self.parts.meta.commit(txn.merge(also)).await.map_err(|error| match error {
            CommitError::Conflict { key } if key == keys::spec(id) => FlowError::FlowExists(id.clone()),
            error => error.into(),
        })?;
        self.start(id);
        Ok(())
    }

    /// Replaces the spec. The batch in work ends as it was planned; offsets stay, so the source's `start`
    /// has no effect.
    pub async fn update(&self, id: &FlowId, spec: &FlowSpec) -> Result<(), FlowError> {
        self.update_with(id, spec, Txn::new()).await
    }

    /// Like [`Flow::update`], in one transaction with what the caller keeps of the delivery.
    pub async fn update_with(&self, id: &FlowId, spec: &FlowSpec, also: Txn) -> Result<(), FlowError> {
        spec.check()?;
        let state = self.state(id).await?;
        self.parts.meta.commit(state.update(id, spec).merge(also)).await?;
        if let Some(running) = self.running.lock().get(id) {
            running.live.changed.notify_one();
        }
        Ok(())
    }

    /// Stops the delivery and forgets it. What it delivered stays; what is pending stays in the source.
    pub async fn delete(&self, id: &FlowId) -> Result<(), FlowError> {
        self.delete_with(id, Txn::new()).await
    }

    /// Like [`Flow::delete`], in one transaction with what the caller keeps of the delivery.
    pub async fn delete_with(&self, id: &FlowId, also: Txn) -> Result<(), FlowError> {
        self.stop(id).await;
        let deleted = self.parts.meta.commit(State::delete(id).merge(also)).await;
        match deleted {
            Ok(_) => Ok(()),
            Err(CommitError::Conflict { key }) if key == keys::spec(id) => {
                Err(FlowError::NoSuchFlow(id.clone()))
            }
            Err(error) => {
                self.start(id);
                Err(error.into())
            }
        }
    }

    /// Forgets every delivery without deleting its state, for a process that empties its stores.
    pub async fn stop_all(&self) {
        let ids: Vec<FlowId> = self.running.lock().keys().cloned().collect();
        for id in ids {
            self.stop(&id).await;
        }
    }

    pub async fn spec(&self, id: &FlowId) -> Result<FlowSpec, FlowError> {
        Ok(self.state(id).await?.spec)
    }

    /// Every delivery that was started in this process.
    pub fn ids(&self) -> Vec<FlowId> {
        self.running.lock().keys().cloned().collect()
    }

    /// The delivery at one moment: its counters agree with each other.
    pub async fn status(&self, id: &FlowId) -> Result<FlowStatus, FlowError> {
        let mut state = self.state(id).await?;
        let mut pending = self.pending(&state).await;
        for _ in 0..STATUS_ATTEMPTS_MAX {
            let again = self.state(id).await?;
            let unchanged = again.ledger == state.ledger;
            state = again;
            if unchanged {
                break;
            }
            pending = self.pending(&state).await;
        }
        let live = self.running.lock().get(id).map(|running| Arc::clone(&running.live));
        let condition = live.as_ref().map(|live| live.condition());
        let partitions =
            live.filter(|_| state.spec.partitioning.is_some()).map(|live| Arc::clone(&live.partitions));
        let ledger = state.ledger;
        let freshness = ledger
            .committed
            .zip(ledger.committed_oldest)
            .map(|(committed, oldest)| committed.saturating_since(oldest));
        Ok(FlowStatus {
            received_records: ledger.taken_records + ledger.missing_records + pending.records,
            pending_records: pending.records,
            pending_bytes: pending.bytes,
            oldest_pending: pending.oldest,
            ledger,
            freshness,
            phase: condition.as_ref().map_or(Phase::Stopped, |condition| condition.phase),
            last_error: condition.as_ref().and_then(|condition| condition.last_error.clone()),
            failures: condition.as_ref().map_or(0, |condition| condition.failures),
            partitions: partitions.as_ref().map_or(0, |partitions| partitions.open()),
            partitions_exceeded: partitions.is_some_and(|partitions| partitions.exceeded()),
            failed: condition.and_then(|condition| condition.failed),
        })
    }

    /// Stands every task still at once, as a crash would. What is in the stores stays as it is.
    #[cfg(any(test, feature = "failpoints"))]
    pub async fn crash(&self) {
        let running = std::mem::take(&mut *self.running.lock());
        for (_, Running { task, .. }) in running {
            task.abort();
            let _aborted = task.await;
        }
    }

    fn start(&self, id: &FlowId) {
        let mut running = self.running.lock();
        if running.get(id).is_some_and(|running| !running.task.is_finished()) {
            return;
        }
        let live = Arc::new(Live::new(self.parts.rt.stop().child()));
        let delivery = Delivery { parts: self.parts.clone(), id: id.clone(), live: live.clone() };
        let task = self.parts.rt.spawn("flow-delivery", delivery.run());
        running.insert(id.clone(), Running { live, task });
    }

    async fn stop(&self, id: &FlowId) {
        self.parts.feeds.stopped(id);
        let stopped = self.running.lock().remove(id);
        if let Some(Running { live, task }) = stopped {
            live.stop.cancel();
            // A task that panicked has stopped too.
            let _ended = task.await;
        }
    }

    async fn state(&self, id: &FlowId) -> Result<State, FlowError> {
        State::load(&self.parts.meta, id).await?.ok_or_else(|| FlowError::NoSuchFlow(id.clone()))
    }

    async fn offsets(&self, topic: &Topic, start: Start) -> Result<BTreeMap<u32, Offset>, FlowError> {
        let mut offsets = BTreeMap::new();
        for partition in &topic.partitions {
            let offset = match start {
                Start::Oldest => partition.oldest,
                Start::Latest => partition.tail,
                Start::At(time) => {
                    let position = Position::At(time);
                    let located = self.parts.log.locate(&topic.id, partition.index, position).await;
                    located.map_err(FlowError::Source)?
                }
            };
            offsets.insert(partition.index, offset);
        }
        Ok(offsets)
    }

    /// What lies between the offsets and the end of the source; nothing if the source is gone.
    async fn pending(&self, state: &State) -> Unsettled {
        let nothing = Unsettled::default();
        let Ok(topic) = self.parts.log.topic(&state.spec.source.topic).await else { return nothing };
        if topic.incarnation != state.incarnation {
            return nothing;
        }
        backlog::unsettled(&self.parts.log, &topic, &state.offsets).await
    }
}

impl std::fmt::Debug for Flow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flow").finish_non_exhaustive()
    }
}
