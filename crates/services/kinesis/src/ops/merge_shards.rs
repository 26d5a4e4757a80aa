use std::sync::Arc;

use aws::{ApiError, Context};
use log::Change;

use crate::model::{MergeShardsInput, MergeShardsOutput, error};
use crate::reshard::{Updating, check_mode, open_shard};
use crate::{Kinesis, stream};

/// The shards are merged when this returns.
pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: MergeShardsInput,
) -> Result<MergeShardsOutput, ApiError> {
    let stream = stream::named(&ctx, input.stream_name.as_deref(), input.stream_arn.as_deref())?;
    check_mode(&stream, &svc.record(&stream).await?, ctx.operation)?;
    let updating = Updating::begin(&svc, &stream)?;
    let topic = updating.topic().await?;
    let one = open_shard(&stream, &topic, &input.shard_to_merge)?;
    let other = open_shard(&stream, &topic, &input.adjacent_shard_to_merge)?;
    let (low, high) = if one.range.start < other.range.start { (one, other) } else { (other, one) };
    if low.range.end.checked_add(1) != Some(high.range.start) {
        return Err(error::invalid_argument_exception(format!(
            "Shards {} and {} in stream {} under account {} are not an adjacent pair of shards eligible for merging.",
            input.shard_to_merge, input.adjacent_shard_to_merge, stream.name, stream.scope.account
        )));
    }
    updating.reshard(&topic, vec![Change::Merge { left: one.index, right: other.index }]).await?;
    Ok(MergeShardsOutput {})
}
