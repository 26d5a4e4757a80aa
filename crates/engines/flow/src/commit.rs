//! The end of a batch: everything it changes, in one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use lake::Partition;
use log::Offset;
use meta::{Key, Txn};

use crate::batch::Outcome;
use crate::failpoints::at;
use crate::ledger::Ledger;
use crate::parts::Parts;
use crate::plan::Plan;
use crate::records::Tally;
use crate::state::State;
use crate::{Encode, FlowError, FlowId, ParquetEncode, output, register, tables};

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
    if !ledger.balances() {
        tracing::error!(flow.id = %id, ledger = ?ledger, "a ledger does not balance: this is a defect");
    }
    let txn = state.settle(id, &ledger, &outcome.ends, next.as_deref());
    let txn = txn.merge(registration(parts, &plan, &outcome).await?);
    let Outcome { ends, objects, tables, .. } = outcome;
    parts.pass(at::BEFORE_COMMIT).await?;
    // A conflict: the partition was added, the table dropped or the delivery changed by somebody else.
    // Then the batch is redone, which costs time and changes nothing.
    let revision = if tables.is_empty() {
        output::publish(&parts.objects, &plan.spec.sink.bucket, objects, txn).await?
    } else {
        tables::publish::publish(parts, id, &plan, tables, objects, txn).await?
    };
    state.settled(ledger, &ends, next, revision);
    parts.pass(at::AFTER_COMMIT).await?;
    if plan.spec.source.trim {
        trim(parts, &plan, &ends).await?;
    }
    parts.pass(at::AFTER_TRIM).await
}

fn settled_ledger(parts: &Parts, before: &Ledger, plan: &Plan, outcome: &Outcome) -> Ledger {
    let Outcome { tally, missing, objects, tables, .. } = outcome;
    let files = || tables.iter().flat_map(|table| &table.staged);
    let Tally { taken, made, delivered, rejected, dropped } = tally;
    Ledger {
        taken_records: before.taken_records + taken.records,
        taken_bytes: before.taken_bytes + taken.bytes,
        made_records: before.made_records + made.records,
        made_bytes: before.made_bytes + made.bytes,
        delivered_records: before.delivered_records + delivered.records,
        delivered_bytes: before.delivered_bytes + delivered.bytes,
        rejected_records: before.rejected_records + rejected.records,
        rejected_bytes: before.rejected_bytes + rejected.bytes,
        dropped_records: before.dropped_records + dropped.records,
        dropped_bytes: before.dropped_bytes + dropped.bytes,
        missing_records: before.missing_records + missing,
        objects: before.objects + objects.len() as u64 + files().count() as u64,
        object_bytes: before.object_bytes
            + objects.iter().map(output::Sealed::size).sum::<u64>()
            + files().map(objects::Staged::size).sum::<u64>(),
        batches: plan.batch,
        committed: Some(parts.rt.now()),
        committed_oldest: Some(plan.oldest),
    }
}

/// Adds the partitions the data objects lie in, as far as the table does not have them.
async fn registration(parts: &Parts, plan: &Plan, outcome: &Outcome) -> Result<Txn, FlowError> {
    let Encode::Parquet(parquet) = &plan.spec.encode else { return Ok(Txn::new()) };
    if !plan.spec.register_partitions || outcome.data_keys.is_empty() {
        return Ok(Txn::new());
    }
    let ParquetEncode { scope, database, table, .. } = parquet.as_ref();
    let table = parts.lake.catalog().table(scope, database, table).await?;
    let bucket = &plan.spec.sink.bucket;
    let partitions = outcome.data_keys.iter().filter_map(|key| register::partition_of(&table, bucket, key));
    // Several objects may lie in the same one.
    let partitions: BTreeMap<Vec<String>, Partition> =
        partitions.map(|partition| (partition.values.clone(), partition)).collect();
    let key = |values: &Vec<String>| lake::keys::partition(scope, &table.database, &table.name, values);
    let keys: Vec<Key> = partitions.keys().map(key).collect();
    let known = parts.meta.get_many(&keys).await?;
    let mut txn = Txn::new();
    for ((key, known), mut partition) in keys.into_iter().zip(known).zip(partitions.into_values()) {
        if known.is_none() {
            partition.created = parts.rt.now();
            txn = txn
                .require_present(lake::keys::table(scope, &table.database, &table.name))
                .require_absent(key.clone())
                .put_json(key, &partition);
        }
    }
    Ok(txn)
}

async fn trim(parts: &Parts, plan: &Plan, ends: &BTreeMap<u32, Offset>) -> Result<(), FlowError> {
    for (partition, end) in ends {
        let trimmed = parts.log.trim(&plan.spec.source.topic, *partition, *end).await;
        trimmed.map_err(FlowError::Source)?;
    }
    Ok(())
}
