//! How the bytes of a request reach a writer.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, StatusCode};
use objects::{ChecksumAlgorithm, Expected, ObjectError, ObjectWriter, PartWriter};
use parking_lot::Mutex;
use rt::Rt;
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3Request, S3Result, s3_error};

use crate::checksums;
use crate::error::{custom, refused};
use crate::limits::{BODY_IDLE_MAX, OBJECT_BYTES_MAX};

/// What came after the bytes of a body whose signature nobody checked.
#[derive(Clone, Default)]
pub(crate) struct Trailers(pub(crate) Arc<Mutex<Option<HeaderMap>>>);

/// A writer of an object or of a part.
pub(crate) trait Write {
    async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectError>;
    fn expect_checksum(&mut self, algorithm: ChecksumAlgorithm, value: String);
}

impl Write for ObjectWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectError> {
        ObjectWriter::write(self, bytes).await
    }

    fn expect_checksum(&mut self, algorithm: ChecksumAlgorithm, value: String) {
        ObjectWriter::expect_checksum(self, algorithm, value);
    }
}

impl Write for PartWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectError> {
        PartWriter::write(self, bytes).await
    }

    fn expect_checksum(&mut self, algorithm: ChecksumAlgorithm, value: String) {
        PartWriter::expect_checksum(self, algorithm, value);
    }
}

/// What a request announces about its body.
pub(crate) fn expected(
    headers: &HeaderMap,
    content_length: Option<i64>,
    md5: Option<String>,
    given: BTreeMap<ChecksumAlgorithm, String>,
) -> S3Result<Expected> {
    let decoded = headers
        .get("x-amz-decoded-content-length")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse().ok());
    let size = decoded.or(content_length.and_then(|length| u64::try_from(length).ok()));
    let Some(size) = size else {
        return Err(s3_error!(MissingContentLength, "You must provide the Content-Length HTTP header."));
    };
    if size > OBJECT_BYTES_MAX {
        return Err(s3_error!(EntityTooLarge, "Your proposed upload exceeds the maximum allowed size"));
    }
    if let Some(md5) = &md5
        && base64_simd::STANDARD.decode_to_vec(md5).ok().is_none_or(|md5| md5.len() != 16)
    {
        return Err(s3_error!(InvalidDigest, "The Content-MD5 you specified was invalid."));
    }
    Ok(Expected { size: Some(size), md5, checksums: checksums::expected(given, headers)? })
}

/// Writes the whole body, then tells the writer what the trailer says.
pub(crate) async fn pour<T, W: Write>(
    rt: &Rt,
    request: &S3Request<T>,
    body: Option<StreamingBlob>,
    expected: &Expected,
    writer: &mut W,
) -> S3Result<()> {
    if let Some(mut body) = body {
        loop {
            let next = rt.timeout(BODY_IDLE_MAX, body.next()).await;
            let Some(next) = next else {
                return Err(s3_error!(
                    RequestTimeout,
                    "Your socket connection to the server was not read from or written to within the timeout period."
                ));
            };
            match next {
                Some(bytes) => writer.write(bytes.map_err(broken)?).await.map_err(refused)?,
                None => break,
            }
        }
    }
    let promised: Vec<_> =
        expected.checksums.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| *name).collect();
    if request.headers.contains_key("x-amz-trailer") {
        let trailers = trailers(request);
        for algorithm in promised {
            let name = format!("x-amz-checksum-{}", algorithm.name().to_ascii_lowercase());
            match trailers.get(&name).and_then(|value| value.to_str().ok()) {
                Some(value) => writer.expect_checksum(algorithm, value.to_owned()),
                None => return Err(malformed_trailer()),
            }
        }
    }
    Ok(())
}

fn trailers<T>(request: &S3Request<T>) -> HeaderMap {
    let verified = request.trailing_headers.as_ref().and_then(|trailers| trailers.take());
    let unchecked = || request.extensions.get::<Trailers>().and_then(|trailers| trailers.0.lock().take());
    verified.or_else(unchecked).unwrap_or_default()
}

fn malformed_trailer() -> S3Error {
    custom(
        "MalformedTrailerError",
        StatusCode::BAD_REQUEST,
        "The request contained trailing data that was not well-formed or did not conform to our published schema.",
    )
}

/// Why a body broke off. The streams of `s3s` keep their error types to themselves, so their text is what
/// there is to tell them apart; a test holds each of these.
fn broken(error: s3s::StdError) -> S3Error {
    let text = error.to_string();
    if text.contains("SignatureMismatch") {
        s3_error!(
            SignatureDoesNotMatch,
            "The request signature we calculated does not match the signature you provided. Check your key and signing method."
        )
    } else if text.contains("Sha256Mismatch") {
        custom(
            "XAmzContentSHA256Mismatch",
            StatusCode::BAD_REQUEST,
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        )
    } else if text.contains("FormatError") || text.contains("TooLarge") || text.contains("TooMany") {
        s3_error!(InvalidRequest, "The body is not a sequence of well-formed chunks")
    } else {
        s3_error!(
            IncompleteBody,
            "You did not provide the number of bytes specified by the Content-Length HTTP header"
        )
    }
}
