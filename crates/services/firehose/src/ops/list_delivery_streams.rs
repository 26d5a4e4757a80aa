use std::sync::Arc;

use aws::{ApiError, Context};

use crate::error::meta_error;
use crate::limits::LIST_DEFAULT;
use crate::model::{ListDeliveryStreamsInput, ListDeliveryStreamsOutput};
use crate::stream::Stream;
use crate::{Firehose, keys};

/// Records read with one scan.
const SCAN_ENTRIES: usize = 100;

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Firehose>,
    input: ListDeliveryStreamsInput,
) -> Result<ListDeliveryStreamsOutput, ApiError> {
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(LIST_DEFAULT);
    let prefix = keys::streams(&ctx.scope);
    let mut after = input.exclusive_start_delivery_stream_name.map(|name| keys::stream(&ctx.scope, &name));
    let mut names = Vec::new();
    loop {
        let entries = svc.meta.scan(&prefix, after.as_ref(), SCAN_ENTRIES).await.map_err(meta_error)?;
        for entry in &entries {
            let stream: Stream = entry.json().map_err(meta_error)?;
            if input.delivery_stream_type.is_some_and(|kind| kind != stream.source.kind()) {
                continue;
            }
            if names.len() == limit {
                return Ok(ListDeliveryStreamsOutput {
                    delivery_stream_names: names,
                    has_more_delivery_streams: true,
                });
            }
            names.push(stream.name);
        }
        match entries.into_iter().last() {
            Some(last) => after = Some(last.key),
            None => {
                return Ok(ListDeliveryStreamsOutput {
                    delivery_stream_names: names,
                    has_more_delivery_streams: false,
                });
            }
        }
    }
}
