//! Conditions of requests, in the order RFC 9110 gives them.

use http::{HeaderMap, HeaderValue, header};
use objects::{Condition, ObjectInfo};
use s3s::dto::{ETagCondition, Timestamp, TimestampFormat};
use s3s::{S3Error, S3ErrorCode, S3Result};

use crate::error::{not_implemented, precondition_failed};
use crate::values::http_timestamp;

/// The four conditions of a read.
pub(crate) struct ReadConditions<'a> {
    pub(crate) if_match: Option<&'a ETagCondition>,
    pub(crate) if_none_match: Option<&'a ETagCondition>,
    pub(crate) if_modified_since: Option<&'a Timestamp>,
    pub(crate) if_unmodified_since: Option<&'a Timestamp>,
}

enum Verdict {
    Read,
    NotModified,
    Failed,
}

impl ReadConditions<'_> {
    /// For GET and HEAD: what the client has already is "not modified".
    pub(crate) fn check(&self, object: &ObjectInfo) -> S3Result<()> {
        match self.verdict(object) {
            Verdict::Read => Ok(()),
            Verdict::NotModified => Err(not_modified(object)),
            Verdict::Failed => Err(precondition_failed()),
        }
    }

    /// For the source of a copy: both kinds are a failed condition.
    pub(crate) fn check_source(&self, object: &ObjectInfo) -> S3Result<()> {
        match self.verdict(object) {
            Verdict::Read => Ok(()),
            Verdict::NotModified | Verdict::Failed => Err(precondition_failed()),
        }
    }

    fn verdict(&self, object: &ObjectInfo) -> Verdict {
        let modified = http_timestamp(object.modified);
        let named = |condition: &ETagCondition| matches(condition, &object.etag);
        let current = match (self.if_match, self.if_unmodified_since) {
            (Some(condition), _) => named(condition),
            (None, Some(since)) => modified <= *since,
            (None, None) => true,
        };
        let new = match (self.if_none_match, self.if_modified_since) {
            (Some(condition), _) => !named(condition),
            (None, Some(since)) => modified > *since,
            (None, None) => true,
        };
        match (current, new) {
            (false, _) => Verdict::Failed,
            (true, false) => Verdict::NotModified,
            (true, true) => Verdict::Read,
        }
    }
}

fn matches(condition: &ETagCondition, etag: &str) -> bool {
    condition.is_any() || condition.as_etag().is_some_and(|named| named.value() == etag)
}

fn not_modified(object: &ObjectInfo) -> S3Error {
    let mut error = S3Error::new(S3ErrorCode::NotModified);
    let mut headers = HeaderMap::new();
    if let Ok(etag) = HeaderValue::try_from(format!("\"{}\"", object.etag)) {
        headers.insert(header::ETAG, etag);
    }
    let mut modified = Vec::new();
    if http_timestamp(object.modified).format(TimestampFormat::HttpDate, &mut modified).is_ok()
        && let Ok(modified) = HeaderValue::try_from(modified)
    {
        headers.insert(header::LAST_MODIFIED, modified);
    }
    error.set_headers(headers);
    error
}

/// The condition of a write.
pub(crate) fn write_condition(
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<Option<Condition>> {
    match (if_match, if_none_match) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(not_implemented("If-Match together with If-None-Match")),
        (None, Some(ETagCondition::Any)) => Ok(Some(Condition::Absent)),
        (None, Some(ETagCondition::ETag(_))) => Err(not_implemented("If-None-Match with an ETag")),
        (Some(ETagCondition::Any), None) => Ok(Some(Condition::Present)),
        (Some(ETagCondition::ETag(etag)), None) => Ok(Some(Condition::Matches(etag.value().to_owned()))),
    }
}
