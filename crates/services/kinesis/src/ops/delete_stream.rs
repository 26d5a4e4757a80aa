use std::sync::Arc;

use aws::{ApiError, Context};
use meta::Txn;

use crate::error::from_log;
use crate::keys::KinesisKey;
use crate::model::{DeleteStreamInput, DeleteStreamOutput};
use crate::{Kinesis, stream};

/// The stream and its records are gone when this returns. There are no registered consumers yet, so that
/// EnforceConsumerDeletion has nothing to decide.
pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: DeleteStreamInput,
) -> Result<DeleteStreamOutput, ApiError> {
    let stream = stream::named(&ctx, input.stream_name.as_deref(), input.stream_arn.as_deref())?;
    let also = Txn::new().delete(KinesisKey::Stream(&stream).key());
    svc.log.delete_topic_with(&stream, also).await.map_err(|error| from_log(&stream, error))?;
    Ok(DeleteStreamOutput {})
}
