use std::sync::Arc;

use aws::{ApiError, Context};
use meta::{CommitError, Txn};

use crate::Athena;
use crate::error::from_commit;
use crate::execution::State;
use crate::history::no_such_execution;
use crate::keys::AthenaKey;
use crate::limits::CONFLICT_RETRIES_MAX;
use crate::model::{StopQueryExecutionInput, StopQueryExecutionOutput};
use crate::runner::finished;

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: StopQueryExecutionInput,
) -> Result<StopQueryExecutionOutput, ApiError> {
    let id = &input.query_execution_id;
    let key = AthenaKey::Execution(id).in_scope(&ctx.scope);
    for _ in 0..CONFLICT_RETRIES_MAX {
        let live = athena.runner.live(id);
        let stored = athena.stored(&ctx.scope, id).await?;
        let (mut execution, revision) = stored.ok_or_else(|| no_such_execution(id))?;
        if execution.state.is_final() {
            return Ok(StopQueryExecutionOutput {});
        }
        let now = athena.rt.now();
        execution.state = State::Cancelled;
        execution.reason = Some("Query cancelled by user".to_owned());
        execution.completed = Some(now);
        // The record decides: once it says cancelled, the task can no longer say otherwise.
        let txn = finished(Txn::new(), &execution, now)
            .require_revision(key.clone(), revision)
            .put_json(key.clone(), &execution);
        match athena.meta.commit(txn).await {
            Ok(_) => {
                if let Some(live) = live {
                    live.stop.cancel();
                }
                return Ok(StopQueryExecutionOutput {});
            }
            Err(CommitError::Conflict { .. }) => {}
            Err(error) => return Err(from_commit(error)),
        }
    }
    Err(ApiError::internal(format!("query execution {id} changes too often to be stopped")))
}
