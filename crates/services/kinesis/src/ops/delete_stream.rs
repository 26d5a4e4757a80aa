use std::sync::Arc;

use aws::{ApiError, Context};
use meta::Txn;

use crate::error::from_log;
use crate::keys::KinesisKey;
use crate::model::{DeleteStreamInput, DeleteStreamOutput, error};
use crate::{Kinesis, stream};

/// The stream, its records and its consumers are gone when this returns.
pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: DeleteStreamInput,
) -> Result<DeleteStreamOutput, ApiError> {
    let stream = stream::named(&ctx, input.stream_name.as_deref(), input.stream_arn.as_deref())?;
    // An absent stream is the better answer than its absent consumers.
    svc.routes(&stream)?;
    if !input.enforce_consumer_deletion.unwrap_or(false) && !svc.consumers(&stream, None, 1).await?.is_empty()
    {
        return Err(error::resource_in_use_exception(format!(
            "Stream {} under account {} has enhanced fan-out consumers registered. Deregister them first or set \
             EnforceConsumerDeletion.",
            stream.name, stream.scope.account
        )));
    }
    let also = Txn::new()
        .delete(KinesisKey::Stream(&stream).key())
        .delete_prefix(KinesisKey::Consumers(&stream).key());
    svc.log.delete_topic_with(&stream, also).await.map_err(|error| from_log(&stream, error))?;
    svc.set_on_demand(&stream, false);
    Ok(DeleteStreamOutput {})
}
