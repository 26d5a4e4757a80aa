//! What a signature must cover: a header that means something and is not signed could have been added by
//! anybody on the way.

use super::headers::{decoded, is_presigned_v2, parameters};
use aws::sigv4::{Authorization, SignatureError};
use http::request::Parts;
use s3s::{S3Error, S3Result, s3_error};

/// The session token the request carries, if its signature covers what it must. A request without a
/// signature passes: it is refused when it turns out to be nobody's.
pub(crate) fn check(parts: &Parts) -> S3Result<Option<String>> {
    let Some(authorization) = Authorization::of(parts).map_err(|error| malformed(parts, error))? else {
        return Ok(token_of_v2(parts));
    };
    let signed: Vec<&str> = authorization.signed_headers.split(';').collect();
    if !signed.contains(&"host") {
        return Err(s3_error!(AccessDenied, "The signature does not cover the host"));
    }
    for name in parts.headers.keys().map(http::HeaderName::as_str) {
        // The hash of the body is part of what is signed, whether its header is listed or not.
        let free = !name.starts_with("x-amz-") || name == "x-amz-content-sha256";
        if !free && !signed.contains(&name) {
            return Err(s3_error!(
                AccessDenied,
                "There were headers present in the request which were not signed: {name}"
            ));
        }
    }
    Ok(authorization.session_token.map(|token| token.into_owned()))
}

/// A signature of version 2 covers every `x-amz-` header there is.
fn token_of_v2(parts: &Parts) -> Option<String> {
    if !is_presigned_v2(parts) {
        return None;
    }
    let token = parameters(parts).find(|(name, _)| *name == "x-amz-security-token");
    token.and_then(|(_, value)| String::from_utf8(decoded(value)).ok())
}

fn malformed(parts: &Parts, error: SignatureError) -> S3Error {
    if parts.headers.contains_key(http::header::AUTHORIZATION) {
        s3_error!(AuthorizationHeaderMalformed, "The authorization header is malformed; {error}")
    } else {
        s3_error!(AuthorizationQueryParametersError, "{error}")
    }
}
