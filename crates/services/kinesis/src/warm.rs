//! Warm throughput of on-demand streams: a shard for each MiB/s, which the load cannot take away.

use std::sync::Arc;

use aws::{ApiError, Context};
use log::TopicId;

use crate::Kinesis;
use crate::limits::SHARDS_PER_STREAM_MAX;
use crate::model::error;
use crate::reshard::{Updating, even, next_index, open_shards};

/// What a request asks for, if it may: the stream is on-demand and the account has a commitment.
pub(crate) async fn wanted(
    svc: &Kinesis,
    ctx: &Context,
    on_demand: bool,
    mibps: Option<i32>,
) -> Result<Option<u32>, ApiError> {
    let Some(mibps) = mibps.and_then(|mibps| u32::try_from(mibps).ok()) else { return Ok(None) };
    if !on_demand {
        return Err(error::validation_exception(
            "Warm throughput is only supported for streams in ON_DEMAND mode.",
        ));
    }
    if !svc.account(&ctx.scope).await?.is_committed(ctx.now) {
        return Err(error::validation_exception(
            "Warm throughput needs MinimumThroughputBillingCommitment to be enabled for the account.",
        ));
    }
    if mibps as usize > SHARDS_PER_STREAM_MAX {
        return Err(error::limit_exceeded_exception(format!(
            "Warm throughput of {mibps} MiB/s is over the limit of {SHARDS_PER_STREAM_MAX}."
        )));
    }
    Ok(Some(mibps))
}

impl Kinesis {
    /// Brings a stream to at least a shard for each MiB/s.
    pub(crate) async fn warm(self: &Arc<Self>, stream: &TopicId, mibps: u32) -> Result<(), ApiError> {
        let updating = Updating::begin(self, stream)?;
        let topic = updating.topic().await?;
        let open = open_shards(&topic);
        if open.len() >= mibps as usize {
            return Ok(());
        }
        self.check_room(stream, open.len(), mibps as usize - open.len()).await?;
        updating.reshard(&topic, even(&open, next_index(&topic), mibps)).await
    }
}
