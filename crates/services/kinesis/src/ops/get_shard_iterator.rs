use std::sync::Arc;

use aws::{ApiError, Context};

use crate::iterator::ShardIterator;
use crate::model::{GetShardIteratorInput, GetShardIteratorOutput};
use crate::position::Asked;
use crate::{Kinesis, shard, stream};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: GetShardIteratorInput,
) -> Result<GetShardIteratorOutput, ApiError> {
    let stream = stream::named(&ctx, input.stream_name.as_deref(), input.stream_arn.as_deref())?;
    let routes = svc.routes(&stream)?;
    let (route, _) = shard::find(&stream, &routes, &input.shard_id)?;
    let asked = Asked {
        kind: input.shard_iterator_type,
        number: input.starting_sequence_number.as_deref(),
        timestamp: input.timestamp.map(Into::into),
    };
    let offset = svc.offset_of(&ctx, &stream, route, &asked).await?;
    let iterator = ShardIterator::new(&stream, &routes.incarnation, route.index, offset, ctx.now);
    Ok(GetShardIteratorOutput { shard_iterator: Some(iterator.encode()) })
}
