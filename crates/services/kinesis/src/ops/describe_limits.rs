use std::sync::Arc;

use aws::{ApiError, Context};

use crate::Kinesis;
use crate::limits::{ON_DEMAND_STREAMS_MAX, SHARDS_MAX};
use crate::model::{DescribeLimitsInput, DescribeLimitsOutput};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    _input: DescribeLimitsInput,
) -> Result<DescribeLimitsOutput, ApiError> {
    let usage = svc.usage(&ctx.scope).await?;
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    Ok(DescribeLimitsOutput {
        shard_limit: count(SHARDS_MAX),
        open_shard_count: count(usage.open_shards),
        on_demand_stream_count: count(usage.on_demand_streams),
        on_demand_stream_count_limit: count(ON_DEMAND_STREAMS_MAX),
        ..DescribeLimitsOutput::default()
    })
}
