use std::sync::Arc;

use crate::Athena;
use crate::model::{GetQueryRuntimeStatisticsInput, GetQueryRuntimeStatisticsOutput};
use crate::shapes::runtime_statistics;
use aws::{ApiError, Context};

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: GetQueryRuntimeStatisticsInput,
) -> Result<GetQueryRuntimeStatisticsOutput, ApiError> {
    let execution = athena.existing_execution(&ctx.scope, &input.query_execution_id).await?;
    let statistics = runtime_statistics(&execution, athena.rt.now());
    Ok(GetQueryRuntimeStatisticsOutput { query_runtime_statistics: Some(statistics) })
}
