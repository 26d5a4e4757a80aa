//! What destinations outside have in common: a bucket for what they do not take, or for everything.

use std::time::Duration;

use aws::ApiError;
use flow::{Backup, Buffer, Encode, ErrorShape, FlowSpec, RequestEncode, Sink};

use crate::destination::{bucket_name, checked_prefix, compression, extend};
use crate::error::{bucket_error, spec_error};
use crate::model::{ProcessingConfiguration, S3DestinationConfiguration, SecretsManagerConfiguration, error};
use crate::{Firehose, processing};

/// Settings that every destination outside has.
pub(crate) struct Outside<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: u64,
    pub(crate) source: flow::Source,
    pub(crate) buffer: Buffer,
    pub(crate) processing: Option<&'a ProcessingConfiguration>,
    pub(crate) secrets: Option<&'a SecretsManagerConfiguration>,
    pub(crate) bucket: &'a S3DestinationConfiguration,
    /// Everything is kept in the bucket, not only what was not taken.
    pub(crate) keep_all: bool,
    pub(crate) errors: ErrorShape,
}

impl Outside<'_> {
    /// `encode` without the delimiter, which is the processors'.
    pub(crate) fn delivery(self, mut encode: RequestEncode) -> Result<FlowSpec, ApiError> {
        if self.secrets.is_some_and(|secrets| secrets.enabled) {
            return Err(error::invalid_argument_exception(
                "SecretsManagerConfiguration Enabled is not supported by Mulgil yet: there is no Secrets Manager.",
            ));
        }
        let processing = processing::requested(self.processing)?;
        if processing.query.is_some() {
            return Err(error::invalid_argument_exception(
                "Processor type MetadataExtraction is only applicable to destinations with Dynamic Partitioning.",
            ));
        }
        encode.delimiter = processing.delimiter;
        checked_prefix(&extend(self.bucket.clone()))?;
        let file = format!("{}-{}", self.name, self.version);
        let content_type = Some("application/octet-stream".to_owned());
        let bucket = bucket_name(&self.bucket.bucket_arn)?.to_owned();
        let prefix = self.bucket.prefix.clone().unwrap_or_default();
        let backup = self.keep_all.then(|| {
            let (compression, suffix) = compression(self.bucket.compression_format);
            Backup {
                bucket: bucket.clone(),
                prefix: prefix.clone(),
                name: file.clone(),
                suffix: suffix.to_owned(),
                compression,
                content_type: content_type.clone(),
            }
        });
        let sink = Sink {
            bucket,
            prefix,
            error_prefix: self.bucket.error_output_prefix.clone().unwrap_or_default(),
            name: file,
            suffix: String::new(),
            time_zone: String::new(),
            content_type,
            errors: self.errors,
        };
        Ok(FlowSpec {
            source: self.source,
            buffer: self.buffer,
            encode: Encode::Requests(Box::new(encode)),
            sink,
            register_partitions: false,
            operators: processing.operators,
            partitioning: None,
            backup,
            live: false,
        })
    }
}

impl Firehose {
    /// What the engine cannot execute, and buckets that do not exist.
    pub(crate) async fn check_delivery(&self, spec: &FlowSpec) -> Result<(), ApiError> {
        spec.check().map_err(|failure| spec_error(&failure))?;
        let backup = spec.backup.as_ref().map(|backup| backup.bucket.as_str());
        for bucket in [Some(spec.sink.bucket.as_str()), backup].into_iter().flatten() {
            self.objects.bucket(bucket).await.map_err(|failure| bucket_error(bucket, failure))?;
        }
        Ok(())
    }
}

/// The hints, of which the public service takes both or none.
pub(crate) fn hints(size: Option<i32>, interval: Option<i32>, default: (i32, i32)) -> (i32, i32) {
    (size.unwrap_or(default.0), interval.unwrap_or(default.1))
}

pub(crate) fn buffer((mib, seconds): (i32, i32)) -> Buffer {
    Buffer { bytes: u64::try_from(mib).unwrap_or(1) << 20, interval: seconds_of(seconds) }
}

pub(crate) fn seconds_of(seconds: i32) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// A URL that requests can be sent to.
pub(crate) fn check_url(field: &str, url: &str) -> Result<(), ApiError> {
    let parsed = url.parse::<http::Uri>().ok();
    let usable = parsed.is_some_and(|uri| uri.scheme_str() == Some("https") && uri.host().is_some());
    match usable {
        true => Ok(()),
        false => Err(error::invalid_argument_exception(format!(
            "{field} must be a URL that begins with https://."
        ))),
    }
}
