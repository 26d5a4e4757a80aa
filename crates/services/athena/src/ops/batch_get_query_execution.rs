use std::sync::Arc;

use crate::Athena;
use crate::model::UnprocessedQueryExecutionId;
use crate::model::{BatchGetQueryExecutionInput, BatchGetQueryExecutionOutput};
use crate::shapes::query_execution;
use aws::{ApiError, Context};

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: BatchGetQueryExecutionInput,
) -> Result<BatchGetQueryExecutionOutput, ApiError> {
    let now = athena.rt.now();
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for id in input.query_execution_ids {
        match athena.execution(&ctx.scope, &id).await? {
            Some(execution) => found.push(query_execution(execution, now)),
            None => missing.push(UnprocessedQueryExecutionId {
                error_message: Some(format!("QueryExecution {id} was not found")),
                error_code: Some("INVALID_INPUT".to_owned()),
                query_execution_id: Some(id),
            }),
        }
    }
    Ok(BatchGetQueryExecutionOutput {
        query_executions: Some(found),
        unprocessed_query_execution_ids: Some(missing),
    })
}
