//! The S3 destination: settings of the API as a delivery of the engine, and back as a description.

use std::time::Duration;

use aws::{ApiError, Context};
use flow::{Buffer, Compression, Encode, ErrorShape, FlowSpec, Prefix, RawEncode, Sink};
use serde_json::Value;

use crate::Firehose;
use crate::error::{bucket_error, spec_error};
use crate::limits::{
    BUFFER_MIB_DEFAULT, BUFFER_MIB_DEFAULT_CONVERTED, BUFFER_MIB_MIN_CONVERTED, INTERVAL_SECONDS_DEFAULT,
};
use crate::model::{
    BufferingHints, CloudWatchLoggingOptions, CompressionFormat, CreateDeliveryStreamInput,
    DestinationDescription, EncryptionConfiguration, ExtendedS3DestinationConfiguration,
    ExtendedS3DestinationDescription, NoEncryptionConfig, S3BackupMode, S3DestinationConfiguration,
    S3DestinationDescription, UpdateDestinationInput, error,
};
use crate::stream::DESTINATION_ID;
use crate::{processing, schema};

/// The destination a request asks for; the older form is a part of the newer one.
pub(crate) fn requested(
    input: &CreateDeliveryStreamInput,
) -> Result<ExtendedS3DestinationConfiguration, ApiError> {
    match (&input.extended_s3_destination_configuration, &input.s3_destination_configuration) {
        (Some(extended), None) => Ok(extended.clone()),
        (None, Some(simple)) => Ok(extend(simple.clone())),
        (Some(_), Some(_)) => Err(error::invalid_argument_exception(
            "Exactly one destination configuration is supported for a Firehose",
        )),
        (None, None) => {
            Err(error::invalid_argument_exception("No destination configuration is given for the Firehose."))
        }
    }
}

/// The destination with the settings that the request names; the others stay. A setting that has members is
/// replaced whole.
pub(crate) fn updated(
    current: &ExtendedS3DestinationConfiguration,
    input: &UpdateDestinationInput,
) -> Result<ExtendedS3DestinationConfiguration, ApiError> {
    let update = match (&input.extended_s3_destination_update, &input.s3_destination_update) {
        (Some(extended), None) => serde_json::to_value(extended),
        (None, Some(simple)) => serde_json::to_value(simple),
        _ => {
            return Err(error::invalid_argument_exception(
                "Exactly one destination update is supported for a Firehose",
            ));
        }
    };
    // All three shapes name their members alike.
    let mut settings = serde_json::to_value(current).map_err(ApiError::internal)?;
    if let Value::Object(update) = update.map_err(ApiError::internal)? {
        for (name, value) in update {
            settings[name] = value;
        }
    }
    serde_json::from_value(settings).map_err(ApiError::internal)
}

fn extend(simple: S3DestinationConfiguration) -> ExtendedS3DestinationConfiguration {
    let S3DestinationConfiguration {
        role_arn,
        bucket_arn,
        prefix,
        error_output_prefix,
        buffering_hints,
        compression_format,
        encryption_configuration,
        cloud_watch_logging_options,
    } = simple;
    ExtendedS3DestinationConfiguration {
        role_arn,
        bucket_arn,
        prefix,
        error_output_prefix,
        buffering_hints,
        compression_format,
        encryption_configuration,
        cloud_watch_logging_options,
        ..ExtendedS3DestinationConfiguration::default()
    }
}

impl Firehose {
    /// The delivery that does what the destination says. Contradictions, and a bucket or table that does
    /// not exist, are refused.
    pub(crate) async fn delivery(
        &self,
        ctx: &Context,
        name: &str,
        version: u64,
        source: flow::Source,
        destination: &ExtendedS3DestinationConfiguration,
    ) -> Result<FlowSpec, ApiError> {
        check_supported(destination)?;
        check_prefixes(destination)?;
        let buffer = buffer(destination)?;
        let (encode, errors, suffix) = encoding(ctx, destination)?;
        let bucket = bucket_name(&destination.bucket_arn)?;
        let sink = Sink {
            bucket: bucket.to_owned(),
            prefix: destination.prefix.clone().unwrap_or_default(),
            error_prefix: destination.error_output_prefix.clone().unwrap_or_default(),
            name: format!("{name}-{version}"),
            suffix: extension(destination).unwrap_or(suffix).to_owned(),
            time_zone: destination.custom_time_zone.clone().unwrap_or_default(),
            content_type: Some("application/octet-stream".to_owned()),
            errors,
        };
        let spec = FlowSpec { source, buffer, encode, sink, register_partitions: true };
        spec.check().map_err(|failure| spec_error(&failure))?;
        self.objects.bucket(bucket).await.map_err(|failure| bucket_error(bucket, failure))?;
        if let Encode::Parquet(parquet) = &spec.encode {
            self.check_schema(parquet).await?;
        }
        Ok(spec)
    }
}

