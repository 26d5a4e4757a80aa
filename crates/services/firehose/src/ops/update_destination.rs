use std::sync::Arc;

use aws::{ApiError, Context};
use meta::Txn;

use crate::error::flow_error;
use crate::model::{UpdateDestinationInput, UpdateDestinationOutput, error};
use crate::stream::{DESTINATION_ID, flow_id};
use crate::{Firehose, keys};

/// In effect from the next batch on: one that is in work ends as it was planned.
pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Firehose>,
    input: UpdateDestinationInput,
) -> Result<UpdateDestinationOutput, ApiError> {
    let name = &input.delivery_stream_name;
    let _alone = svc.changes.acquire().await.map_err(ApiError::internal)?;
    let (mut stream, revision) = svc.stream_entry(&ctx, name).await?;
    if input.destination_id != DESTINATION_ID {
        let message = format!("Destination Id {} not found", input.destination_id);
        return Err(error::invalid_argument_exception(message));
    }
    let current = stream.version.to_string();
    if input.current_delivery_stream_version_id != current {
        return Err(error::concurrent_modification_exception(format!(
            "Cannot update firehose: {name} since the current version id: {current} and specified version id: {} do not match",
            input.current_delivery_stream_version_id
        )));
    }
    stream.destination = stream.destination.updated(&input)?;
    stream.version += 1;
    stream.updated = Some(svc.rt.now());
    let id = flow_id(&ctx.scope, name);
    let failed = |failure| flow_error(&ctx.scope, name, failure);
    let source = svc.flow.spec(&id).await.map_err(failed)?.source;
    let mut spec = svc.delivery(&ctx, name, stream.version, source, &stream.destination).await?;
    spec.live = stream.live();
    let key = keys::stream(&ctx.scope, name);
    let record = Txn::new().require_revision(key.clone(), revision).put_json(key, &stream);
    svc.flow.update_with(&id, &spec, record).await.map_err(failed)?;
    Ok(UpdateDestinationOutput {})
}
