use std::sync::Arc;

use aws::{ApiError, Context};
use log::{Change, TopicId};

use crate::model::{SplitShardInput, SplitShardOutput, error};
use crate::reshard::{Open, Updating, check_mode, open_shard, open_shards};
use crate::{Kinesis, stream};

/// The shard is split when this returns.
pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: SplitShardInput,
) -> Result<SplitShardOutput, ApiError> {
    let stream = stream::named(&ctx, input.stream_name.as_deref(), input.stream_arn.as_deref())?;
    check_mode(&stream, &svc.record(&stream).await?, ctx.operation)?;
    let updating = Updating::begin(&svc, &stream)?;
    let topic = updating.topic().await?;
    let shard = open_shard(&stream, &topic, &input.shard_to_split)?;
    let at = split_point(&stream, &shard, &input)?;
    svc.check_room(&stream, open_shards(&topic).len(), 1).await?;
    updating.reshard(&topic, vec![Change::Split { partition: shard.index, at }]).await?;
    Ok(SplitShardOutput {})
}

fn split_point(stream: &TopicId, shard: &Open, input: &SplitShardInput) -> Result<u128, ApiError> {
    let (start, end) = (shard.range.start, shard.range.end);
    let at = input.new_starting_hash_key.parse().ok();
    at.filter(|at| *at > start.saturating_add(1) && *at < end).ok_or_else(|| {
        error::invalid_argument_exception(format!(
            "NewStartingHashKey {} used in SplitShard() on shard {} in stream {} under account {} is not both \
             greater than one plus the shard's StartingHashKey {start} and less than the shard's EndingHashKey \
             {end}.",
            input.new_starting_hash_key, input.shard_to_split, stream.name, stream.scope.account
        ))
    })
}
