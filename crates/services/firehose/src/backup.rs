//! Source records kept in a second place.

use aws::ApiError;
use flow::Backup;

use crate::destination::{CONTENT_TYPE, bucket_name, compression};
use crate::model::{
    ExtendedS3DestinationConfiguration, S3BackupMode, S3DestinationConfiguration, S3DestinationDescription,
    error,
};

/// What an enabled backup asks for.
pub(crate) fn requested(
    name: &str,
    version: u64,
    destination: &ExtendedS3DestinationConfiguration,
) -> Result<Option<Backup>, ApiError> {
    if destination.s3_backup_mode != Some(S3BackupMode::Enabled) {
        return Ok(None);
    }
    let backup = destination.s3_backup_configuration.as_ref().ok_or_else(|| {
        error::invalid_argument_exception(
            "S3BackupConfiguration must be specified when S3BackupMode is Enabled.",
        )
    })?;
    copies(&format!("{name}-{version}"), backup).map(Some)
}

/// Copies of all source records in this bucket, in objects that are named after `file`.
pub(crate) fn copies(file: &str, bucket: &S3DestinationConfiguration) -> Result<Backup, ApiError> {
    let (compression, suffix) = compression(bucket.compression_format);
    Ok(Backup {
        bucket: bucket_name(&bucket.bucket_arn)?.to_owned(),
        prefix: bucket.prefix.clone().unwrap_or_default(),
        name: file.to_owned(),
        suffix: suffix.to_owned(),
        compression,
        content_type: Some(CONTENT_TYPE.to_owned()),
    })
}

/// As in the public service, a backup that is on stays on.
pub(crate) fn check_update(
    current: &ExtendedS3DestinationConfiguration,
    updated: &ExtendedS3DestinationConfiguration,
) -> Result<(), ApiError> {
    let enabled = |destination: &ExtendedS3DestinationConfiguration| {
        destination.s3_backup_mode == Some(S3BackupMode::Enabled)
    };
    if enabled(current) && !enabled(updated) {
        return Err(error::invalid_argument_exception(
            "S3BackupMode cannot be changed from Enabled to Disabled.",
        ));
    }
    Ok(())
}

pub(crate) fn describe(backup: &S3DestinationConfiguration) -> S3DestinationDescription {
    crate::destination::describe_simple(backup.clone())
}
