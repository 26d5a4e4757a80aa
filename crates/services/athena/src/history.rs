//! The query history: finding executions, and forgetting them when they are old.

use aws::ApiError;
use meta::{MetaError, Revision, Txn};
use names::Scope;

use crate::Athena;
use crate::error::{Rejection, from_meta, invalid};
use crate::execution::{Execution, Pointer, State, millis};
use crate::keys::{self, AthenaKey};
use crate::limits::{SWEEP_BATCH, SWEEP_EVERY};

impl Athena {
    /// The record as it is stored.
    pub(crate) async fn stored(
        &self,
        scope: &Scope,
        id: &str,
    ) -> Result<Option<(Execution, Revision)>, ApiError> {
        let entry = self.meta.get(&AthenaKey::Execution(id).in_scope(scope)).await.map_err(from_meta)?;
        entry.map(|entry| Ok((entry.json().map_err(from_meta)?, entry.revision))).transpose()
    }

    /// The execution as it stands now: the record, and for a running query what the task knows.
    pub(crate) async fn execution(&self, scope: &Scope, id: &str) -> Result<Option<Execution>, ApiError> {
        // Asked first: a query that ends between the two reads is then found finished in its record.
        let live = self.runner.live(id);
        let Some((mut execution, _)) = self.stored(scope, id).await? else { return Ok(None) };
        if execution.state.is_final() {
            return Ok(Some(execution));
        }
        let now = self.rt.now();
        match live.and_then(|live| live.started.map(|started| (started, live.stats))) {
            None => execution.figures.queue_ms = millis(now.saturating_since(execution.submitted)),
            Some((started, stats)) => {
                execution.state = State::Running;
                execution.figures.queue_ms = millis(started.saturating_since(execution.submitted));
                execution.figures.engine_ms = millis(now.saturating_since(started));
                if let Some(stats) = stats {
                    execution.figures.scanned_bytes = stats.scanned_bytes();
                    execution.figures.planning_ms = stats.planning_micros() / 1000;
                }
            }
        }
        Ok(Some(execution))
    }

    pub(crate) async fn existing_execution(&self, scope: &Scope, id: &str) -> Result<Execution, ApiError> {
        self.execution(scope, id).await?.ok_or_else(|| no_such_execution(id))
    }

    /// Runs until the process stops.
    pub(crate) async fn forget_old_executions(&self) {
        let stop = self.rt.stop();
        loop {
            if let Err(error) = self.forget_due().await {
                tracing::warn!(error = %error, "old query executions are not forgotten");
            }
            tokio::select! {
                () = stop.requested() => return,
                () = self.rt.sleep(SWEEP_EVERY) => {}
            }
        }
    }

    pub(crate) async fn forget_due(&self) -> Result<(), MetaError> {
        let now = self.rt.now();
        loop {
            let oldest = self.meta.scan(&keys::all_expiries(), None, SWEEP_BATCH).await?;
            let due = oldest
                .into_iter()
                .take_while(|entry| {
                    entry.key.segments().get(EXPIRY_TIME).and_then(meta::Segment::as_u64)
                        <= Some(now.as_millis().unsigned_abs())
                })
                .collect::<Vec<_>>();
            if due.is_empty() {
                return Ok(());
            }
            let mut txn = Txn::new();
            for entry in due {
                let pointer: Pointer = entry.json()?;
                txn = txn.merge(self.forgetting(&pointer).await?).delete(entry.key);
            }
            match self.meta.commit(txn).await {
                Ok(_) => {}
                Err(meta::CommitError::Meta(error)) => return Err(error),
                Err(meta::CommitError::Conflict { .. }) => return Ok(()),
            }
        }
    }

    async fn forgetting(&self, pointer: &Pointer) -> Result<Txn, MetaError> {
        let key = AthenaKey::Execution(&pointer.id).in_scope(&pointer.scope);
        let Some(entry) = self.meta.get(&key).await? else { return Ok(Txn::new()) };
        let execution: Execution = entry.json()?;
        let history = AthenaKey::History {
            work_group: &execution.request.work_group,
            submitted: execution.submitted,
            id: &execution.id,
        };
        let txn = Txn::new().delete(key).delete(history.in_scope(&pointer.scope));
        Ok(match &execution.token {
            Some(token) => txn.delete(AthenaKey::Token(token).in_scope(&pointer.scope)),
            None => txn,
        })
    }
}

/// Where the time stands in an expiry key: after `global`, the owner and the kind.
const EXPIRY_TIME: usize = 3;

pub(crate) fn no_such_execution(id: &str) -> ApiError {
    invalid(Rejection::NoSuchExecution, format!("QueryExecution {id} was not found"))
}
