use std::sync::Arc;

use aws::{ApiError, Context};

use crate::Firehose;
use crate::limits::TAGS_MAX;
use crate::model::{ListTagsForDeliveryStreamInput, ListTagsForDeliveryStreamOutput, Tag};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Firehose>,
    input: ListTagsForDeliveryStreamInput,
) -> Result<ListTagsForDeliveryStreamOutput, ApiError> {
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(TAGS_MAX);
    let stream = svc.stream(&ctx, &input.delivery_stream_name).await?;
    let after = input.exclusive_start_tag_key;
    let mut left = stream.tags.into_iter().filter(|(key, _)| after.as_ref().is_none_or(|after| key > after));
    let tags = left.by_ref().take(limit).map(|(key, value)| Tag { key, value }).collect();
    Ok(ListTagsForDeliveryStreamOutput { tags, has_more_tags: left.next().is_some() })
}
