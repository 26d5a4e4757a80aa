//! What destinations outside have in common: a bucket for what they do not take, or for everything.

use std::time::Duration;

use aws::ApiError;
use flow::{Backup, Buffer, Cause, Encode, ErrorShape, FailureKind, FlowSpec, RequestEncode, Sink};

use crate::destination::{CONTENT_TYPE, bucket_name, checked_prefix, extend};
use crate::endpoint::Target;
use crate::error::{bucket_error, spec_error};
use crate::limits::ENDPOINT_REQUEST_BYTES_MAX;
use crate::model::{ProcessingConfiguration, S3DestinationConfiguration, SecretsManagerConfiguration, error};
use crate::{Firehose, backup, failures, processing};

/// Settings that every destination outside has.
pub(crate) struct Outside<'a> {
    pub(crate) hints: Hints,
    pub(crate) retry_seconds: i32,
    pub(crate) processing: Option<&'a ProcessingConfiguration>,
    pub(crate) secrets: Option<&'a SecretsManagerConfiguration>,
    pub(crate) bucket: &'a S3DestinationConfiguration,
    /// Everything is kept in the bucket, not only what was not taken.
    pub(crate) keep_all: bool,
}

impl Outside<'_> {
    pub(crate) fn delivery(
        self,
        name: &str,
        version: u64,
        source: flow::Source,
        target: &Target,
    ) -> Result<FlowSpec, ApiError> {
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
        let (failure, kind) = match target {
            Target::Http(_) => (Cause::Endpoint, FailureKind::Endpoint),
            Target::Splunk(_) => (Cause::Splunk, FailureKind::Splunk),
        };
        let encode = RequestEncode {
            target: target.to_value(),
            delimiter: processing.delimiter,
            request_bytes: ENDPOINT_REQUEST_BYTES_MAX,
            retry: seconds_of(self.retry_seconds),
            failure,
        };
        let file = format!("{name}-{version}");
        let (sink, backup) = aside(&file, self.bucket, self.keep_all, failures::outside(kind))?;
        Ok(FlowSpec {
            source,
            buffer: self.hints.buffer()?,
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

/// The bucket beside a destination: error outputs go there, and copies of all source records if it keeps them.
pub(crate) fn aside(
    file: &str,
    bucket: &S3DestinationConfiguration,
    keep_all: bool,
    errors: ErrorShape,
) -> Result<(Sink, Option<Backup>), ApiError> {
    checked_prefix(&extend(bucket.clone()))?;
    let backup = if keep_all { Some(backup::copies(file, bucket)?) } else { None };
    let sink = Sink {
        bucket: bucket_name(&bucket.bucket_arn)?.to_owned(),
        prefix: bucket.prefix.clone().unwrap_or_default(),
        error_prefix: bucket.error_output_prefix.clone().unwrap_or_default(),
        name: file.to_owned(),
        suffix: String::new(),
        time_zone: String::new(),
        content_type: Some(CONTENT_TYPE.to_owned()),
        errors,
    };
    Ok((sink, backup))
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

/// The hints of a buffer as they were given: MiB and seconds.
#[derive(Clone, Copy)]
pub(crate) struct Hints {
    pub(crate) given: (Option<i32>, Option<i32>),
    pub(crate) default: (i32, i32),
}

impl Hints {
    pub(crate) fn filled(self) -> (i32, i32) {
        let Hints { given: (mib, seconds), default } = self;
        (mib.unwrap_or(default.0), seconds.unwrap_or(default.1))
    }

    /// Both are given or none.
    pub(crate) fn buffer(self) -> Result<Buffer, ApiError> {
        if self.given.0.is_some() != self.given.1.is_some() {
            return Err(error::invalid_argument_exception(
                "BufferingHints must specify both SizeInMBs and IntervalInSeconds, or neither.",
            ));
        }
        let (mib, seconds) = self.filled();
        Ok(Buffer { bytes: u64::try_from(mib).unwrap_or(1) << 20, interval: seconds_of(seconds) })
    }
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
