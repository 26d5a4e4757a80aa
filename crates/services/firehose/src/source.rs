//! Where a delivery stream's records come from.

use aws::{ApiError, Context};
use flow::Start;
use log::{LogError, TopicId};
use names::Arn;

use crate::Firehose;
use crate::error::log_error;
use crate::limits::DIRECT_PUT_RETENTION;
use crate::model::{CreateDeliveryStreamInput, DeliveryStreamType, KinesisStreamSourceConfiguration, error};
use crate::stream::{Source, topic_id};

/// The topics that are Kinesis streams.
pub(crate) const STREAM_SPACE: &str = "stream";

/// The source a request asks for; contradictions are refused.
pub(crate) fn requested(input: &CreateDeliveryStreamInput) -> Result<Source, ApiError> {
    let kind = input.delivery_stream_type.unwrap_or(DeliveryStreamType::DirectPut);
    let kinesis = input.kinesis_stream_source_configuration.as_ref();
    let direct = input.direct_put_source_configuration.as_ref();
    match kind {
        DeliveryStreamType::DirectPut if kinesis.is_some() => Err(error::invalid_argument_exception(
            "KinesisStreamSourceConfiguration is only applicable for KinesisStreamAsSource delivery stream type.",
        )),
        DeliveryStreamType::DirectPut => {
            Ok(Source::DirectPut { throughput_hint: direct.map(|direct| direct.throughput_hint_in_mbs) })
        }
        DeliveryStreamType::KinesisStreamAsSource if direct.is_some() => {
            Err(error::invalid_argument_exception(
                "DirectPutSourceConfiguration is only applicable for DirectPut delivery stream type.",
            ))
        }
        DeliveryStreamType::KinesisStreamAsSource => {
            let KinesisStreamSourceConfiguration { kinesis_stream_arn, role_arn } =
                kinesis.cloned().ok_or_else(|| {
                    error::invalid_argument_exception(
                        "KinesisStreamSourceConfiguration is required for KinesisStreamAsSource delivery stream type.",
                    )
                })?;
            Ok(Source::Kinesis { stream_arn: kinesis_stream_arn, role_arn })
        }
        DeliveryStreamType::MSKAsSource | DeliveryStreamType::DatabaseAsSource => {
            Err(error::invalid_argument_exception(format!(
                "DeliveryStreamType {kind} is not supported by Mulgil: sources are direct puts and Kinesis streams."
            )))
        }
    }
}

impl Firehose {
    /// What [`Firehose::open_source`] will answer, without creating anything.
    pub(crate) async fn planned_source(
        &self,
        ctx: &Context,
        name: &str,
        source: &Source,
    ) -> Result<flow::Source, ApiError> {
        match source {
            Source::DirectPut { .. } => Ok(of_puts(topic_id(&ctx.scope, name))),
            Source::Kinesis { .. } => self.open_source(ctx, name, source).await,
        }
    }

    /// The topic behind a source, created for direct puts, checked for a stream.
    pub(crate) async fn open_source(
        &self,
        ctx: &Context,
        name: &str,
        source: &Source,
    ) -> Result<flow::Source, ApiError> {
        match source {
            // Everything ever put belongs to this delivery stream, and to nobody else.
            Source::DirectPut { .. } => {
                let topic = topic_id(&ctx.scope, name);
                self.create_buffer(&topic).await.map_err(|failure| log_error(&ctx.scope, name, failure))?;
                Ok(of_puts(topic))
            }
            // As in the public service: from the moment the delivery stream exists.
            Source::Kinesis { stream_arn, .. } => {
                let topic = stream_topic(ctx, stream_arn)?;
                match self.log.topic(&topic).await {
                    Ok(_) => Ok(flow::Source { topic, start: Start::Latest, trim: false, aggregates: true }),
                    Err(LogError::NoSuchTopic(_)) => Err(error::invalid_argument_exception(format!(
                        "The Kinesis stream {stream_arn} does not exist."
                    ))),
                    Err(failure) => Err(log_error(&ctx.scope, name, failure)),
                }
            }
        }
    }

    /// A topic that is there already was left behind by a crash: a delivery stream that exists was refused
    /// before.
    async fn create_buffer(&self, topic: &TopicId) -> Result<(), LogError> {
        match self.log.create_topic(topic, 1, DIRECT_PUT_RETENTION).await {
            Err(LogError::TopicExists(_)) => {
                self.log.delete_topic(topic).await?;
                self.log.create_topic(topic, 1, DIRECT_PUT_RETENTION).await?;
                Ok(())
            }
            created => created.map(|_| ()),
        }
    }
}

/// Everything that was ever put there, once.
fn of_puts(topic: TopicId) -> flow::Source {
    flow::Source { topic, start: Start::Oldest, trim: true, aggregates: false }
}

/// The topic the Kinesis service keeps the stream's records in.
fn stream_topic(ctx: &Context, stream_arn: &str) -> Result<TopicId, ApiError> {
    let invalid = |reason: &str| {
        error::invalid_argument_exception(format!("KinesisStreamARN {stream_arn} is invalid: {reason}."))
    };
    let arn: Arn = stream_arn.parse().map_err(|_| invalid("it is not an ARN"))?;
    let name = arn.resource.strip_prefix("stream/").filter(|name| !name.is_empty());
    let name = name.filter(|_| arn.service == "kinesis").ok_or_else(|| invalid("it names no stream"))?;
    if arn.account != ctx.scope.account.as_str() || arn.region != ctx.scope.region.as_str() {
        return Err(invalid("the stream belongs to another account or region"));
    }
    Ok(TopicId::new(ctx.scope.clone(), STREAM_SPACE, name))
}
