//! The S3 destination: settings of the API as a delivery of the engine, and back as a description.

use aws::{ApiError, Context};
use flow::{Buffer, Compression, Encode, ErrorShape, FlowSpec, Prefix, RawEncode, Sink};
use serde_json::Value;

use crate::Firehose;
use crate::limits::{
    BUFFER_MIB_DEFAULT, BUFFER_MIB_DEFAULT_LARGE, BUFFER_MIB_MIN_LARGE, INTERVAL_SECONDS_DEFAULT,
};
use crate::model::{
    BufferingHints, CloudWatchLoggingOptions, CompressionFormat, CreateDeliveryStreamInput,
    DestinationDescription, EncryptionConfiguration, ExtendedS3DestinationConfiguration,
    ExtendedS3DestinationDescription, NoEncryptionConfig, S3BackupMode, S3DestinationConfiguration,
    S3DestinationDescription, UpdateDestinationInput, error,
};
use crate::outside::Hints;
use crate::stream::DESTINATION_ID;
use crate::{backup, failures, partitioning, processing, schema};

/// Of every object that is delivered.
pub(crate) const CONTENT_TYPE: &str = "application/octet-stream";

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
            match (name.as_str(), value) {
                // The one with another name, and the one of which members are replaced one by one.
                ("S3BackupUpdate", Value::Object(members)) => {
                    for (member, value) in members {
                        settings["S3BackupConfiguration"][member] = value;
                    }
                }
                (name, value) => settings[name] = value,
            }
        }
    }
    let updated = serde_json::from_value(settings).map_err(ApiError::internal)?;
    partitioning::check_update(current, &updated)?;
    backup::check_update(current, &updated)?;
    Ok(updated)
}

pub(crate) fn extend(simple: S3DestinationConfiguration) -> ExtendedS3DestinationConfiguration {
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
    pub(crate) async fn delivery_to_s3(
        &self,
        ctx: &Context,
        name: &str,
        version: u64,
        source: flow::Source,
        destination: &ExtendedS3DestinationConfiguration,
    ) -> Result<FlowSpec, ApiError> {
        let processing = processing::requested(destination.processing_configuration.as_ref())?;
        let prefix = checked_prefix(destination)?;
        partitioning::check(destination, &prefix, &processing)?;
        let buffer = buffer(destination)?;
        let (encode, errors, suffix) = encoding(ctx, destination, processing.delimiter)?;
        let bucket = bucket_name(&destination.bucket_arn)?;
        let sink = Sink {
            bucket: bucket.to_owned(),
            prefix: destination.prefix.clone().unwrap_or_default(),
            error_prefix: destination.error_output_prefix.clone().unwrap_or_default(),
            name: format!("{name}-{version}"),
            suffix: extension(destination).unwrap_or(suffix).to_owned(),
            time_zone: destination.custom_time_zone.clone().unwrap_or_default(),
            content_type: Some(CONTENT_TYPE.to_owned()),
            errors,
        };
        let spec = FlowSpec {
            source,
            buffer,
            encode,
            sink,
            register_partitions: true,
            operators: processing.operators,
            partitioning: partitioning::requested(destination),
            backup: backup::requested(name, version, destination)?,
            live: false,
        };
        self.check_delivery(&spec).await?;
        if let Encode::Parquet(parquet) = &spec.encode {
            self.check_schema(parquet).await?;
        }
        Ok(spec)
    }
}

