//! Running queries: a bounded queue, one task per query, and what becomes of it.
//!
//! The record in the metadata store is the truth about every finished query and about what must still
//! be run; what a running query is doing is known in memory only, so that a read-only statement costs
//! two commits, not three. A statement that may not run twice is marked as started before it starts.

use std::collections::HashMap;
use std::sync::Arc;

use meta::{CommitError, Revision, Txn};
use names::Scope;
use objects::{PublishError, Staged};
use parking_lot::Mutex;
use query::{QueryError, Stats};
use rt::{Backoff, Stop, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{failure, interrupted_failure, timeout_failure, write_failure};
use crate::execution::{Execution, Failure, Pointer, State, millis};
use crate::keys::{self, AthenaKey};
use crate::limits::{AthenaSettings, HISTORY_KEPT};
use crate::reuse::{self, Reusable};
use crate::{Athena, run};

/// The queue and what is in it.
pub(crate) struct Runner {
    turns: Arc<Semaphore>,
    admissions: Arc<Semaphore>,
    live: Mutex<HashMap<String, Live>>,
}

/// What is known of a query only while this process runs it.
#[derive(Clone)]
pub(crate) struct Live {
    pub stop: Stop,
    pub started: Option<Timestamp>,
    pub stats: Option<Arc<Stats>>,
}

/// Room for one more query. Dropped when the query is over.
pub(crate) struct Admission(#[expect(dead_code, reason = "held for its drop")] Option<OwnedSemaphorePermit>);

/// How a query ended.
pub(crate) enum Outcome {
    /// With its result, durable and not yet visible.
    Succeeded(Vec<Staged>),
    Failed(Failure),
    /// Stopped by a limit. (A caller's stop changes the record itself.)
    Cancelled(String),
    /// The process is stopping; the query stays queued for the next start.
    Interrupted,
}

impl Runner {
    pub(crate) fn new(settings: &AthenaSettings) -> Runner {
        Runner {
            turns: Arc::new(Semaphore::new(settings.queries_running_max)),
            admissions: Arc::new(Semaphore::new(settings.queries_admitted_max)),
            live: Mutex::new(HashMap::new()),
        }
    }

    /// `None` if as many queries as may are running or waiting.
    pub(crate) fn admit(&self) -> Option<Admission> {
        Arc::clone(&self.admissions).try_acquire_owned().ok().map(|permit| Admission(Some(permit)))
    }

    /// What was admitted before a restart stays admitted.
    fn readmit(&self) -> Admission {
        Admission(Arc::clone(&self.admissions).try_acquire_owned().ok())
    }

    pub(crate) fn live(&self, id: &str) -> Option<Live> {
        self.live.lock().get(id).cloned()
    }

    pub(crate) fn update(&self, id: &str, change: impl FnOnce(&mut Live)) {
        if let Some(live) = self.live.lock().get_mut(id) {
            change(live);
        }
    }
}

impl Athena {
    /// Starts the task of a query whose record is committed at `revision`.
    pub(crate) fn submit(self: &Arc<Self>, execution: Execution, revision: Revision, admission: Admission) {
        // A statement that changes something is let finish when the process stops.
        let stop = if execution.repeatable { self.rt.stop().child() } else { Stop::new() };
        let live = Live { stop: stop.clone(), started: None, stats: None };
        self.runner.live.lock().insert(execution.id.clone(), live);
        let athena = Arc::clone(self);
        drop(self.rt.spawn("athena query", async move {
            let id = execution.id.clone();
            athena.attend(execution, revision, &stop).await;
            athena.runner.live.lock().remove(&id);
            drop(admission);
        }));
    }

    async fn attend(&self, mut execution: Execution, mut revision: Revision, stop: &Stop) {
        let Some(_turn) = self.turn(stop).await else { return };
        let started = self.rt.now();
        self.runner.update(&execution.id, |live| live.started = Some(started));
        execution.figures.queue_ms = millis(started.saturating_since(execution.submitted));
        execution.state = State::Running;
        if !execution.repeatable {
            match self.record(&execution, revision, Txn::new).await {
                Some(new) => revision = new,
                None => return,
            }
        }
        let limit = self.settings.query_timeout;
        let outcome = match self.rt.timeout(limit, run::run(self, &mut execution, stop)).await {
            Some(outcome) => outcome,
            None => Outcome::Failed(timeout_failure()),
        };
        self.conclude(execution, revision, outcome).await;
    }

    async fn turn(&self, stop: &Stop) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            biased;
            () = stop.requested() => None,
            turn = Arc::clone(&self.runner.turns).acquire_owned() => turn.ok(),
        }
    }

    async fn conclude(&self, mut execution: Execution, revision: Revision, outcome: Outcome) {
        let now = self.rt.now();
        execution.completed = Some(now);
        let failure = match outcome {
            Outcome::Interrupted => return,
            Outcome::Cancelled(reason) => {
                execution.state = State::Cancelled;
                execution.reason = Some(reason);
                None
            }
            Outcome::Failed(failure) => Some(failure),
            Outcome::Succeeded(staged) => match self.publish(&mut execution, revision, staged).await {
                Ok(()) => return,
                Err(failure) => Some(failure),
            },
        };
        if let Some(failure) = failure {
            execution.state = State::Failed;
            execution.reason = Some(failure.reason.clone());
            execution.failure = Some(failure);
        }
        self.record(&execution, revision, || finished(Txn::new(), &execution, now)).await;
    }

    /// Shows the result and says that the query succeeded, in one commit. If a stop came first, what it
    /// stopped has no result.
    async fn publish(
        &self,
        execution: &mut Execution,
        revision: Revision,
        staged: Vec<Staged>,
    ) -> Result<(), Failure> {
        execution.state = State::Succeeded;
        let key = AthenaKey::Execution(&execution.id).in_scope(&execution.scope);
        let mut txn = finished(Txn::new(), execution, self.rt.now())
            .require_revision(key.clone(), revision)
            .put_json(key, &*execution);
        if let Some(key) = reuse::key(execution) {
            txn = txn.put_json(key, &Reusable::of(execution));
        }
        match self.objects.publish(staged, txn).await {
            Ok(_) | Err(PublishError::Conflict { .. }) => Ok(()),
            Err(PublishError::Object(error)) => Err(write_failure(&error)),
        }
    }

    /// Commits the record if nobody changed it since `revision`; `None` if somebody did, or if the
    /// process stops before it can be committed. A full disk is waited out.
    async fn record(
        &self,
        execution: &Execution,
        revision: Revision,
        consequences: impl Fn() -> Txn,
    ) -> Option<Revision> {
        let key = AthenaKey::Execution(&execution.id).in_scope(&execution.scope);
        let mut backoff = Backoff::new(RECORD_RETRY_FIRST, RECORD_RETRY_MAX, self.rt.clone());
        loop {
            let txn = Txn::new()
                .require_revision(key.clone(), revision)
                .put_json(key.clone(), execution)
                .merge(consequences());
            match self.meta.commit(txn).await {
                Ok(revision) => return Some(revision),
                Err(CommitError::Conflict { .. }) => return None,
                Err(error) => {
                    tracing::error!(query.id = execution.id, error = %error, "the state of a query cannot be recorded");
                }
            }
            let stop = self.rt.stop();
            tokio::select! {
                () = stop.requested() => return None,
                () = self.rt.sleep(backoff.next()) => {}
            }
        }
    }

    /// Takes up what was queued or running when the process ended.
    pub(crate) async fn resume(self: &Arc<Self>) -> Result<(), meta::MetaError> {
        for entry in self.meta.scan(&keys::all_pending(), None, RESUME_MAX).await? {
            let pointer: Pointer = entry.json()?;
            let key = AthenaKey::Execution(&pointer.id).in_scope(&pointer.scope);
            let Some(entry) = self.meta.get(&key).await? else { continue };
            let execution: Execution = entry.json()?;
            if execution.state.is_final() {
                continue;
            }
            if execution.state == State::Running && !execution.repeatable {
                self.conclude(execution, entry.revision, Outcome::Failed(interrupted_failure())).await;
            } else {
                tracing::info!(query.id = execution.id, "a query of before the start is run again");
                self.submit(execution, entry.revision, self.runner.readmit());
            }
        }
        Ok(())
    }
}

