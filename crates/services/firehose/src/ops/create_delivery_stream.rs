use std::sync::Arc;

use aws::{ApiError, Context};
use meta::Txn;

use crate::error::{exists, flow_error, meta_error};
use crate::model::{CreateDeliveryStreamInput, CreateDeliveryStreamOutput};
use crate::stream::{Stream, arn, flow_id, tags};
use crate::{Firehose, keys, source};

/// Active when this returns: a record put into the source from now on will be delivered.
pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Firehose>,
    input: CreateDeliveryStreamInput,
) -> Result<CreateDeliveryStreamOutput, ApiError> {
    let source = source::requested(&input)?;
    let destination = svc.requested(&input)?;
    let tags = tags(input.tags.unwrap_or_default())?;
    let name = input.delivery_stream_name;
    let _alone = svc.changes.acquire().await.map_err(ApiError::internal)?;
    let key = keys::stream(&ctx.scope, &name);
    if svc.meta.get(&key).await.map_err(meta_error)?.is_some() {
        return Err(exists(&ctx.scope, &name));
    }
    let version = 1;
    // Everything that can be refused is refused before anything is created.
    let planned = svc.planned_source(&ctx, &name, &source).await?;
    let mut spec = svc.delivery(&ctx, &name, version, planned, &destination).await?;
    spec.source = svc.open_source(&ctx, &name, &source).await?;
    let created = svc.rt.now();
    let stream = Stream { name: name.clone(), version, created, updated: None, source, destination, tags };
    spec.live = stream.live();
    let record = Txn::new().require_absent(key.clone()).put_json(key, &stream);
    svc.flow
        .create_with(&flow_id(&ctx.scope, &name), &spec, record)
        .await
        .map_err(|failure| flow_error(&ctx.scope, &name, failure))?;
    Ok(CreateDeliveryStreamOutput { delivery_stream_arn: Some(arn(&ctx.scope, &name)) })
}
