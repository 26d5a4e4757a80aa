use std::sync::Arc;

use aws::{ApiError, Context};
use futures::Stream;

use crate::model::{StartingPosition, SubscribeToShardInput, error};
use crate::position::Asked;
use crate::resource::ConsumerName;
use crate::subscription::{ShardEvent, Subscription};
use crate::subscriptions::Refusal;
use crate::{Kinesis, shard};

/// What is wrong with the request is answered before the stream begins, and leaves an older subscription
/// alone.
pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: SubscribeToShardInput,
) -> Result<impl Stream<Item = Result<ShardEvent, ApiError>>, ApiError> {
    let consumer = ConsumerName::parse(&ctx, &input.consumer_arn)?;
    svc.consumer(&consumer).await?;
    let stream = consumer.stream.clone();
    let routes = svc.routes(&stream)?;
    let (route, numbers) = shard::find(&stream, &routes, &input.shard_id)?;
    let StartingPosition { type_, sequence_number, timestamp } = &input.starting_position;
    let asked =
        Asked { kind: *type_, number: sequence_number.as_deref(), timestamp: timestamp.map(Into::into) };
    let offset = svc.offset_of(&ctx, &stream, route, &asked).await?;
    let held = svc.subscriptions.begin(&consumer, route.index, svc.rt.instant(), svc.is_limited());
    let ended = held.map_err(|refusal| refused(refusal, &consumer, &input.shard_id))?;
    let incarnation = routes.incarnation.clone();
    let subscription =
        Subscription::begin(svc, consumer, incarnation, numbers, route.index, offset, ended).await?;
    Ok(subscription.events())
}

fn refused(refusal: Refusal, consumer: &ConsumerName, shard_id: &str) -> ApiError {
    let ConsumerName { stream, name, created_s } = consumer;
    let account = &stream.scope.account;
    match refusal {
        Refusal::InUse => error::resource_in_use_exception(format!(
            "Another active subscription exists for this consumer: {account}:{}:{name}:{created_s}:{shard_id}",
            stream.name
        )),
        Refusal::TooOften => error::limit_exceeded_exception(format!(
            "Rate exceeded for consumer {name} and shard {shard_id} in stream {} under account {account}.",
            stream.name
        )),
    }
}
