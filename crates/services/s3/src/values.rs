//! Small conversions between the wire's values and ours.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use names::AccountId;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{ETag, EncodingType, Owner, Tag, TagSet, Timestamp};
use s3s::{S3Result, s3_error};

use crate::error::invalid_argument;
use crate::limits::{PAGE_MAX, TAG_KEY_CHARS_MAX, TAG_VALUE_CHARS_MAX};

pub(crate) fn timestamp(time: rt::Timestamp) -> Timestamp {
    let millis = u64::try_from(time.as_millis()).unwrap_or(0);
    Timestamp::from(UNIX_EPOCH + Duration::from_millis(millis))
}

/// As headers carry it: to the second.
pub(crate) fn http_timestamp(time: rt::Timestamp) -> Timestamp {
    timestamp(rt::Timestamp::from_millis(time.as_millis().div_euclid(1000) * 1000))
}

pub(crate) fn etag(text: &str) -> ETag {
    ETag::Strong(text.to_owned())
}

/// The canonical user id has 64 digits; ours are the account's, with zeros before them.
pub(crate) fn owner(account: &AccountId) -> Owner {
    Owner { display_name: None, id: Some(format!("{:0>64}", account.as_str())) }
}

pub(crate) fn size(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// How many items a page may have: what is asked for, at most a thousand.
pub(crate) fn page_size(asked: Option<i32>, name: &str) -> S3Result<i32> {
    match asked {
        None => Ok(PAGE_MAX),
        Some(asked) if asked >= 0 => Ok(asked.min(PAGE_MAX)),
        Some(_) => {
            Err(invalid_argument(&format!("Argument {name} must be an integer between 0 and 2147483647")))
        }
    }
}

/// What `encoding-type=url` leaves as it is.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'*');

/// Encodes keys for clients whose XML parsers could not read every character.
#[derive(Copy, Clone)]
pub(crate) struct KeyEncoding(bool);

impl KeyEncoding {
    pub(crate) fn of(asked: Option<&EncodingType>) -> S3Result<KeyEncoding> {
        match asked.map(EncodingType::as_str) {
            None => Ok(KeyEncoding(false)),
            Some(EncodingType::URL) => Ok(KeyEncoding(true)),
            Some(_) => Err(invalid_argument("Invalid Encoding Method specified in Request")),
        }
    }

    pub(crate) fn text(self, key: impl Into<String>) -> String {
        let key = key.into();
        if self.0 { utf8_percent_encode(&key, PLAIN).to_string() } else { key }
    }
}

/// Checks a tag set and takes it over.
pub(crate) fn tags_in(tags: TagSet, max: usize) -> S3Result<BTreeMap<String, String>> {
    let count = tags.len();
    let pairs = tags.into_iter().map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()));
    checked_tags(pairs, count, max)
}

/// The tags of a header, which has them as a query string.
pub(crate) fn tags_in_header(header: &str, max: usize) -> S3Result<BTreeMap<String, String>> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_encoding::percent_decode_str(&text)
            .decode_utf8()
            .map(|text| text.into_owned())
            .map_err(|_| s3_error!(InvalidTag, "The header 'x-amz-tagging' is not UTF-8"))
    };
    let mut pairs = Vec::new();
    for pair in header.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.push((decode(key)?, decode(value)?));
    }
    let count = pairs.len();
    checked_tags(pairs.into_iter(), count, max)
}

fn checked_tags(
    pairs: impl Iterator<Item = (String, String)>,
    count: usize,
    max: usize,
) -> S3Result<BTreeMap<String, String>> {
    if count > max {
        return Err(s3_error!(InvalidTag, "Tags cannot be more than {max}"));
    }
    let mut tags = BTreeMap::new();
    for (key, value) in pairs {
        if key.is_empty() || key.chars().count() > TAG_KEY_CHARS_MAX || key.starts_with("aws:") {
            return Err(s3_error!(InvalidTag, "The TagKey you have provided is invalid"));
        }
        if value.chars().count() > TAG_VALUE_CHARS_MAX {
            return Err(s3_error!(InvalidTag, "The TagValue you have provided is invalid"));
        }
        if tags.insert(key, value).is_some() {
            return Err(s3_error!(InvalidTag, "Cannot provide multiple Tags with the same key"));
        }
    }
    Ok(tags)
}

pub(crate) fn tags_out(tags: BTreeMap<String, String>) -> TagSet {
    tags.into_iter().map(|(key, value)| Tag { key: Some(key), value: Some(value) }).collect()
}