const RECORD_RETRY_FIRST: std::time::Duration = std::time::Duration::from_millis(50);
const RECORD_RETRY_MAX: std::time::Duration = std::time::Duration::from_secs(5);
/// More than can ever have been admitted.
const RESUME_MAX: usize = 100_000;

/// What changes beside the record when a query is over.
pub(crate) fn finished(txn: Txn, execution: &Execution, now: Timestamp) -> Txn {
    let pointer = Pointer { scope: execution.scope.clone(), id: execution.id.clone() };
    txn.delete(keys::pending(&execution.scope, &execution.id))
        .put_json(keys::expiry(now.plus(HISTORY_KEPT), &execution.id), &pointer)
}

/// What is written when a query is accepted. The record itself is added by the caller's transaction.
pub(crate) fn accepted(txn: Txn, scope: &Scope, execution: &Execution) -> Txn {
    let pointer = Pointer { scope: scope.clone(), id: execution.id.clone() };
    let history = AthenaKey::History {
        work_group: &execution.request.work_group,
        submitted: execution.submitted,
        id: &execution.id,
    };
    let key = AthenaKey::Execution(&execution.id).in_scope(scope);
    txn.require_absent(key.clone())
        .put_json(key, execution)
        .put(history.in_scope(scope), bytes::Bytes::new())
        .put_json(keys::pending(scope, &execution.id), &pointer)
}

/// Why a statement that ended in an error did.
pub(crate) fn outcome_of(error: &RunError, stop: &Stop, process: &Stop) -> Outcome {
    match error {
        _ if process.is_requested() && stop.is_requested() => Outcome::Interrupted,
        RunError::Query(error) => Outcome::Failed(failure(error)),
        RunError::Object(error) => Outcome::Failed(write_failure(error)),
        RunError::Failed(failure) => Outcome::Failed(failure.clone()),
        RunError::ScanLimit => {
            Outcome::Cancelled("Query cancelled! : Bytes scanned limit was exceeded".to_owned())
        }
    }
}

/// What can end a running query before its last row.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error("the result cannot be written")]
    Object(#[from] objects::ObjectError),
    #[error("{}", .0.reason)]
    Failed(Failure),
    #[error("the scan limit was exceeded")]
    ScanLimit,
}