/// As DescribeDeliveryStream shows it: what was given, and the defaults of what was not.
pub(crate) fn describe(destination: &ExtendedS3DestinationConfiguration) -> DestinationDescription {
    let destination = destination.clone();
    let (mib, seconds) = hints(&destination).filled();
    let simple = describe_simple(S3DestinationConfiguration {
        role_arn: destination.role_arn.clone(),
        bucket_arn: destination.bucket_arn.clone(),
        prefix: destination.prefix.clone(),
        error_output_prefix: destination.error_output_prefix.clone(),
        buffering_hints: Some(BufferingHints { size_in_mbs: Some(mib), interval_in_seconds: Some(seconds) }),
        compression_format: destination.compression_format,
        encryption_configuration: destination.encryption_configuration.clone(),
        cloud_watch_logging_options: destination.cloud_watch_logging_options.clone(),
    });
    let extended = ExtendedS3DestinationDescription {
        role_arn: destination.role_arn,
        bucket_arn: destination.bucket_arn,
        prefix: destination.prefix,
        error_output_prefix: destination.error_output_prefix,
        buffering_hints: simple.buffering_hints.clone(),
        compression_format: simple.compression_format,
        encryption_configuration: simple.encryption_configuration.clone(),
        cloud_watch_logging_options: simple.cloud_watch_logging_options.clone(),
        processing_configuration: destination.processing_configuration,
        s3_backup_mode: Some(destination.s3_backup_mode.unwrap_or(S3BackupMode::Disabled)),
        s3_backup_description: destination.s3_backup_configuration.as_ref().map(backup::describe),
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

pub(crate) fn describe_simple(destination: S3DestinationConfiguration) -> S3DestinationDescription {
    let none = EncryptionConfiguration {
        no_encryption_config: Some(NoEncryptionConfig::NoEncryption),
        ..EncryptionConfiguration::default()
    };
    let given = destination.buffering_hints.unwrap_or_default();
    S3DestinationDescription {
        role_arn: destination.role_arn,
        bucket_arn: destination.bucket_arn,
        prefix: destination.prefix,
        error_output_prefix: destination.error_output_prefix,
        buffering_hints: BufferingHints {
            size_in_mbs: Some(given.size_in_mbs.unwrap_or(BUFFER_MIB_DEFAULT)),
            interval_in_seconds: Some(given.interval_in_seconds.unwrap_or(INTERVAL_SECONDS_DEFAULT)),
        },
        compression_format: destination.compression_format.unwrap_or(CompressionFormat::Uncompressed),
        encryption_configuration: destination.encryption_configuration.unwrap_or(none),
        cloud_watch_logging_options: Some(logging(destination.cloud_watch_logging_options)),
    }
}

/// As a description shows it: off unless it was given.
pub(crate) fn logging(given: Option<CloudWatchLoggingOptions>) -> CloudWatchLoggingOptions {
    given.unwrap_or_else(|| CloudWatchLoggingOptions {
        enabled: Some(false),
        ..CloudWatchLoggingOptions::default()
    })
}

/// The prefix of delivered objects, once it and the one of errors are known to go together.
pub(crate) fn checked_prefix(destination: &ExtendedS3DestinationConfiguration) -> Result<Prefix, ApiError> {
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
    Prefix::parse(prefix).map_err(|failure| invalid("Prefix", &failure))
}

fn hints(destination: &ExtendedS3DestinationConfiguration) -> Hints {
    let converted = schema::enabled(destination.data_format_conversion_configuration.as_ref());
    let large = converted || partitioning::enabled(destination);
    let size = if large { BUFFER_MIB_DEFAULT_LARGE } else { BUFFER_MIB_DEFAULT };
    let given = destination.buffering_hints.clone().unwrap_or_default();
    Hints { given: (given.size_in_mbs, given.interval_in_seconds), default: (size, INTERVAL_SECONDS_DEFAULT) }
}

fn buffer(destination: &ExtendedS3DestinationConfiguration) -> Result<Buffer, ApiError> {
    let hints = hints(destination);
    let buffer = hints.buffer()?;
    let (mib, _) = hints.filled();
    let converted = schema::enabled(destination.data_format_conversion_configuration.as_ref());
    let partitioned = partitioning::enabled(destination);
    for (large, what) in [(converted, "data format conversion"), (partitioned, "Dynamic Partitioning")] {
        if large && mib < BUFFER_MIB_MIN_LARGE {
            return Err(error::invalid_argument_exception(format!(
                "BufferingHints.SizeInMBs must be at least {BUFFER_MIB_MIN_LARGE} when {what} is enabled."
            )));
        }
    }
    Ok(buffer)
}

/// How records become objects, the shape of error lines, and the usual file extension.
fn encoding(
    ctx: &Context,
    destination: &ExtendedS3DestinationConfiguration,
    delimiter: Option<String>,
) -> Result<(Encode, ErrorShape, &'static str), ApiError> {
    let given = destination.compression_format;
    let conversion = destination.data_format_conversion_configuration.as_ref();
    if let Some(conversion) = conversion.filter(|conversion| schema::enabled(Some(*conversion))) {
        if given.is_some_and(|given| given != CompressionFormat::Uncompressed) {
            return Err(error::invalid_argument_exception(
                "CompressionFormat must be UNCOMPRESSED when data format conversion is enabled; the compression of Parquet is set in ParquetSerDe.",
            ));
        }
        // A delimiter between JSON documents means nothing to a columnar file.
        let (parquet, errors) = schema::requested(ctx, conversion)?;
        let suffix = if parquet.orc.is_some() { ".orc" } else { ".parquet" };
        return Ok((schema::encode(parquet), failures::with_processing(errors), suffix));
    }
    let (compression, suffix) = compression(given);
    Ok((Encode::Raw(RawEncode { delimiter, compression }), failures::processing_shape(), suffix))
}

/// And the usual file extension.
pub(crate) fn compression(given: Option<CompressionFormat>) -> (Compression, &'static str) {
    match given {
        None | Some(CompressionFormat::Uncompressed) => (Compression::None, ""),
        Some(CompressionFormat::Gzip) => (Compression::Gzip, ".gz"),
        Some(CompressionFormat::Zip) => (Compression::Zip, ".zip"),
        Some(CompressionFormat::Snappy) => (Compression::Snappy, ".snappy"),
        Some(CompressionFormat::HadoopSnappy) => (Compression::HadoopSnappy, ".hsnappy"),
    }
}

fn extension(destination: &ExtendedS3DestinationConfiguration) -> Option<&str> {
    destination.file_extension.as_deref().filter(|extension| !extension.is_empty())
}

/// The model has checked the form.
pub(crate) fn bucket_name(arn: &str) -> Result<&str, ApiError> {
    arn.rsplit_once(":::")
        .map(|(_, bucket)| bucket)
        .filter(|bucket| !bucket.is_empty())
        .ok_or_else(|| error::invalid_argument_exception(format!("BucketARN {arn} names no bucket.")))
}
