//! The task of one delivery: plan, deliver, commit, again.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use lake::{Lake, Table};
use log::{Log, Offset, Topic};
use meta::{Meta, Txn};
use objects::Objects;
use parking_lot::Mutex;
use rt::{Backoff, Rt, Stop, Timestamp};
use tokio::sync::{Notify, Semaphore};

use crate::backlog::{self, Backlog, Close};
use crate::batch::{self, Outcome};
use crate::error::describe;
use crate::failpoints::at;
use crate::ledger::{Ledger, Phase};
use crate::plan::{Draft, Plan};
use crate::spec::Names;
use crate::state::State;
use crate::{
    Encode, FlowError, FlowId, FlowSettings, FlowSpec, ParquetEncode, TableVersion, output, register,
};

/// One permit of the memory budget, in bytes.
const MEMORY_UNIT: u64 = 4 << 10;

/// What all deliveries of a process share.
pub(crate) struct Parts {
    pub(crate) rt: Rt,
    pub(crate) meta: Meta,
    pub(crate) log: Log,
    pub(crate) objects: Objects,
    pub(crate) lake: Lake,
    pub(crate) settings: FlowSettings,
    pub(crate) batches: Semaphore,
    pub(crate) memory: Semaphore,
    pub(crate) memory_units: u32,
}

/// The part of a delivery that others see and wake.
pub(crate) struct Live {
    pub(crate) stop: Stop,
    /// The spec was replaced.
    pub(crate) changed: Notify,
    condition: Mutex<Condition>,
}

#[derive(Clone, Debug)]
pub(crate) struct Condition {
    pub(crate) phase: Phase,
    pub(crate) last_error: Option<String>,
    pub(crate) failed: Option<Timestamp>,
}

pub(crate) struct Delivery {
    pub(crate) parts: Arc<Parts>,
    pub(crate) id: FlowId,
    pub(crate) live: Arc<Live>,
}

impl Parts {
    pub(crate) fn new(
        rt: Rt,
        meta: Meta,
        log: Log,
        objects: Objects,
        lake: Lake,
        settings: FlowSettings,
    ) -> Parts {
        let units = (settings.memory_bytes as u64 / MEMORY_UNIT).max(1);
        let memory_units = u32::try_from(units).unwrap_or(u32::MAX);
        let batches = Semaphore::new(settings.batches_at_once.max(1));
        let memory = Semaphore::new(memory_units as usize);
        Parts { rt, meta, log, objects, lake, settings, batches, memory, memory_units }
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
        let condition = Condition { phase: Phase::Waiting, last_error: None, failed: None };
        Live { stop, changed: Notify::new(), condition: Mutex::new(condition) }
    }

    pub(crate) fn condition(&self) -> Condition {
        self.condition.lock().clone()
    }

    fn enter(&self, phase: Phase) {
        self.condition.lock().phase = phase;
    }

    fn succeeded(&self) {
        let mut condition = self.condition.lock();
        condition.phase = Phase::Waiting;
        condition.last_error = None;
    }

    fn failed(&self, error: String, now: Timestamp) {
        let mut condition = self.condition.lock();
        condition.phase = Phase::Retrying;
        condition.last_error = Some(error);
        condition.failed = Some(now);
    }
}

impl Delivery {
    /// Runs until stop is requested or the delivery is deleted.
    pub(crate) async fn run(self) {
        let Parts { rt, settings, .. } = self.parts.as_ref();
        let mut backoff = Backoff::new(settings.retry_first, settings.retry_max, rt.clone());
        while !self.live.stop.is_requested() {
            let attempt = AssertUnwindSafe(self.attempt(&mut backoff)).catch_unwind();
            let result = tokio::select! {
                biased;
                () = self.live.stop.requested() => break,
                result = attempt => result,
            };
            match result {
                Ok(Ok(())) => continue,
                // The state was changed under us and is read again.
                Ok(Err(FlowError::Conflict)) => {}
                Ok(Err(error)) => self.report(describe(&error)),
                Err(_panic) => self.report("a step panicked".to_owned()),
            }
            tokio::select! {
                () = self.live.stop.requested() => break,
                () = self.live.changed.notified() => {}
                () = rt.sleep(backoff.next()) => {}
            }
        }
        self.live.enter(Phase::Stopped);
    }

