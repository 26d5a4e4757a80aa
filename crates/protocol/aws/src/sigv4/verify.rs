use std::time::Duration;

use chrono::NaiveDateTime;
use http::request::Parts;
use rt::Timestamp;
use subtle::ConstantTimeEq;

use super::{ALGORITHM, Authorization, PathStyle, SigningKeys, canonical_request, hash_hex, sign_hex};

/// How far a client's clock may be off.
pub const SKEW_MAX: Duration = Duration::from_secs(5 * 60);

/// Why a signature was not accepted. The text is what AWS says; the code depends on the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("Missing Authentication Token")]
    Missing,
    #[error("{0}")]
    Incomplete(String),
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    #[error("The security token included in the request is expired")]
    ExpiredToken,
    #[error("{0}")]
    Clock(String),
    #[error("{0}")]
    Scope(String),
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
    )]
    Mismatch,
}

/// Checks a signature: its time, that it covers what it must, and the signature itself.
///
/// `payload_hash` is the hash of the body that really arrived, in hexadecimal.
pub fn verify(
    parts: &Parts,
    authorization: &Authorization<'_>,
    payload_hash: &str,
    secret: &str,
    keys: &SigningKeys,
    now: Timestamp,
    style: PathStyle,
) -> Result<(), SignatureError> {
    check_time(authorization, now)?;
    check_coverage(parts, authorization)?;
    let canonical = canonical_request(parts, &authorization.signed_headers, payload_hash, style)
        .ok_or(SignatureError::Mismatch)?;
    let scope = &authorization.scope;
    let string_to_sign =
        string_to_sign(&authorization.timestamp, &scope.day, &scope.region, &scope.service, &canonical);
    let key = keys.get(secret, &scope.day, &scope.region, &scope.service);
    let expected = sign_hex(&key, &string_to_sign);
    if bool::from(expected.as_bytes().ct_eq(authorization.signature.as_bytes())) {
        Ok(())
    } else {
        Err(SignatureError::Mismatch)
    }
}

pub(super) fn string_to_sign(
    timestamp: &str,
    day: &str,
    region: &str,
    service: &str,
    canonical: &str,
) -> String {
    let mut out = String::with_capacity(160);
    for part in [ALGORITHM, "\n", timestamp, "\n", day, "/", region, "/", service, "/aws4_request\n"] {
        out.push_str(part);
    }
    out.push_str(&hash_hex(canonical.as_bytes()));
    out
}

/// The instant of `20261122T085013Z`.
fn parse_timestamp(text: &str) -> Option<Timestamp> {
    let parsed = NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%SZ").ok()?;
    Some(Timestamp::from_utc(parsed.and_utc()))
}

pub(super) fn format_timestamp(at: Timestamp) -> String {
    at.to_utc().format("%Y%m%dT%H%M%SZ").to_string()
}

fn check_time(authorization: &Authorization<'_>, now: Timestamp) -> Result<(), SignatureError> {
    let text = &authorization.timestamp;
    let signed = parse_timestamp(text).ok_or_else(|| {
        SignatureError::Incomplete(format!("Date must be in ISO-8601 'basic format'. Got '{text}'."))
    })?;
    let day = &authorization.scope.day;
    if !text.starts_with(&**day) || day.len() != 8 {
        return Err(SignatureError::Scope(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{day}' != '{}', from '{text}'.",
            text.get(..8).unwrap_or(text)
        )));
    }
    let life = authorization.expires.map_or(SKEW_MAX, Duration::from_secs);
    if now.saturating_since(signed) > life {
        let bound = format_timestamp(now.minus(life));
        let life = match authorization.expires {
            Some(seconds) => format!("{seconds} s."),
            None => format!("{} min.", SKEW_MAX.as_secs() / 60),
        };
        return Err(SignatureError::Clock(format!(
            "Signature expired: {text} is now earlier than {bound} ({} - {life})",
            format_timestamp(now)
        )));
    }
    if signed.saturating_since(now) > SKEW_MAX {
        return Err(SignatureError::Clock(format!(
            "Signature not yet current: {text} is still later than {} ({} + {} min.)",
            format_timestamp(now.plus(SKEW_MAX)),
            format_timestamp(now),
            SKEW_MAX.as_secs() / 60
        )));
    }
    Ok(())
}

/// A signature that leaves out the host or the operation would be good for another request.
fn check_coverage(parts: &Parts, authorization: &Authorization<'_>) -> Result<(), SignatureError> {
    let covers = |name: &str| authorization.signed_headers.split(';').any(|header| header == name);
    if !covers("host") && !covers(":authority") {
        return Err(SignatureError::Scope(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".into(),
        ));
    }
    for name in ["x-amz-target", "x-amz-security-token"] {
        if parts.headers.contains_key(name) && !covers(name) {
            return Err(SignatureError::Scope(format!(
                "'{name}' must be a 'SignedHeader' in the AWS Authorization."
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
