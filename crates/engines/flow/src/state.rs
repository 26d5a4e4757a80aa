//! The state of record of a delivery, and the transactions that change it.

use std::collections::BTreeMap;
use std::sync::Arc;

use log::Offset;
use meta::{Entry, Meta, Revision, Txn};
use rt::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ledger::Ledger;
use crate::plan::{PLAN_VERSION, Plan};
use crate::{FlowError, FlowId, FlowSpec, keys};

/// The format of the other two values.
const STATE_VERSION: u32 = 2;

/// Offsets read with one scan.
const SCAN_ENTRIES: usize = 1_000;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredSpec {
    version: u32,
    pub(crate) created: Timestamp,
    pub(crate) spec: FlowSpec,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredLedger {
    version: u32,
    /// Which topic of that name the offsets belong to.
    pub(crate) incarnation: String,
    pub(crate) ledger: Ledger,
}

/// A delivery as it was read, with what it takes to change it only if it is still so.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) spec: FlowSpec,
    pub(crate) created: Timestamp,
    pub(crate) incarnation: String,
    pub(crate) ledger: Ledger,
    /// A partition that is absent is read from its oldest record: it came later.
    pub(crate) offsets: BTreeMap<u32, Offset>,
    pub(crate) plan: Option<Arc<Plan>>,
    spec_revision: Revision,
    ledger_revision: Revision,
    plan_revision: Option<Revision>,
}

impl State {
    /// The transaction that creates a delivery.
    pub(crate) fn create(
        id: &FlowId,
        spec: &FlowSpec,
        created: Timestamp,
        incarnation: &str,
        offsets: &BTreeMap<u32, Offset>,
    ) -> Txn {
        let stored = StoredSpec { version: STATE_VERSION, created, spec: spec.clone() };
        let txn = Txn::new()
            .require_absent(keys::spec(id))
            .put_json(keys::spec(id), &stored)
            .put_json(keys::ledger(id), &StoredLedger::new(incarnation, Ledger::default()))
            .put(keys::known(id), Vec::new());
        put_offsets(txn, id, offsets)
    }

    /// The transaction that replaces the spec. A batch in work ends as it was planned.
    pub(crate) fn update(&self, id: &FlowId, spec: &FlowSpec) -> Txn {
        let stored = StoredSpec { version: STATE_VERSION, created: self.created, spec: spec.clone() };
        Txn::new().require_revision(keys::spec(id), self.spec_revision).put_json(keys::spec(id), &stored)
    }

    pub(crate) fn delete(id: &FlowId) -> Txn {
        Txn::new()
            .require_present(keys::spec(id))
            .delete(keys::spec(id))
            .delete(keys::ledger(id))
            .delete_prefix(keys::offsets(id))
            .delete(keys::plan(id))
            .delete(keys::known(id))
    }

    /// `None` if there is no such delivery.
    pub(crate) async fn load(meta: &Meta, id: &FlowId) -> Result<Option<State>, FlowError> {
        let read = meta.get_many(&[keys::spec(id), keys::ledger(id), keys::plan(id)]).await?;
        let [Some(spec), Some(ledger), plan] = read.as_slice() else { return Ok(None) };
        let stored: StoredSpec = spec.json()?;
        let kept: StoredLedger = ledger.json()?;
        if stored.version > STATE_VERSION || kept.version > STATE_VERSION {
            return Err(FlowError::NewerState);
        }
        let plan_revision = plan.as_ref().map(|entry| entry.revision);
        let plan: Option<Plan> = plan.as_ref().map(Entry::json).transpose()?;
        if plan.as_ref().is_some_and(|plan| plan.version > PLAN_VERSION) {
            return Err(FlowError::NewerState);
        }
        Ok(Some(State {
            spec: stored.spec,
            created: stored.created,
            incarnation: kept.incarnation,
            ledger: kept.ledger.upgraded(),
            offsets: read_offsets(meta, id).await?,
            plan: plan.map(Arc::new),
            spec_revision: spec.revision,
            ledger_revision: ledger.revision,
            plan_revision,
        }))
    }

