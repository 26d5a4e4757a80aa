use std::sync::Arc;
use std::time::Duration;

use aws::{ApiError, Context};
use log::TopicId;
use rt::Timestamp;

use crate::limits::SCALINGS_PER_DAY;
use crate::model::{UpdateShardCountInput, UpdateShardCountOutput, error};
use crate::reshard::{Updating, check_mode, even, next_index, open_shards};
use crate::{Kinesis, stream};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The stream has as many shards when this returns. Splits and merges are one step, so that there is no
/// moment with some of them.
pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: UpdateShardCountInput,
) -> Result<UpdateShardCountOutput, ApiError> {
    let stream = stream::named(&ctx, input.stream_name.as_deref(), input.stream_arn.as_deref())?;
    check_mode(&stream, &svc.record(&stream).await?, ctx.operation)?;
    let updating = Updating::begin(&svc, &stream)?;
    let topic = updating.topic().await?;
    let open = open_shards(&topic);
    let target = u32::try_from(input.target_shard_count).map_err(ApiError::internal)?;
    check_ratio(open.len(), target as usize)?;
    svc.check_room(&stream, open.len(), (target as usize).saturating_sub(open.len())).await?;
    if svc.is_limited() {
        svc.change(&stream, |record| note(&stream, &mut record.scalings, ctx.now)).await?;
    }
    updating.reshard(&topic, even(&open, next_index(&topic), target)).await?;
    Ok(UpdateShardCountOutput {
        stream_arn: Some(stream::arn(&stream)),
        stream_name: Some(stream.name),
        current_shard_count: i32::try_from(open.len()).ok(),
        target_shard_count: Some(input.target_shard_count),
    })
}

fn check_ratio(current: usize, target: usize) -> Result<(), ApiError> {
    let invalid = |what: &str| {
        Err(error::invalid_argument_exception(format!(
            "UpdateShardCount cannot scale {what} your current open shard count. Current open shard count: \
             {current} Target shard count: {target}"
        )))
    };
    if target > current * 2 {
        return invalid("up over double");
    }
    if target * 2 < current {
        return invalid("down below half");
    }
    Ok(())
}

/// Keeps the times of a day.
fn note(stream: &TopicId, times: &mut Vec<Timestamp>, now: Timestamp) -> Result<(), ApiError> {
    times.retain(|time| now.saturating_since(*time) < DAY);
    if times.len() >= SCALINGS_PER_DAY {
        return Err(error::limit_exceeded_exception(format!(
            "Stream {} under account {} was scaled {SCALINGS_PER_DAY} times within 24 hours, which is the limit.",
            stream.name, stream.scope.account
        )));
    }
    times.push(now);
    Ok(())
}
