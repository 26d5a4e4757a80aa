//! The commit of a batch whose rows are in Iceberg tables: all tables and everything else of the batch in one
//! transaction.

use lake::iceberg::{Change, Committed, IndexChange};
use meta::{Key, Revision, Txn};
use objects::{PublishError, Staged};

use super::lanes::TableBatch;
use crate::output::{Sealed, sink_error};
use crate::parts::Parts;
use crate::plan::Plan;
use crate::{Encode, FlowError, FlowId};

/// How often a batch is moved onto the snapshots of other writers who were faster.
const ATTEMPTS_MAX: usize = 16;

/// One round: what all tables need to be committed as they are now.
#[derive(Default)]
struct Round {
    staged: Vec<Staged>,
    txn: Txn,
    keys: Vec<Key>,
    done: Vec<(Committed, Option<IndexChange>)>,
}

/// Makes objects and rows visible and applies `txn`, all or nothing. Other writers of the same tables may be
/// faster: then the batch moves onto their snapshots without writing its rows again.
pub(crate) async fn publish(
    parts: &Parts,
    id: &FlowId,
    plan: &Plan,
    mut tables: Vec<TableBatch>,
    sealed: Vec<Sealed>,
    txn: Txn,
) -> Result<Revision, FlowError> {
    let mut staged: Vec<Staged> = sealed.into_iter().map(Sealed::into_staged).collect();
    for table in &mut tables {
        staged.append(&mut table.staged);
    }
    let count = staged.len();
    for _ in 0..ATTEMPTS_MAX {
        let mut round = Round::default();
        for table in &tables {
            round.add(parts, id, plan, table).await?;
        }
        staged.extend(round.staged);
        let (error, returned) =
            match parts.objects.publish_or_return(staged, round.txn.merge(txn.clone())).await {
                Ok((_, revision)) => {
                    for (committed, index) in round.done {
                        let table = parts.lake.iceberg().committed(committed, revision)?;
                        if let Some(index) = index {
                            parts.lake.iceberg().upserted(&table, index);
                        }
                    }
                    return Ok(revision);
                }
                Err(lost) => lost,
            };
        match error {
            PublishError::Conflict { key } if round.keys.contains(&key) => {}
            PublishError::Conflict { .. } => return Err(FlowError::Conflict),
            PublishError::Object(source) => return Err(sink_error(&plan.spec.sink.bucket, source)),
        }
        staged = returned;
        staged.truncate(count);
    }
    Err(FlowError::Conflict)
}

impl Round {
    async fn add(
        &mut self,
        parts: &Parts,
        id: &FlowId,
        plan: &Plan,
        batch: &TableBatch,
    ) -> Result<(), FlowError> {
        let Encode::Iceberg(encode) = &plan.spec.encode else { return Ok(()) };
        let TableBatch { target, evolved, files, upserts, .. } = batch;
        let iceberg = parts.lake.iceberg();
        let table = iceberg.load(&encode.scope, &target.route.database, &target.route.table).await?;
        let (now, base) = (table.metadata(), target.base.metadata());
        // Another table of the same name, or one whose new columns are not those we wrote by: the batch is
        // redone with what is there.
        let other = now.uuid() != base.uuid();
        if other || (evolved.is_some() && now.current_schema_id() != base.current_schema_id()) {
            return Err(FlowError::Conflict);
        }
        let (mut change, index) = match upserts {
            None => (Change::append(files.iter().cloned()), None),
            Some(upserts) => {
                let (change, deletes, index) = iceberg.plan_upserts(&table, upserts).await?;
                self.staged.extend(deletes);
                (change, Some(index))
            }
        };
        if change.added.is_empty() && change.removed.is_empty() {
            return Ok(());
        }
        change.schema.clone_from(evolved);
        change.summary.insert("mulgil.delivery".to_owned(), id.name.clone());
        change.summary.insert("mulgil.batch".to_owned(), plan.batch.to_string());
        let prepared = iceberg.prepare(&encode.scope, &table, &change).await?;
        self.staged.extend(prepared.staged);
        self.txn = std::mem::take(&mut self.txn).merge(prepared.txn);
        self.keys.push(prepared.key);
        self.done.push((prepared.committed, index));
        Ok(())
    }
}
