use std::sync::Arc;

use aws::{ApiError, Context};

use crate::Firehose;
use crate::model::{TagDeliveryStreamInput, TagDeliveryStreamOutput};

/// A key that is there already gets the new value.
pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Firehose>,
    input: TagDeliveryStreamInput,
) -> Result<TagDeliveryStreamOutput, ApiError> {
    let TagDeliveryStreamInput { delivery_stream_name, tags } = input;
    svc.change_tags(&ctx, &delivery_stream_name, |kept| {
        kept.extend(tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())));
    })
    .await?;
    Ok(TagDeliveryStreamOutput {})
}
