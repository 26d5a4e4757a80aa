//! Quotas, from "Amazon S3 endpoints and quotas" and the API reference.

use std::time::Duration;

/// One PUT, one part, one copy.
pub(crate) const OBJECT_BYTES_MAX: u64 = 5 << 30;
/// Every part of an upload but the last.
pub(crate) const PART_BYTES_MIN: u64 = 5 << 20;
pub(crate) const PART_NUMBER_MAX: i32 = 10_000;
/// Keys, uploads, parts and deletions in one request.
pub(crate) const PAGE_MAX: i32 = 1000;
/// Buckets in one page, if the request asks for pages.
pub(crate) const BUCKETS_PAGE_MAX: i32 = 10_000;
/// Names and values of user metadata together.
pub(crate) const METADATA_BYTES_MAX: usize = 2048;
pub(crate) const OBJECT_TAGS_MAX: usize = 10;
pub(crate) const BUCKET_TAGS_MAX: usize = 50;
pub(crate) const TAG_KEY_CHARS_MAX: usize = 128;
pub(crate) const TAG_VALUE_CHARS_MAX: usize = 256;
/// XML documents in requests: a thousand keys of 1,024 bytes, escaped.
pub(crate) const XML_BYTES_MAX: usize = 8 << 20;
/// A client that sends nothing of its body for so long is given up.
pub(crate) const BODY_IDLE_MAX: Duration = Duration::from_secs(60);
