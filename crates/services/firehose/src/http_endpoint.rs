//! The HTTP endpoint destination: settings of the API as a delivery of the engine, and as a description.

use aws::{ApiError, Context};
use flow::FlowSpec;
use http::HeaderValue;

use crate::endpoint::{HttpEndpoint, Target};
use crate::limits::{ENDPOINT_BUFFER_DEFAULT, ENDPOINT_RETRY_SECONDS_DEFAULT};
use crate::model::{
    ContentEncoding, HttpEndpointBufferingHints, HttpEndpointDescription,
    HttpEndpointDestinationConfiguration, HttpEndpointDestinationDescription, HttpEndpointRetryOptions,
    HttpEndpointS3BackupMode, error,
};
use crate::outside::{Hints, Outside, check_url};
use crate::{destination, stream};

pub(crate) fn delivery(
    ctx: &Context,
    name: &str,
    version: u64,
    source: flow::Source,
    settings: &HttpEndpointDestinationConfiguration,
) -> Result<FlowSpec, ApiError> {
    let endpoint = &settings.endpoint_configuration;
    check_url("EndpointConfiguration.Url", &endpoint.url)?;
    let access_key = endpoint.access_key.clone().filter(|key| !key.is_empty());
    if access_key.as_deref().is_some_and(|key| HeaderValue::from_str(key).is_err()) {
        return Err(error::invalid_argument_exception(
            "EndpointConfiguration.AccessKey has characters that cannot be sent in a header.",
        ));
    }
    let request = settings.request_configuration.clone().unwrap_or_default();
    let attributes = request.common_attributes.unwrap_or_default().into_iter();
    let target = Target::Http(HttpEndpoint {
        url: endpoint.url.clone(),
        access_key,
        source_arn: stream::arn(&ctx.scope, name),
        common_attributes: attributes
            .map(|attribute| (attribute.attribute_name, attribute.attribute_value))
            .collect(),
        gzip: request.content_encoding == Some(ContentEncoding::Gzip),
    });
    outside(settings).delivery(name, version, source, &target)
}

/// The access key is nobody's to read.
pub(crate) fn describe(
    settings: &HttpEndpointDestinationConfiguration,
) -> HttpEndpointDestinationDescription {
    let Outside { hints, retry_seconds, .. } = outside(settings);
    let (mib, seconds) = hints.filled();
    let settings = settings.clone();
    HttpEndpointDestinationDescription {
        retry_options: Some(HttpEndpointRetryOptions { duration_in_seconds: Some(retry_seconds) }),
        endpoint_configuration: Some(HttpEndpointDescription {
            url: Some(settings.endpoint_configuration.url),
            name: settings.endpoint_configuration.name,
        }),
        buffering_hints: Some(HttpEndpointBufferingHints {
            size_in_mbs: Some(mib),
            interval_in_seconds: Some(seconds),
        }),
        cloud_watch_logging_options: Some(destination::logging(settings.cloud_watch_logging_options)),
        request_configuration: Some(settings.request_configuration.unwrap_or_default()),
        processing_configuration: settings.processing_configuration,
        role_arn: settings.role_arn,
        s3_backup_mode: Some(settings.s3_backup_mode.unwrap_or(HttpEndpointS3BackupMode::FailedDataOnly)),
        s3_destination_description: Some(destination::describe_simple(settings.s3_configuration)),
        secrets_manager_configuration: settings.secrets_manager_configuration,
    }
}

fn outside(settings: &HttpEndpointDestinationConfiguration) -> Outside<'_> {
    let given = settings.buffering_hints.clone().unwrap_or_default();
    let retry = settings.retry_options.as_ref().and_then(|options| options.duration_in_seconds);
    Outside {
        hints: Hints {
            given: (given.size_in_mbs, given.interval_in_seconds),
            default: ENDPOINT_BUFFER_DEFAULT,
        },
        retry_seconds: retry.unwrap_or(ENDPOINT_RETRY_SECONDS_DEFAULT),
        processing: settings.processing_configuration.as_ref(),
        secrets: settings.secrets_manager_configuration.as_ref(),
        bucket: &settings.s3_configuration,
        keep_all: settings.s3_backup_mode == Some(HttpEndpointS3BackupMode::AllData),
    }
}
