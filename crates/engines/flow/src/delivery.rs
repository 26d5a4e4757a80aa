//! The task of one delivery: plan, deliver, commit, again.
//!
//! While the end of one batch is written, flushed and committed, the next one is already read, converted
//! and encoded, if the backlog has a full one. Its plan is stored by the commit before it, and only then
//! may its first byte be written: see [`Gate`].

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use lake::Table;
use log::{Offset, Topic};
use rt::{Backoff, Timestamp};

use crate::backlog::{self, Backlog, Close, Pending};
use crate::batch::{Batch, Gate};
use crate::commit::commit;
use crate::error::describe;
use crate::failpoints::at;
use crate::ledger::Phase;
use crate::parts::{Live, Parts, Turn};
use crate::plan::{Draft, Plan};
use crate::spec::Names;
use crate::state::State;
use crate::{Buffer, Encode, FlowError, FlowId, FlowSpec, ParquetEncode, TableVersion};

pub(crate) struct Delivery {
    pub(crate) parts: Arc<Parts>,
    pub(crate) id: FlowId,
    pub(crate) live: Arc<Live>,
}

/// A batch whose records are all encoded, and the room it takes.
struct Produced<'a> {
    batch: Batch<'a>,
    _turn: Turn<'a>,
}

/// What one attempt works with.
struct Attempt {
    state: State,
    names: Names,
    backlog: Backlog,
    /// The earliest time at which age may close the next batch.
    spaced: Timestamp,
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
        let Some(state) = State::load(&self.parts.meta, &self.id).await? else {
            self.live.stop.cancel();
            return Ok(());
        };
        self.parts.feeds.started(&self.id, &state.spec);
        let names = state.spec.names()?;
        let spaced = self.parts.rt.now();
        let mut attempt = Attempt { state, names, backlog: Backlog::default(), spaced };
        // A batch that was in work when the process died. Its source may be another one by now.
        if attempt.state.plan.is_some() && self.source(&attempt.state).await?.is_none() {
            return Ok(());
        }
        let mut ahead = None;
        loop {
            let produced = match ahead.take() {
                Some(produced) => produced,
                None => match self.produce(&mut attempt).await? {
                    Some(produced) => produced,
                    None => return Ok(()),
                },
            };
            ahead = self.finish(&mut attempt, produced).await?;
            backoff.reset();
            self.live.succeeded();
        }
    }

    /// Waits for a batch to close, plans it, and encodes its records. `None`: the state must be read
    /// again.
    async fn produce(&self, attempt: &mut Attempt) -> Result<Option<Produced<'_>>, FlowError> {
        let parts = self.parts.as_ref();
        if attempt.state.plan.is_none() {
            let Some(plan) = self.wait_for_plan(attempt).await? else { return Ok(None) };
            parts.pass(at::BEFORE_PLAN).await?;
            attempt.spaced = parts.rt.now().plus(parts.settings.batch_spacing);
            attempt.state.plan(&parts.meta, &self.id, plan).await?;
            parts.pass(at::AFTER_PLAN).await?;
        }
        let plan = attempt.state.planned();
        let turn = parts.turn(&plan).await;
        self.live.enter(Phase::Delivering);
        let now = &attempt.state.spec.encode;
        let mut batch = Batch::new(parts, plan, Gate::open(), &self.live, now)?;
        batch.produce().await?;
        Ok(Some(Produced { batch, _turn: turn }))
    }

    /// Writes and commits the batch. Returns the next one, encoded, if there was a full one.
    async fn finish<'a>(
        &'a self,
        attempt: &mut Attempt,
        produced: Produced<'a>,
    ) -> Result<Option<Produced<'a>>, FlowError> {
        let parts = self.parts.as_ref();
        let Some((plan, turn)) = self.next_full(attempt, produced.batch.ends()).await? else {
            self.write(&mut attempt.state, produced, None).await?;
            return Ok(None);
        };
        let (opener, gate) = Gate::closed();
        let mut batch = Batch::new(parts, plan.clone(), gate, &self.live, &plan.spec.encode)?;
        let state = &mut attempt.state;
        // Takes the opener with it: if it fails, the batch behind the gate must not wait for ever.
        let writing = async move {
            self.write(state, produced, Some(plan)).await?;
            opener.open();
            Ok::<_, FlowError>(())
        };
        let (written, encoded) = futures::join!(writing, batch.produce());
        written?;
        encoded?;
        attempt.spaced = parts.rt.now().plus(parts.settings.batch_spacing);
        Ok(Some(Produced { batch, _turn: turn }))
    }

    async fn write(
        &self,
        state: &mut State,
        produced: Produced<'_>,
        next: Option<Arc<Plan>>,
    ) -> Result<(), FlowError> {
        let outcome = produced.batch.finish().await?;
        // Its records may be those of another topic that took the source's name meanwhile.
        if self.source(state).await?.is_none() {
            return Err(FlowError::Conflict);
        }
        commit(&self.parts, &self.id, state, outcome, next).await
    }

    /// The plan of the batch after the one in work, which ends at `ends`, and room for it, if the backlog
    /// fills a batch already.
    async fn next_full(
        &self,
        attempt: &mut Attempt,
        ends: BTreeMap<u32, Offset>,
    ) -> Result<Option<(Arc<Plan>, Turn<'_>)>, FlowError> {
        // Requests are not sent before those of the batch before are settled.
        if matches!(attempt.state.spec.encode, Encode::Requests(_)) {
            return Ok(None);
        }
        let Some(topic) = self.source(&attempt.state).await? else { return Err(FlowError::Conflict) };
        let mut offsets = attempt.state.offsets.clone();
        offsets.extend(ends);
        let pending = attempt.backlog.look(&self.parts.log, &topic, &offsets).await?;
        if !pending.fills(&self.buffer(&attempt.state.spec)) {
            return Ok(None);
        }
        let number = attempt.state.ledger.batches + 2;
        // What keeps the next batch from being planned must not keep this one from being finished.
        let Ok(plan) = self.plan(attempt, &topic, number, pending).await else { return Ok(None) };
        Ok(self.parts.try_turn(&plan).map(|turn| (Arc::new(plan), turn)))
    }

    /// When a batch is full. Each partition by key has a buffer of its own, so a batch has as many as the one before
    /// it had partitions, up to what is sensible to do again after a crash.
    fn buffer(&self, spec: &FlowSpec) -> Buffer {
        let Buffer { bytes, interval } = spec.buffer;
        if spec.partitioning.is_none() {
            return spec.buffer;
        }
        let settings = &self.parts.settings;
        let most =
            settings.partitioned_batch_bytes.min(if spec.live { settings.live_bytes } else { usize::MAX });
        let buffers = bytes.saturating_mul(u64::from(self.live.partitions.open().max(1)));
        Buffer { bytes: buffers.min(most as u64).max(bytes), interval }
    }

    /// `None`: the state must be read again.
    async fn wait_for_plan(&self, attempt: &mut Attempt) -> Result<Option<Plan>, FlowError> {
        let Parts { rt, log, .. } = self.parts.as_ref();
        loop {
            let Some(topic) = self.source(&attempt.state).await? else { return Ok(None) };
            let offsets: &BTreeMap<u32, Offset> = &attempt.state.offsets;
            let pending = attempt.backlog.look(log, &topic, offsets).await?;
            let buffer = self.buffer(&attempt.state.spec);
            let close = pending.close(&buffer, rt.now(), attempt.spaced);
            if close == Close::Now {
                let number = attempt.state.ledger.batches + 1;
                return self.plan(attempt, &topic, number, pending).await.map(Some);
            }
            if close == Close::Never {
                self.live.succeeded();
            }
            tokio::select! {
                () = self.live.changed.notified() => return Ok(None),
                waited = backlog::wait(rt, log, &topic, offsets, close) => waited?,
            }
        }
    }

    async fn plan(
        &self,
        attempt: &Attempt,
        topic: &Topic,
        batch: u64,
        pending: Pending,
    ) -> Result<Plan, FlowError> {
        let Parts { rt, log, .. } = self.parts.as_ref();
        let Attempt { state: State { spec, .. }, names, .. } = attempt;
        let source_bytes = pending.bytes();
        let oldest = pending.oldest.unwrap_or_else(|| rt.now());
        let spans = match names.change_after(oldest) {
            Some(boundary) if boundary <= rt.now() && pending.oldest.is_some() => {
                backlog::cut(log, &topic.id, pending.spans, boundary).await?
            }
            _ => pending.spans,
        };
        let table = self.table(spec).await?;
        let bytes = self.buffer(spec).bytes;
        Ok(Draft { batch, spec, names, oldest, spans, source_bytes, bytes, table }.plan(rt))
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

    /// The table whose columns a batch is written with.
    async fn table(&self, spec: &FlowSpec) -> Result<Option<Table>, FlowError> {
        let Encode::Parquet(parquet) = &spec.encode else { return Ok(None) };
        let ParquetEncode { scope, database, table, version, .. } = parquet.as_ref();
        let catalog = self.parts.lake.catalog();
        Ok(Some(match version {
            TableVersion::Latest => catalog.table(scope, database, table).await?,
            TableVersion::Fixed(version) => catalog.table_version(scope, database, table, *version).await?,
        }))
    }
}