/// As DescribeDeliveryStream shows it: what was given, and the defaults of what was not.
pub(crate) fn describe(destination: &ExtendedS3DestinationConfiguration) -> DestinationDescription {
    let destination = destination.clone();
    let hints = hints(&destination);
    let compression = destination.compression_format.unwrap_or(CompressionFormat::Uncompressed);
    let encryption =
        destination.encryption_configuration.clone().unwrap_or_else(|| EncryptionConfiguration {
            no_encryption_config: Some(NoEncryptionConfig::NoEncryption),
            ..EncryptionConfiguration::default()
        });
    let logging = destination.cloud_watch_logging_options.clone().unwrap_or_else(|| {
        CloudWatchLoggingOptions { enabled: Some(false), ..CloudWatchLoggingOptions::default() }
    });
    let simple = S3DestinationDescription {
        role_arn: destination.role_arn.clone(),
        bucket_arn: destination.bucket_arn.clone(),
        prefix: destination.prefix.clone(),
        error_output_prefix: destination.error_output_prefix.clone(),
        buffering_hints: hints.clone(),
        compression_format: compression,
        encryption_configuration: encryption.clone(),
        cloud_watch_logging_options: Some(logging.clone()),
    };
    let extended = ExtendedS3DestinationDescription {
        role_arn: destination.role_arn,
        bucket_arn: destination.bucket_arn,
        prefix: destination.prefix,
        error_output_prefix: destination.error_output_prefix,
        buffering_hints: hints,
        compression_format: compression,
        encryption_configuration: encryption,
        cloud_watch_logging_options: Some(logging),
        processing_configuration: destination.processing_configuration,
        s3_backup_mode: Some(destination.s3_backup_mode.unwrap_or(S3BackupMode::Disabled)),
        s3_backup_description: None,
        data_format_conversion_configuration: destination.data_format_conversion_configuration,
        dynamic_partitioning_configuration: destination.dynamic_partitioning_configuration,
        file_extension: destination.file_extension,
        custom_time_zone: Some(destination.custom_time_zone.unwrap_or_else(|| "UTC".to_owned())),
    };
    DestinationDescription {
        destination_id: DESTINATION_ID.to_owned(),
        s3_destination_description: Some(simple),
        extended_s3_destination_description: Some(extended),
        ..DestinationDescription::default()
    }
}

/// What is valid for the public service and not built here.
fn check_supported(destination: &ExtendedS3DestinationConfiguration) -> Result<(), ApiError> {
    let unsupported = |what: &str| {
        Err(error::invalid_argument_exception(format!("{what} is not supported by Mulgil yet.")))
    };
    if destination.s3_backup_mode == Some(S3BackupMode::Enabled) {
        return unsupported("S3BackupMode Enabled");
    }
    let partitioning = destination.dynamic_partitioning_configuration.as_ref();
    if partitioning.is_some_and(|partitioning| partitioning.enabled == Some(true)) {
        return unsupported("DynamicPartitioningConfiguration Enabled");
    }
    match destination.compression_format {
        None | Some(CompressionFormat::Uncompressed | CompressionFormat::Gzip) => Ok(()),
        Some(
            other @ (CompressionFormat::Zip | CompressionFormat::Snappy | CompressionFormat::HadoopSnappy),
        ) => unsupported(&format!("CompressionFormat {other}")),
    }
}

