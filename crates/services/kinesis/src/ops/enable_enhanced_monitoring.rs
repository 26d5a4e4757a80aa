use std::sync::Arc;

use aws::{ApiError, Context};

use crate::Kinesis;
use crate::model::{EnableEnhancedMonitoringInput, EnhancedMonitoringOutput};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: EnableEnhancedMonitoringInput,
) -> Result<EnhancedMonitoringOutput, ApiError> {
    let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
    svc.set_metrics(&ctx, name, arn, &input.shard_level_metrics, true).await
}
