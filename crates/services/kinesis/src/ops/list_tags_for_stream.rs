use std::ops::Bound;
use std::sync::Arc;

use aws::{ApiError, Context};

use crate::limits::LISTED_TAGS_MAX;
use crate::model::{ListTagsForStreamInput, ListTagsForStreamOutput};
use crate::{Kinesis, stream, tags};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: ListTagsForStreamInput,
) -> Result<ListTagsForStreamOutput, ApiError> {
    let stream = stream::named(&ctx, input.stream_name.as_deref(), input.stream_arn.as_deref())?;
    let record = svc.record(&stream).await?;
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(LISTED_TAGS_MAX);
    let after = input.exclusive_start_tag_key.map_or(Bound::Unbounded, Bound::Excluded);
    let mut rest = record.tags.range((after, Bound::Unbounded));
    let tags = rest.by_ref().take(limit).map(tags::tag).collect();
    Ok(ListTagsForStreamOutput { tags, has_more_tags: rest.next().is_some() })
}
