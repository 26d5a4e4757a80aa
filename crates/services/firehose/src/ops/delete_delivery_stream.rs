use std::sync::Arc;

use aws::{ApiError, Context};
use flow::FlowError;
use log::LogError;
use meta::Txn;

use crate::error::{flow_error, log_error, not_found};
use crate::model::{DeleteDeliveryStreamInput, DeleteDeliveryStreamOutput};
use crate::stream::{Source, flow_id, topic_id};
use crate::{Firehose, keys, measure};

/// Records that were put and not yet delivered are given up, as in the public service.
pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Firehose>,
    input: DeleteDeliveryStreamInput,
) -> Result<DeleteDeliveryStreamOutput, ApiError> {
    let name = input.delivery_stream_name;
    let _alone = svc.changes.acquire().await.map_err(ApiError::internal)?;
    let stream = svc.stream(&ctx, &name).await?;
    let key = keys::stream(&ctx.scope, &name);
    let record = Txn::new().require_present(key.clone()).delete(key);
    match svc.flow.delete_with(&flow_id(&ctx.scope, &name), record).await {
        Ok(()) => {}
        Err(FlowError::NoSuchFlow(_)) => return Err(not_found(&ctx.scope, &name)),
        Err(failure) => return Err(flow_error(&ctx.scope, &name, failure)),
    }
    svc.metrics.forget(&measure::labels(&ctx.scope, &name));
    if matches!(stream.source, Source::DirectPut { .. }) {
        match svc.log.delete_topic(&topic_id(&ctx.scope, &name)).await {
            Ok(()) | Err(LogError::NoSuchTopic(_)) => {}
            Err(failure) => return Err(log_error(&ctx.scope, &name, failure)),
        }
    }
    Ok(DeleteDeliveryStreamOutput {})
}
