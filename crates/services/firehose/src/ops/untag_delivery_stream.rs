use std::sync::Arc;

use aws::{ApiError, Context};

use crate::Firehose;
use crate::model::{UntagDeliveryStreamInput, UntagDeliveryStreamOutput};

/// Keys that are not there are no error.
pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Firehose>,
    input: UntagDeliveryStreamInput,
) -> Result<UntagDeliveryStreamOutput, ApiError> {
    let UntagDeliveryStreamInput { delivery_stream_name, tag_keys } = input;
    svc.change_tags(&ctx, &delivery_stream_name, |kept| {
        kept.retain(|key, _| !tag_keys.contains(key));
    })
    .await?;
    Ok(UntagDeliveryStreamOutput {})
}
