//! What a client says about an object's bytes and gets back with them.

use std::collections::BTreeMap;

use s3s::dto::{Metadata, Timestamp, TimestampFormat};
use s3s::{S3Error, S3Result, s3_error};

use crate::limits::METADATA_BYTES_MAX;

pub(crate) const CACHE_CONTROL: &str = "cache-control";
pub(crate) const CONTENT_DISPOSITION: &str = "content-disposition";
pub(crate) const CONTENT_ENCODING: &str = "content-encoding";
pub(crate) const CONTENT_LANGUAGE: &str = "content-language";
pub(crate) const EXPIRES: &str = "expires";

/// What S3 says of an object whose type nobody told.
pub(crate) const CONTENT_TYPE_DEFAULT: &str = "binary/octet-stream";

/// The description in an input that has these fields.
macro_rules! described {
    ($input:expr) => {
        $crate::description::Description::new(
            $input.content_type.clone(),
            [
                ($crate::description::CACHE_CONTROL, $input.cache_control.clone()),
                ($crate::description::CONTENT_DISPOSITION, $input.content_disposition.clone()),
                ($crate::description::CONTENT_ENCODING, $input.content_encoding.clone()),
                ($crate::description::CONTENT_LANGUAGE, $input.content_language.clone()),
            ],
            $input.expires.as_ref(),
            $input.metadata.clone(),
        )
    };
}
pub(crate) use described;

pub(crate) struct Description {
    pub(crate) content_type: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) user_metadata: BTreeMap<String, String>,
}

impl Description {
    pub(crate) fn new(
        content_type: Option<String>,
        headers: [(&str, Option<String>); 4],
        expires: Option<&Timestamp>,
        metadata: Option<Metadata>,
    ) -> S3Result<Description> {
        let mut kept = BTreeMap::new();
        for (name, value) in headers {
            let value = if name == CONTENT_ENCODING { value.and_then(without_chunks) } else { value };
            if let Some(value) = value {
                kept.insert(name.to_owned(), value);
            }
        }
        if let Some(expires) = expires {
            kept.insert(EXPIRES.to_owned(), http_date(expires)?);
        }
        let user_metadata: BTreeMap<String, String> = metadata.unwrap_or_default().into_iter().collect();
        if user_metadata.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
            > METADATA_BYTES_MAX
        {
            return Err(s3_error!(
                MetadataTooLarge,
                "Your metadata headers exceed the maximum allowed metadata size"
            ));
        }
        let content_type =
            content_type.filter(|text| !text.is_empty()).unwrap_or_else(|| CONTENT_TYPE_DEFAULT.to_owned());
        Ok(Description { content_type, headers: kept, user_metadata })
    }
}

/// `aws-chunked` says how the bytes travelled, not what they are.
fn without_chunks(encoding: String) -> Option<String> {
    let kept: Vec<&str> = encoding
        .split(',')
        .map(str::trim)
        .filter(|token| !token.is_empty() && !token.eq_ignore_ascii_case("aws-chunked"))
        .collect();
    (!kept.is_empty()).then(|| kept.join(","))
}

fn http_date(time: &Timestamp) -> S3Result<String> {
    let mut text = Vec::new();
    time.format(TimestampFormat::HttpDate, &mut text).map_err(S3Error::internal_error)?;
    String::from_utf8(text).map_err(S3Error::internal_error)
}

pub(crate) fn parse_http_date(text: &str) -> Option<Timestamp> {
    Timestamp::parse(TimestampFormat::HttpDate, text).ok()
}

pub(crate) fn metadata(user_metadata: &BTreeMap<String, String>) -> Option<Metadata> {
    let pairs = user_metadata.iter().map(|(name, value)| (name.clone(), value.clone()));
    (!user_metadata.is_empty()).then(|| pairs.collect())
}
