use std::sync::Arc;

use aws::{ApiError, Context};

use crate::model::{DecreaseStreamRetentionPeriodInput, DecreaseStreamRetentionPeriodOutput};
use crate::retention::Direction;
use crate::{Kinesis, stream};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: DecreaseStreamRetentionPeriodInput,
) -> Result<DecreaseStreamRetentionPeriodOutput, ApiError> {
    let stream = stream::named(&ctx, input.stream_name.as_deref(), input.stream_arn.as_deref())?;
    svc.set_retention(&stream, input.retention_period_hours, Direction::Decrease).await?;
    Ok(DecreaseStreamRetentionPeriodOutput {})
}
