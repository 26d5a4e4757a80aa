//! The checksum fields that most operations have, in and out.

use std::collections::BTreeMap;

use http::HeaderMap;
use objects::{ChecksumAlgorithm, Checksums};
use s3s::dto::ChecksumType;
use s3s::{S3Result, s3_error};

use crate::error::not_implemented;

pub(crate) const ALL: [ChecksumAlgorithm; 5] = [
    ChecksumAlgorithm::Crc32,
    ChecksumAlgorithm::Crc32c,
    ChecksumAlgorithm::Crc64nvme,
    ChecksumAlgorithm::Sha1,
    ChecksumAlgorithm::Sha256,
];

/// What S3 adds when the client sends none.
pub(crate) const DEFAULT: ChecksumAlgorithm = ChecksumAlgorithm::Crc64nvme;

/// The five fields of an input as a map.
macro_rules! given {
    ($from:expr) => {
        $crate::checksums::collect([
            (objects::ChecksumAlgorithm::Crc32, &$from.checksum_crc32),
            (objects::ChecksumAlgorithm::Crc32c, &$from.checksum_crc32c),
            (objects::ChecksumAlgorithm::Crc64nvme, &$from.checksum_crc64nvme),
            (objects::ChecksumAlgorithm::Sha1, &$from.checksum_sha1),
            (objects::ChecksumAlgorithm::Sha256, &$from.checksum_sha256),
        ])
    };
}
pub(crate) use given;

/// Sets the five fields of an output from a map.
macro_rules! show {
    ($to:expr, $values:expr) => {{
        let values = &$values;
        let value = |algorithm| values.get(&algorithm).cloned();
        $to.checksum_crc32 = value(objects::ChecksumAlgorithm::Crc32);
        $to.checksum_crc32c = value(objects::ChecksumAlgorithm::Crc32c);
        $to.checksum_crc64nvme = value(objects::ChecksumAlgorithm::Crc64nvme);
        $to.checksum_sha1 = value(objects::ChecksumAlgorithm::Sha1);
        $to.checksum_sha256 = value(objects::ChecksumAlgorithm::Sha256);
    }};
}
pub(crate) use show;

pub(crate) fn collect(
    fields: [(ChecksumAlgorithm, &Option<String>); 5],
) -> BTreeMap<ChecksumAlgorithm, String> {
    fields.into_iter().filter_map(|(algorithm, value)| Some((algorithm, value.clone()?))).collect()
}

pub(crate) fn algorithm(name: &str) -> S3Result<ChecksumAlgorithm> {
    let known = ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name));
    known.ok_or_else(|| not_implemented(&format!("checksum algorithm {name}")))
}

pub(crate) fn kind(checksums: &Checksums) -> Option<ChecksumType> {
    let kind = if checksums.composite { ChecksumType::COMPOSITE } else { ChecksumType::FULL_OBJECT };
    (!checksums.is_empty()).then(|| ChecksumType::from_static(kind))
}

/// The checksums to compute of a body, with the values that are known before it: what the fields say, what
/// the trailer will say, what the client asks to be computed, or S3's default.
pub(crate) fn expected(
    given: BTreeMap<ChecksumAlgorithm, String>,
    headers: &HeaderMap,
) -> S3Result<BTreeMap<ChecksumAlgorithm, Option<String>>> {
    if given.len() > 1 {
        return Err(s3_error!(
            InvalidRequest,
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        ));
    }
    let mut expected: BTreeMap<_, _> =
        given.into_iter().map(|(algorithm, value)| (algorithm, Some(value))).collect();
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(names) = text("x-amz-trailer") {
        for name in names.split(',').map(str::trim) {
            if let Some(name) = name.strip_prefix("x-amz-checksum-") {
                expected.entry(algorithm(name)?).or_default();
            }
        }
    }
    if expected.is_empty() {
        let asked = text("x-amz-sdk-checksum-algorithm").or_else(|| text("x-amz-checksum-algorithm"));
        expected.insert(asked.map_or(Ok(DEFAULT), algorithm)?, None);
    }
    Ok(expected)
}
