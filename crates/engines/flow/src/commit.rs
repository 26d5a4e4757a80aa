//! The end of a batch: everything it changes, in one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use log::Offset;
use meta::Txn;

use crate::batch::Outcome;
use crate::failpoints::at;
use crate::ledger::Ledger;
use crate::parts::Parts;
use crate::plan::Plan;
use crate::state::State;
use crate::{Encode, FlowError, FlowId, ParquetEncode, output, register};

/// Makes the batch in work happen: objects, offsets, ledger, partition, and the plan of the batch after
/// it, if there is one already.
pub(crate) async fn commit(
    parts: &Parts,
    id: &FlowId,
    state: &mut State,
    outcome: Outcome,
    next: Option<Arc<Plan>>,
) -> Result<(), FlowError> {
    let plan = state.planned();
    let ledger = settled_ledger(parts, &state.ledger, &plan, &outcome);
    let txn = state.settle(id, &ledger, &outcome.ends, next.as_deref());
    let txn = txn.merge(registration(parts, &plan, &outcome).await?);
    let Outcome { ends, objects, .. } = outcome;
    parts.pass(at::BEFORE_COMMIT).await?;
    // A conflict: the partition was added, the table dropped or the delivery changed by somebody else.
    // Then the batch is redone, which costs time and changes nothing.
    let revision = output::publish(&parts.objects, &plan.spec.sink.bucket, objects, txn).await?;
    state.settled(ledger, &ends, next, revision);
    parts.pass(at::AFTER_COMMIT).await?;
    if plan.spec.source.trim {
        trim(parts, &plan, &ends).await?;
    }
    parts.pass(at::AFTER_TRIM).await
}

fn settled_ledger(parts: &Parts, before: &Ledger, plan: &Plan, outcome: &Outcome) -> Ledger {
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
        committed: Some(parts.rt.now()),
        committed_oldest: Some(plan.oldest),
    }
}

/// Adds the partition the data object lies in, if the table does not have it.
async fn registration(parts: &Parts, plan: &Plan, outcome: &Outcome) -> Result<Txn, FlowError> {
    let Encode::Parquet(parquet) = &plan.spec.encode else { return Ok(Txn::new()) };
    if !plan.spec.register_partitions || !outcome.has_data {
        return Ok(Txn::new());
    }
    let ParquetEncode { scope, database, table, .. } = parquet.as_ref();
    let table = parts.lake.catalog().table(scope, database, table).await?;
    let Some(mut partition) = register::partition_of(&table, &plan.spec.sink.bucket, &plan.data_key) else {
        return Ok(Txn::new());
    };
    let key = lake::keys::partition(scope, &table.database, &table.name, &partition.values);
    if parts.meta.get(&key).await?.is_some() {
        return Ok(Txn::new());
    }
    partition.created = parts.rt.now();
    Ok(Txn::new()
        .require_present(lake::keys::table(scope, &table.database, &table.name))
        .require_absent(key.clone())
        .put_json(key, &partition))
}

async fn trim(parts: &Parts, plan: &Plan, ends: &BTreeMap<u32, Offset>) -> Result<(), FlowError> {
    for (partition, end) in ends {
        let trimmed = parts.log.trim(&plan.spec.source.topic, *partition, *end).await;
        trimmed.map_err(FlowError::Source)?;
    }
    Ok(())
}