fn check_prefixes(destination: &ExtendedS3DestinationConfiguration) -> Result<(), ApiError> {
    let prefix = destination.prefix.as_deref().unwrap_or_default();
    let errors = destination.error_output_prefix.as_deref().unwrap_or_default();
    let invalid = |field: &str, failure: &flow::PrefixError| {
        let cause = std::error::Error::source(failure).map_or_else(String::new, |cause| format!(": {cause}"));
        error::invalid_argument_exception(format!("{field} is invalid: {failure}{cause}."))
    };
    let expressions = Prefix::has_expressions(prefix).map_err(|failure| invalid("Prefix", &failure))?;
    if expressions && errors.is_empty() {
        return Err(error::invalid_argument_exception(
            "ErrorOutputPrefix cannot be null or empty when Prefix contains expressions.",
        ));
    }
    let error_expressions =
        Prefix::has_expressions(errors).map_err(|failure| invalid("ErrorOutputPrefix", &failure))?;
    let names_failure =
        Prefix::names_failure(errors).map_err(|failure| invalid("ErrorOutputPrefix", &failure))?;
    if error_expressions && !names_failure {
        // The public service refuses this; what it means is plain, so it is done.
        tracing::warn!(
            firehose.error_output_prefix = errors,
            "ErrorOutputPrefix has expressions but no !{{firehose:error-output-type}}: failures of all kinds share it"
        );
    }
    Ok(())
}

fn hints(destination: &ExtendedS3DestinationConfiguration) -> BufferingHints {
    let converted = schema::enabled(destination.data_format_conversion_configuration.as_ref());
    let size = if converted { BUFFER_MIB_DEFAULT_CONVERTED } else { BUFFER_MIB_DEFAULT };
    let given = destination.buffering_hints.clone().unwrap_or_default();
    BufferingHints {
        size_in_mbs: Some(given.size_in_mbs.unwrap_or(size)),
        interval_in_seconds: Some(given.interval_in_seconds.unwrap_or(INTERVAL_SECONDS_DEFAULT)),
    }
}

fn buffer(destination: &ExtendedS3DestinationConfiguration) -> Result<Buffer, ApiError> {
    let given = destination.buffering_hints.clone().unwrap_or_default();
    if given.size_in_mbs.is_some() != given.interval_in_seconds.is_some() {
        return Err(error::invalid_argument_exception(
            "BufferingHints must specify both SizeInMBs and IntervalInSeconds, or neither.",
        ));
    }
    let BufferingHints { size_in_mbs, interval_in_seconds } = hints(destination);
    let mib = size_in_mbs.unwrap_or(BUFFER_MIB_DEFAULT);
    let converted = schema::enabled(destination.data_format_conversion_configuration.as_ref());
    if converted && mib < BUFFER_MIB_MIN_CONVERTED {
        return Err(error::invalid_argument_exception(format!(
            "BufferingHints.SizeInMBs must be at least {BUFFER_MIB_MIN_CONVERTED} when data format conversion is enabled."
        )));
    }
    let seconds = interval_in_seconds.unwrap_or(INTERVAL_SECONDS_DEFAULT);
    Ok(Buffer {
        bytes: u64::try_from(mib).unwrap_or(1) << 20,
        interval: Duration::from_secs(u64::try_from(seconds).unwrap_or(0)),
    })
}

/// How records become objects, the shape of error lines, and the usual file extension.
fn encoding(
    ctx: &Context,
    destination: &ExtendedS3DestinationConfiguration,
) -> Result<(Encode, ErrorShape, &'static str), ApiError> {
    let delimiter = processing::delimiter(destination.processing_configuration.as_ref())?;
    let gzip = destination.compression_format == Some(CompressionFormat::Gzip);
    let conversion = destination.data_format_conversion_configuration.as_ref();
    if let Some(conversion) = conversion.filter(|conversion| schema::enabled(Some(*conversion))) {
        if gzip {
            return Err(error::invalid_argument_exception(
                "CompressionFormat must be UNCOMPRESSED when data format conversion is enabled; the compression of Parquet is set in ParquetSerDe.",
            ));
        }
        // A delimiter between JSON documents means nothing to a columnar file.
        let (parquet, errors) = schema::requested(ctx, conversion)?;
        return Ok((schema::encode(parquet), errors, ".parquet"));
    }
    let compression = if gzip { Compression::Gzip } else { Compression::None };
    let suffix = if gzip { ".gz" } else { "" };
    Ok((Encode::Raw(RawEncode { delimiter, compression }), ErrorShape::default(), suffix))
}

fn extension(destination: &ExtendedS3DestinationConfiguration) -> Option<&str> {
    destination.file_extension.as_deref().filter(|extension| !extension.is_empty())
}

/// The model has checked the form.
fn bucket_name(arn: &str) -> Result<&str, ApiError> {
    arn.rsplit_once(":::")
        .map(|(_, bucket)| bucket)
        .filter(|bucket| !bucket.is_empty())
        .ok_or_else(|| error::invalid_argument_exception(format!("BucketARN {arn} names no bucket.")))
}
