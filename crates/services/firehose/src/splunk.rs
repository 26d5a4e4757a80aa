//! The Splunk destination: settings of the API as a delivery of the engine, and as a description.

use aws::ApiError;
use flow::FlowSpec;
use http::HeaderValue;

use crate::destination;
use crate::endpoint::{Splunk, Target};
use crate::limits::{
    ENDPOINT_RETRY_SECONDS_DEFAULT, SPLUNK_ACKNOWLEDGEMENT_SECONDS_DEFAULT, SPLUNK_BUFFER_DEFAULT,
};
use crate::model::{
    HECEndpointType, SplunkBufferingHints, SplunkDestinationConfiguration, SplunkDestinationDescription,
    SplunkRetryOptions, SplunkS3BackupMode, error,
};
use crate::outside::{Hints, Outside, check_url, seconds_of};

pub(crate) fn delivery(
    name: &str,
    version: u64,
    source: flow::Source,
    settings: &SplunkDestinationConfiguration,
    channel: &str,
) -> Result<FlowSpec, ApiError> {
    check_url("HECEndpoint", &settings.hec_endpoint)?;
    let token = settings.hec_token.clone().filter(|token| !token.is_empty());
    let token = token.filter(|token| HeaderValue::from_str(token).is_ok()).ok_or_else(|| {
        error::invalid_argument_exception(
            "HECToken must be specified, as Splunk's HTTP Event Collector gave it.",
        )
    })?;
    let target = Target::Splunk(Splunk {
        endpoint: settings.hec_endpoint.clone(),
        events: settings.hec_endpoint_type == HECEndpointType::Event,
        token,
        channel: channel.to_owned(),
        acknowledgement_timeout: seconds_of(acknowledgement_seconds(settings)),
    });
    outside(settings).delivery(name, version, source, &target)
}

pub(crate) fn describe(settings: &SplunkDestinationConfiguration) -> SplunkDestinationDescription {
    let Outside { hints, retry_seconds, .. } = outside(settings);
    let (mib, seconds) = hints.filled();
    let settings = settings.clone();
    SplunkDestinationDescription {
        hec_acknowledgment_timeout_in_seconds: Some(acknowledgement_seconds(&settings)),
        retry_options: Some(SplunkRetryOptions { duration_in_seconds: Some(retry_seconds) }),
        hec_endpoint: Some(settings.hec_endpoint),
        hec_endpoint_type: Some(settings.hec_endpoint_type),
        hec_token: settings.hec_token,
        s3_backup_mode: Some(settings.s3_backup_mode.unwrap_or(SplunkS3BackupMode::FailedEventsOnly)),
        s3_destination_description: Some(destination::describe_simple(settings.s3_configuration)),
        processing_configuration: settings.processing_configuration,
        cloud_watch_logging_options: Some(destination::logging(settings.cloud_watch_logging_options)),
        buffering_hints: Some(SplunkBufferingHints {
            interval_in_seconds: Some(seconds),
            size_in_mbs: Some(mib),
        }),
        secrets_manager_configuration: settings.secrets_manager_configuration,
    }
}

fn outside(settings: &SplunkDestinationConfiguration) -> Outside<'_> {
    let given = settings.buffering_hints.clone().unwrap_or_default();
    let retry = settings.retry_options.as_ref().and_then(|options| options.duration_in_seconds);
    Outside {
        hints: Hints {
            given: (given.size_in_mbs, given.interval_in_seconds),
            default: SPLUNK_BUFFER_DEFAULT,
        },
        retry_seconds: retry.unwrap_or(ENDPOINT_RETRY_SECONDS_DEFAULT),
        processing: settings.processing_configuration.as_ref(),
        secrets: settings.secrets_manager_configuration.as_ref(),
        bucket: &settings.s3_configuration,
        keep_all: settings.s3_backup_mode == Some(SplunkS3BackupMode::AllEvents),
    }
}

fn acknowledgement_seconds(settings: &SplunkDestinationConfiguration) -> i32 {
    settings.hec_acknowledgment_timeout_in_seconds.unwrap_or(SPLUNK_ACKNOWLEDGEMENT_SECONDS_DEFAULT)
}
