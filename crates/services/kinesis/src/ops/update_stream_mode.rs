use std::sync::Arc;
use std::time::Duration;

use aws::{ApiError, Context};
use log::TopicId;
use rt::Timestamp;

use crate::limits::{MODE_CHANGES_PER_DAY, ON_DEMAND_STREAMS_MAX};
use crate::model::{StreamMode, UpdateStreamModeInput, UpdateStreamModeOutput, error};
use crate::stream::StreamRecord;
use crate::{Kinesis, stream, warm};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The shards stay as they are; an on-demand stream follows its load from then on.
pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: UpdateStreamModeInput,
) -> Result<UpdateStreamModeOutput, ApiError> {
    let stream = stream::of_arn(&ctx, &input.stream_arn)?;
    let on_demand = input.stream_mode_details.stream_mode == StreamMode::OnDemand;
    let before = svc.record(&stream).await?;
    let wanted = warm::wanted(&svc, &ctx, on_demand, input.warm_throughput_mi_bps).await?;
    if on_demand && !before.on_demand {
        svc.check_on_demand_room(&stream).await?;
    }
    let limited = svc.is_limited();
    let change = |record: &mut StreamRecord| {
        if record.on_demand != on_demand && limited {
            note(&stream, &mut record.mode_changes, ctx.now)?;
        }
        record.on_demand = on_demand;
        record.warm_mibps = wanted.or(record.warm_mibps.filter(|_| on_demand));
        Ok(())
    };
    svc.change(&stream, change).await?;
    svc.set_on_demand(&stream, on_demand);
    if let Some(mibps) = wanted {
        svc.warm(&stream, mibps).await?;
    }
    Ok(UpdateStreamModeOutput {})
}

impl Kinesis {
    pub(crate) async fn check_on_demand_room(&self, stream: &TopicId) -> Result<(), ApiError> {
        if self.usage(&stream.scope).await?.on_demand_streams < ON_DEMAND_STREAMS_MAX {
            return Ok(());
        }
        Err(error::limit_exceeded_exception(format!(
            "This request would exceed the limit of {ON_DEMAND_STREAMS_MAX} on-demand streams for the account {} \
             in {}.",
            stream.scope.account, stream.scope.region
        )))
    }

    /// Whether the stream is among those that follow their load.
    pub(crate) fn set_on_demand(&self, stream: &TopicId, on_demand: bool) {
        let mut streams = self.on_demand.lock();
        if on_demand {
            streams.insert(stream.clone());
        } else {
            streams.remove(stream);
        }
    }
}

/// Keeps the times of a day.
fn note(stream: &TopicId, times: &mut Vec<Timestamp>, now: Timestamp) -> Result<(), ApiError> {
    times.retain(|time| now.saturating_since(*time) < DAY);
    if times.len() >= MODE_CHANGES_PER_DAY {
        return Err(error::limit_exceeded_exception(format!(
            "The mode of stream {} under account {} was changed {MODE_CHANGES_PER_DAY} times within 24 hours, \
             which is the limit.",
            stream.name, stream.scope.account
        )));
    }
    times.push(now);
    Ok(())
}