    fn report(&self, error: String) {
        let repeated = self.live.condition().last_error.as_deref() == Some(error.as_str());
        if !repeated {
            tracing::warn!(flow.id = %self.id, error = %error, "a delivery failed and will be retried");
        }
        self.live.failed(error, self.parts.rt.now());
    }

    /// Delivers batch after batch; returns when the state must be read again.
    async fn attempt(&self, backoff: &mut Backoff) -> Result<(), FlowError> {
        let Parts { rt, meta, settings, .. } = self.parts.as_ref();
        let Some(mut state) = State::load(meta, &self.id).await? else {
            self.live.stop.cancel();
            return Ok(());
        };
        let names = state.spec.sink.names()?;
        let mut backlog = Backlog::default();
        let mut spaced = rt.now();
        // A batch that was in work when the process died. Its source may be another one by now.
        if state.plan.is_some() && !self.has_source(&state).await? {
            return Ok(());
        }
        loop {
            if state.plan.is_none() {
                let next = self.next_plan(&state, &names, &mut backlog, spaced).await?;
                let Some(plan) = next else { return Ok(()) };
                self.parts.pass(at::BEFORE_PLAN).await?;
                spaced = rt.now().plus(settings.batch_spacing);
                state.plan(meta, &self.id, plan).await?;
                self.parts.pass(at::AFTER_PLAN).await?;
            }
            if !self.deliver(&mut state).await? {
                return Ok(());
            }
            backoff.reset();
            self.live.succeeded();
        }
    }

    /// Waits for a batch to close. `None`: the state must be read again.
    async fn next_plan(
        &self,
        state: &State,
        names: &Names,
        backlog: &mut Backlog,
        spaced: Timestamp,
    ) -> Result<Option<Plan>, FlowError> {
        let Parts { rt, log, .. } = self.parts.as_ref();
        let spec = &state.spec;
        loop {
            let Some(topic) = self.source(state).await? else { return Ok(None) };
            let pending = backlog.look(log, &topic, &state.offsets).await?;
            let close = pending.close(&spec.buffer, rt.now(), spaced);
            if close != Close::Now {
                if close == Close::Never {
                    self.live.succeeded();
                }
                tokio::select! {
                    () = self.live.changed.notified() => return Ok(None),
                    waited = backlog::wait(rt, log, &topic, &state.offsets, close) => waited?,
                }
                continue;
            }
            let source_bytes = pending.bytes();
            let oldest = pending.oldest.unwrap_or_else(|| rt.now());
            let spans = match names.prefix.changes_after(oldest, names.zone) {
                Some(boundary) if boundary <= rt.now() && pending.oldest.is_some() => {
                    backlog::cut(log, &topic.id, pending.spans, boundary).await?
                }
                _ => pending.spans,
            };
            let table = self.table(spec).await?;
            let batch = state.ledger.batches + 1;
            let draft = Draft { batch, spec, names, oldest, spans, source_bytes, table };
            return Ok(Some(draft.plan(rt)));
        }
    }

    /// The source, if it is still the one the offsets belong to. If it is another topic of the same name
    /// that one is adopted, and the state must be read again.
    async fn source(&self, state: &State) -> Result<Option<Topic>, FlowError> {
        let Parts { meta, log, .. } = self.parts.as_ref();
        let topic = log.topic(&state.spec.source.topic).await.map_err(FlowError::Source)?;
        if topic.incarnation == state.incarnation {
            return Ok(Some(topic));
        }
        state.adopt(meta, &self.id, &topic.incarnation).await?;
        Ok(None)
    }

    async fn has_source(&self, state: &State) -> Result<bool, FlowError> {
        Ok(self.source(state).await?.is_some())
    }

    /// The table whose columns the next batch is written with.
    async fn table(&self, spec: &FlowSpec) -> Result<Option<Table>, FlowError> {
        let Encode::Parquet(parquet) = &spec.encode else { return Ok(None) };
        let ParquetEncode { scope, database, table, version, .. } = parquet.as_ref();
        let catalog = self.parts.lake.catalog();
        Ok(Some(match version {
            TableVersion::Latest => catalog.table(scope, database, table).await?,
            TableVersion::Fixed(version) => catalog.table_version(scope, database, table, *version).await?,
        }))
    }

