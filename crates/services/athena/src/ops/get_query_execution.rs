use std::sync::Arc;

use crate::Athena;
use crate::model::{GetQueryExecutionInput, GetQueryExecutionOutput};
use crate::shapes::query_execution;
use aws::{ApiError, Context};

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: GetQueryExecutionInput,
) -> Result<GetQueryExecutionOutput, ApiError> {
    let execution = athena.existing_execution(&ctx.scope, &input.query_execution_id).await?;
    Ok(GetQueryExecutionOutput { query_execution: Some(query_execution(execution, athena.rt.now())) })
}
