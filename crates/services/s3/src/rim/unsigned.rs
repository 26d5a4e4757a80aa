//! Requests whose signatures nobody checks: what is about the signature is taken away, and what it says
//! is believed.

use std::sync::Arc;

use aws::sigv4::{Authorization, claimed_scope};
use aws::{Principal, Unchecked};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Uri, header};
use names::Region;
use s3s::{Body, S3Result, s3_error};

use super::chunked;
use super::headers::{SIGNATURE_PARAMETERS, is_presigned_v2, parameters};
use crate::caller::Caller;
use crate::upload_body::Trailers;

/// Makes the request the one of the local account, and tells the region it claims.
pub(crate) fn believe(parts: &mut Parts, caller: &Caller, unchecked: Unchecked) -> Region {
    let claimed = claimed_scope(parts).and_then(|scope| Region::new(&scope.region).ok());
    let region = claimed.unwrap_or(unchecked.region);
    let key = match Authorization::of(parts) {
        Ok(Some(authorization)) => authorization.access_key.into_owned(),
        _ => String::new(),
    };
    caller.principal.get_or_init(|| Principal::root(unchecked.account, key));
    parts.headers.remove(header::AUTHORIZATION);
    parts.headers.remove("x-amz-security-token");
    let old: &[&str] = if is_presigned_v2(parts) { &["AWSAccessKeyId", "Signature", "Expires"] } else { &[] };
    let kept: Vec<String> = parameters(parts)
        .filter(|(name, _)| !SIGNATURE_PARAMETERS.contains(&name.to_ascii_lowercase().as_str()))
        .filter(|(name, _)| !old.contains(name))
        .map(|(name, value)| if value.is_empty() { name.to_owned() } else { format!("{name}={value}") })
        .collect();
    let path = parts.uri.path();
    let target = if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) };
    if let Ok(target) = PathAndQuery::try_from(target) {
        let mut uri = std::mem::take(&mut parts.uri).into_parts();
        uri.path_and_query = Some(target);
        parts.uri = Uri::from_parts(uri).unwrap_or_default();
    }
    region
}

/// Takes the bytes of an `aws-chunked` body out of their chunks, without checking any signature.
pub(crate) fn unwrap_chunks(parts: &mut Parts, body: Body) -> S3Result<Body> {
    let hash = parts.headers.remove("x-amz-content-sha256");
    if !hash.is_some_and(|hash| hash.as_bytes().starts_with(b"STREAMING-")) {
        return Ok(body);
    }
    let Some(length) = parts.headers.get("x-amz-decoded-content-length").cloned() else {
        return Err(s3_error!(MissingContentLength, "missing header: x-amz-decoded-content-length"));
    };
    parts.headers.insert(header::CONTENT_LENGTH, length);
    let trailers = Trailers(Arc::default());
    parts.extensions.insert(trailers.clone());
    Ok(chunked::decode(body, trailers))
}