    /// `false`: the records were those of another source, and the state must be read again.
    async fn deliver(&self, state: &mut State) -> Result<bool, FlowError> {
        let parts = self.parts.as_ref();
        let plan = state.plan.clone().expect("a batch is delivered after it was planned");
        let _turn = parts.batches.acquire().await.expect("the semaphore is never closed");
        let units = batch::memory_bytes(&plan).div_ceil(MEMORY_UNIT);
        let units = u32::try_from(units).unwrap_or(u32::MAX).min(parts.memory_units);
        let _memory = parts.memory.acquire_many(units).await.expect("the semaphore is never closed");
        self.live.enter(Phase::Delivering);
        let outcome = batch::run(parts, &plan).await?;
        if !self.has_source(state).await? {
            return Ok(false);
        }
        parts.pass(at::BEFORE_COMMIT).await?;
        let ends = self.commit(state, &plan, outcome).await?;
        parts.pass(at::AFTER_COMMIT).await?;
        if plan.spec.source.trim {
            self.trim(&plan, &ends).await?;
        }
        parts.pass(at::AFTER_TRIM).await?;
        Ok(true)
    }

    /// Everything the batch changes, at once.
    async fn commit(
        &self,
        state: &mut State,
        plan: &Plan,
        outcome: Outcome,
    ) -> Result<BTreeMap<u32, Offset>, FlowError> {
        let parts = self.parts.as_ref();
        let ledger = self.settled_ledger(&state.ledger, plan, &outcome);
        let txn = state.settle(&self.id, &ledger, &outcome.ends);
        let txn = txn.merge(self.registration(plan, &outcome).await?);
        let Outcome { ends, objects, .. } = outcome;
        // A conflict: the partition was added, the table dropped or the delivery deleted by somebody else.
        // Then the batch is redone, which costs time and changes nothing.
        let revision = output::publish(&parts.objects, &plan.spec.sink.bucket, objects, txn).await?;
        state.settled(ledger, ends.clone(), revision);
        Ok(ends)
    }

    fn settled_ledger(&self, before: &Ledger, plan: &Plan, outcome: &Outcome) -> Ledger {
        let Outcome { delivered, rejected, missing, objects, .. } = outcome;
        Ledger {
            delivered_records: before.delivered_records + delivered.records,
            delivered_bytes: before.delivered_bytes + delivered.bytes,
            rejected_records: before.rejected_records + rejected.records,
            rejected_bytes: before.rejected_bytes + rejected.bytes,
            missing_records: before.missing_records + missing,
            objects: before.objects + objects.len() as u64,
            object_bytes: before.object_bytes + objects.iter().map(output::Sealed::size).sum::<u64>(),
            batches: plan.batch,
            committed: Some(self.parts.rt.now()),
            committed_oldest: Some(plan.oldest),
        }
    }

    /// Adds the partition the data object lies in, if the table does not have it.
    async fn registration(&self, plan: &Plan, outcome: &Outcome) -> Result<Txn, FlowError> {
        let Encode::Parquet(parquet) = &plan.spec.encode else { return Ok(Txn::new()) };
        if !plan.spec.register_partitions || !outcome.has_data {
            return Ok(Txn::new());
        }
        let ParquetEncode { scope, database, table, .. } = parquet.as_ref();
        let table = self.parts.lake.catalog().table(scope, database, table).await?;
        let Some(mut partition) = register::partition_of(&table, &plan.spec.sink.bucket, &plan.data_key)
        else {
            return Ok(Txn::new());
        };
        let key = lake::keys::partition(scope, &table.database, &table.name, &partition.values);
        if self.parts.meta.get(&key).await?.is_some() {
            return Ok(Txn::new());
        }
        partition.created = self.parts.rt.now();
        Ok(Txn::new()
            .require_present(lake::keys::table(scope, &table.database, &table.name))
            .require_absent(key.clone())
            .put_json(key, &partition))
    }

    async fn trim(&self, plan: &Plan, ends: &BTreeMap<u32, Offset>) -> Result<(), FlowError> {
        for (partition, end) in ends {
            let trimmed = self.parts.log.trim(&plan.spec.source.topic, *partition, *end).await;
            trimmed.map_err(FlowError::Source)?;
        }
        Ok(())
    }
}
