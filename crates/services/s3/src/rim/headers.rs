//! Headers and parameters that would change what a request means.

use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, header};
use percent_encoding::percent_decode_str;
use s3s::{S3Result, s3_error};

use crate::error::not_implemented;

/// Parameters of a presigned URL that are about its signature.
pub(crate) const SIGNATURE_PARAMETERS: [&str; 7] = [
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
];

/// Headers that operations read, or that say how a request travels.
const KNOWN: [&str; 30] = [
    "x-amz-checksum-algorithm",
    "x-amz-checksum-crc32",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-mode",
    "x-amz-checksum-sha1",
    "x-amz-checksum-sha256",
    "x-amz-checksum-type",
    "x-amz-content-sha256",
    "x-amz-copy-source",
    "x-amz-copy-source-if-match",
    "x-amz-copy-source-if-modified-since",
    "x-amz-copy-source-if-none-match",
    "x-amz-copy-source-if-unmodified-since",
    "x-amz-copy-source-range",
    "x-amz-date",
    "x-amz-decoded-content-length",
    "x-amz-expected-bucket-owner",
    "x-amz-metadata-directive",
    "x-amz-mp-object-size",
    "x-amz-object-attributes",
    // Nobody pays by request here, so whoever offers to may.
    "x-amz-request-payer",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-security-token",
    "x-amz-source-expected-bucket-owner",
    "x-amz-tagging",
    "x-amz-tagging-directive",
    "x-amz-trailer",
    "x-amz-user-agent",
    "x-amz-te",
];

/// Headers that are fine as long as they ask for what is true anyway.
const DEFAULTS: [(&str, &[&str]); 8] = [
    // The C++ SDK says which API it speaks; there is one.
    ("x-amz-api-version", &["2006-03-01"]),
    ("x-amz-acl", &["private", "bucket-owner-full-control"]),
    ("x-amz-storage-class", &["STANDARD"]),
    ("x-amz-bucket-object-lock-enabled", &["false", "False"]),
    ("x-amz-bypass-governance-retention", &["false", "False"]),
    ("x-amz-server-side-encryption-bucket-key-enabled", &["false", "False"]),
    ("x-amz-object-ownership", &["BucketOwnerEnforced"]),
    // Listings leave it out for objects that are not archived: all of ours.
    ("x-amz-optional-object-attributes", &["RestoreStatus"]),
];

/// Whether a presigned URL has a signature of version 2, as SDKs still make them for the oldest regions.
/// `s3s` checks these too; unlike version 2 in a header, they expire.
pub(crate) fn is_presigned_v2(parts: &Parts) -> bool {
    parameters(parts).any(|(name, _)| name == "AWSAccessKeyId")
}

/// Signatures of version 2 in the header, which nothing keeps from being used again, and uploads from HTML
/// forms.
pub(crate) fn refuse_kinds(parts: &Parts) -> S3Result<()> {
    let text = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    if text(header::AUTHORIZATION).is_some_and(|value| value.starts_with("AWS ")) {
        return Err(s3_error!(
            InvalidRequest,
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
        ));
    }
    let form = text(header::CONTENT_TYPE).is_some_and(|value| {
        value.trim_start().get(..19).is_some_and(|kind| kind.eq_ignore_ascii_case("multipart/form-data"))
    });
    if parts.method == Method::POST && form {
        return Err(not_implemented("PostObject"));
    }
    Ok(())
}

/// Presigning turns headers into parameters; here they become headers again. Version 4 signs them as
/// parameters and version 2 as headers, so nobody else can have added them.
pub(crate) fn hoist(parts: &mut Parts) {
    let signed_as_header = is_presigned_v2(parts).then_some("x-amz-security-token");
    let mut found = Vec::new();
    for (name, value) in parameters(parts) {
        let name = name.to_ascii_lowercase();
        let about_signature =
            SIGNATURE_PARAMETERS.contains(&name.as_str()) && signed_as_header != Some(name.as_str());
        if !name.starts_with("x-amz-") || about_signature {
            continue;
        }
        let value = decoded(value);
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(&value)) {
            found.push((name, value));
        }
    }
    for (name, value) in found {
        parts.headers.entry(name).or_insert(value);
    }
}

/// Nothing that a header asks for is silently left out.
pub(crate) fn refuse_unknown(parts: &Parts) -> S3Result<()> {
    for (name, value) in &parts.headers {
        let name = name.as_str();
        if !name.starts_with("x-amz-") || name.starts_with("x-amz-meta-") {
            continue;
        }
        let fine = match DEFAULTS.iter().find(|(default, _)| *default == name) {
            Some((_, values)) => value.to_str().is_ok_and(|value| values.contains(&value)),
            None => KNOWN.contains(&name),
        };
        if !fine {
            return Err(not_implemented(name));
        }
    }
    for (name, value) in parameters(parts) {
        if name == "versionId" && !value.is_empty() && value != "null" {
            return Err(not_implemented("versionId"));
        }
    }
    Ok(())
}

/// A parameter's value as its sender meant it.
pub(crate) fn decoded(value: &str) -> Vec<u8> {
    percent_decode_str(&value.replace('+', " ")).collect()
}

/// The query's parameters as they were sent.
pub(crate) fn parameters(parts: &Parts) -> impl Iterator<Item = (&str, &str)> {
    let query = parts.uri.query().unwrap_or("");
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}
