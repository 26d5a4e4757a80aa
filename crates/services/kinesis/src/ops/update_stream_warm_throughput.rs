use std::sync::Arc;

use aws::{ApiError, Context};

use crate::model::{UpdateStreamWarmThroughputInput, UpdateStreamWarmThroughputOutput};
use crate::{Kinesis, stream, warm};

/// The stream has the shards for it when this returns. A lower value takes none away: they go when they are
/// cold.
pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: UpdateStreamWarmThroughputInput,
) -> Result<UpdateStreamWarmThroughputOutput, ApiError> {
    let stream = stream::named(&ctx, input.stream_name.as_deref(), input.stream_arn.as_deref())?;
    let on_demand = svc.record(&stream).await?.on_demand;
    let wanted = warm::wanted(&svc, &ctx, on_demand, Some(input.warm_throughput_mi_bps)).await?;
    svc.warm(&stream, wanted.unwrap_or_default()).await?;
    let change = |record: &mut crate::stream::StreamRecord| {
        record.warm_mibps = wanted.filter(|mibps| *mibps > 0);
        Ok(())
    };
    let record = svc.change(&stream, change).await?;
    Ok(UpdateStreamWarmThroughputOutput {
        stream_arn: Some(stream::arn(&stream)),
        stream_name: Some(stream.name),
        warm_throughput: record.warm_throughput(),
    })
}
