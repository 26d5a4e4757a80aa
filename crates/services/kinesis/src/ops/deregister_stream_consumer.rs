use std::sync::Arc;

use aws::{ApiError, Context};
use meta::{CommitError, Txn};

use crate::Kinesis;
use crate::consumer::not_found;
use crate::error::from_meta;
use crate::keys::KinesisKey;
use crate::model::{DeregisterStreamConsumerInput, DeregisterStreamConsumerOutput};

/// The consumer is gone when this returns, and its subscriptions end.
pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: DeregisterStreamConsumerInput,
) -> Result<DeregisterStreamConsumerOutput, ApiError> {
    let DeregisterStreamConsumerInput { stream_arn, consumer_name, consumer_arn } = &input;
    let names = (stream_arn.as_deref(), consumer_name.as_deref(), consumer_arn.as_deref());
    let consumer = svc.consumer_named(&ctx, names.0, names.1, names.2).await?;
    let key = KinesisKey::Consumer(&consumer.name.stream, &consumer.name.name).key();
    match svc.meta.commit(Txn::new().require_present(key.clone()).delete(key)).await {
        Ok(_) => {
            svc.subscriptions.end(&consumer.name);
            Ok(DeregisterStreamConsumerOutput {})
        }
        Err(CommitError::Conflict { .. }) => Err(not_found(&consumer.name)),
        Err(CommitError::Meta(error)) => Err(from_meta(error)),
    }
}