    /// Makes the plan the one in work. Fails with a conflict if the delivery was changed or deleted.
    pub(crate) async fn plan(&mut self, meta: &Meta, id: &FlowId, plan: Plan) -> Result<(), FlowError> {
        let txn = Txn::new()
            .require_revision(keys::spec(id), self.spec_revision)
            .require_revision(keys::ledger(id), self.ledger_revision)
            .require_absent(keys::plan(id))
            .put_json(keys::plan(id), &plan);
        self.plan_revision = Some(meta.commit(txn).await?);
        self.plan = Some(Arc::new(plan));
        Ok(())
    }

    /// Changes with every commit of the delivery.
    pub(crate) fn ledger_revision(&self) -> Revision {
        self.ledger_revision
    }

    /// The plan in work.
    pub(crate) fn planned(&self) -> Arc<Plan> {
        self.plan.clone().expect("a batch is delivered after it was planned")
    }

    /// What the commit of the batch in work requires and writes here; the caller adds its objects and
    /// partitions. Only one of several that hold the same plan can succeed. `next` becomes the plan in
    /// work, if the spec it was made from still holds.
    pub(crate) fn settle(
        &self,
        id: &FlowId,
        ledger: &Ledger,
        ends: &BTreeMap<u32, Offset>,
        next: Option<&Plan>,
    ) -> Txn {
        let plan_revision = self.plan_revision.expect("only a planned batch is settled");
        let txn = Txn::new()
            .require_revision(keys::ledger(id), self.ledger_revision)
            .require_revision(keys::plan(id), plan_revision)
            .put_json(keys::ledger(id), &StoredLedger::new(&self.incarnation, ledger.clone()));
        let txn = match next {
            None => txn.require_present(keys::spec(id)).delete(keys::plan(id)),
            Some(next) => {
                txn.require_revision(keys::spec(id), self.spec_revision).put_json(keys::plan(id), next)
            }
        };
        put_offsets(txn, id, ends)
    }

    /// After the commit of [`State::settle`].
    pub(crate) fn settled(
        &mut self,
        ledger: Ledger,
        ends: &BTreeMap<u32, Offset>,
        next: Option<Arc<Plan>>,
        revision: Revision,
    ) {
        self.ledger = ledger;
        self.offsets.extend(ends);
        self.plan_revision = next.is_some().then_some(revision);
        self.plan = next;
        self.ledger_revision = revision;
    }

    /// The source is another topic of the same name: begin it at its oldest records, and give up a batch
    /// whose records went with the old one.
    pub(crate) async fn adopt(&self, meta: &Meta, id: &FlowId, incarnation: &str) -> Result<(), FlowError> {
        let txn = Txn::new()
            .require_revision(keys::spec(id), self.spec_revision)
            .require_revision(keys::ledger(id), self.ledger_revision)
            .delete(keys::plan(id))
            .delete_prefix(keys::offsets(id))
            .put_json(keys::ledger(id), &StoredLedger::new(incarnation, self.ledger.clone()));
        meta.commit(txn).await?;
        Ok(())
    }
}

impl StoredLedger {
    pub(crate) fn new(incarnation: &str, ledger: Ledger) -> StoredLedger {
        StoredLedger { version: STATE_VERSION, incarnation: incarnation.to_owned(), ledger }
    }
}

fn put_offsets(txn: Txn, id: &FlowId, offsets: &BTreeMap<u32, Offset>) -> Txn {
    offsets.iter().fold(txn, |txn, (partition, next)| txn.put_json(keys::offset(id, *partition), next))
}

async fn read_offsets(meta: &Meta, id: &FlowId) -> Result<BTreeMap<u32, Offset>, FlowError> {
    let prefix = keys::offsets(id);
    let mut offsets = BTreeMap::new();
    let mut after = None;
    loop {
        let entries = meta.scan(&prefix, after.as_ref(), SCAN_ENTRIES).await?;
        for entry in &entries {
            if let Some(partition) = entry.key.last_u64().and_then(|number| u32::try_from(number).ok()) {
                offsets.insert(partition, entry.json()?);
            }
        }
        match entries.into_iter().last() {
            Some(last) => after = Some(last.key),
            None => return Ok(offsets),
        }
    }
}
