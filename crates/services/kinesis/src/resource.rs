//! What ARNs name: streams and their consumers.

use aws::{ApiError, Context};
use log::TopicId;
use names::Arn;
use rt::Timestamp;

use crate::model::error;
use crate::stream;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    Stream(TopicId),
    Consumer(ConsumerName),
}

/// A consumer as its ARN names it. The seconds tell it from a later one of the same name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ConsumerName {
    pub(crate) stream: TopicId,
    pub(crate) name: String,
    pub(crate) created_s: i64,
}

impl ConsumerName {
    pub(crate) fn new(stream: &TopicId, name: &str, created: Timestamp) -> ConsumerName {
        let created_s = created.as_millis().div_euclid(1000);
        ConsumerName { stream: stream.clone(), name: name.to_owned(), created_s }
    }

    pub(crate) fn arn(&self) -> String {
        format!("{}/consumer/{}:{}", stream::arn(&self.stream), self.name, self.created_s)
    }

    pub(crate) fn parse(ctx: &Context, text: &str) -> Result<ConsumerName, ApiError> {
        match Resource::parse(ctx, text)? {
            Resource::Consumer(consumer) => Ok(consumer),
            Resource::Stream(_) => {
                Err(error::invalid_argument_exception(format!("{text} is not the ARN of a consumer.")))
            }
        }
    }
}

impl Resource {
    /// The stream or consumer of an ARN in the caller's account and region. It need not exist.
    pub(crate) fn parse(ctx: &Context, text: &str) -> Result<Resource, ApiError> {
        let invalid = |why: &str| error::invalid_argument_exception(format!("{text} {why}."));
        let arn: Arn = text.parse().map_err(|_| invalid("is not an ARN"))?;
        let parts: Vec<_> = arn.resource.split('/').collect();
        let (stream, consumer) = match parts[..] {
            ["stream", stream] if !stream.is_empty() => (stream, None),
            ["stream", stream, "consumer", consumer] if !stream.is_empty() => (stream, Some(consumer)),
            _ => return Err(invalid("is not the ARN of a stream or of a consumer")),
        };
        if arn.service != "kinesis" {
            return Err(invalid("is not the ARN of a stream or of a consumer"));
        }
        check_place(ctx, &arn, text)?;
        let stream = stream::topic_id(&ctx.scope, stream);
        let Some(consumer) = consumer else { return Ok(Resource::Stream(stream)) };
        let named = consumer.rsplit_once(':');
        let named = named.and_then(|(name, seconds)| Some((name, seconds.parse().ok()?)));
        let (name, created_s) = named.ok_or_else(|| invalid("is not the ARN of a consumer"))?;
        Ok(Resource::Consumer(ConsumerName { stream, name: name.to_owned(), created_s }))
    }
}

/// The ARN is of the caller's region and account.
fn check_place(ctx: &Context, arn: &Arn, text: &str) -> Result<(), ApiError> {
    let region = &ctx.scope.region;
    if arn.region != region.as_str() || arn.partition != region.partition() {
        return Err(error::invalid_argument_exception(format!("{text} is not in region {region}.")));
    }
    if arn.account != ctx.scope.account.as_str() {
        return Err(error::access_denied_exception(format!(
            "User: {} is not authorized to perform: {} on resource: {text} because no resource-based policy \
             allows the {} action",
            ctx.principal.arn,
            ctx.action(),
            ctx.action()
        )));
    }
    Ok(())
}
