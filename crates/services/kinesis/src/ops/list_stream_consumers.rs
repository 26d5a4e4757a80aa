use std::sync::Arc;

use aws::{ApiError, Context};
use rt::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::stream_not_found;
use crate::limits::{LISTED_CONSUMERS, TOKEN_LIFE};
use crate::model::{ConsumerStatus, ListStreamConsumersInput, ListStreamConsumersOutput, error};
use crate::{Kinesis, stream};

/// Where a list goes on.
#[derive(Debug, Serialize, Deserialize)]
struct Continuation {
    incarnation: String,
    after: String,
    issued: Timestamp,
}

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: ListStreamConsumersInput,
) -> Result<ListStreamConsumersOutput, ApiError> {
    let stream = stream::of_arn(&ctx, &input.stream_arn)?;
    let routes = svc.routes(&stream)?;
    // Seconds are what clients keep of the creation's time.
    if let Some(created) = input.stream_creation_timestamp
        && created.as_millis() / 1000 != routes.created.as_millis() / 1000
    {
        return Err(stream_not_found(&stream));
    }
    let after = match &input.next_token {
        Some(token) => Some(continued(&ctx, token, &routes.incarnation)?),
        None => None,
    };
    let limit = input.max_results.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(LISTED_CONSUMERS);
    let mut consumers = svc.consumers(&stream, after.as_deref(), limit.saturating_add(1)).await?;
    let more = consumers.len() > limit;
    consumers.truncate(limit);
    let last = consumers.last().filter(|_| more);
    let next_token = last.map(|last| {
        let (incarnation, after) = (routes.incarnation.clone(), last.name.name.clone());
        aws::paging::encode(&Continuation { incarnation, after, issued: ctx.now })
    });
    let consumers = consumers.iter().map(|consumer| consumer.describe(ConsumerStatus::Active)).collect();
    Ok(ListStreamConsumersOutput { consumers: Some(consumers), next_token })
}

fn continued(ctx: &Context, token: &str, incarnation: &str) -> Result<String, ApiError> {
    let from: Option<Continuation> = aws::paging::decode(token);
    let from = from.filter(|from| from.incarnation == incarnation);
    let from = from.ok_or_else(|| error::invalid_argument_exception("Invalid NextToken."))?;
    if ctx.now.saturating_since(from.issued) > TOKEN_LIFE {
        return Err(error::expired_next_token_exception("The NextToken has expired."));
    }
    Ok(from.after)
}
