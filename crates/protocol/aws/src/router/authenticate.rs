//! Whose request it is, proven by its signature.

use std::borrow::Cow;

use http::request::Parts;
use names::Region;
use subtle::ConstantTimeEq;

use super::Inner;
use crate::Principal;
use crate::credentials::{Credential, Unchecked};
use crate::sigv4::chunked::{STREAMING_PAYLOAD, Seed};
use crate::sigv4::{Authorization, PathStyle, SignatureError, claimed_scope, verify};

/// What a signature has proven.
pub(super) struct Proven {
    pub principal: Principal,
    pub region: Region,
    /// Set when the body comes in signed chunks, which are still to be checked.
    pub chunks: Option<Chunks>,
}

/// A body in chunks; without a seed nobody checks signatures.
pub(super) struct Chunks {
    pub seed: Option<Seed>,
}

/// `body_hash` is the hash of the body that arrived.
pub(super) fn authenticate(
    router: &Inner,
    parts: &Parts,
    body_hash: &str,
    signing_name: &str,
) -> Result<Proven, SignatureError> {
    let streaming = parts.headers.get("x-amz-content-sha256").is_some_and(|hash| hash == STREAMING_PAYLOAD);
    if let Some(unchecked) = router.credentials.unchecked() {
        return Ok(believed(parts, unchecked, streaming));
    }
    let authorization = Authorization::of(parts)?.ok_or(SignatureError::Missing)?;
    let scope = &authorization.scope;
    if scope.service != signing_name {
        let message = format!("Credential should be scoped to correct service: '{signing_name}'. ");
        return Err(SignatureError::Scope(message));
    }
    let credential = credential(router, &authorization)?;
    let now = router.rt.now();
    let hash = if streaming { STREAMING_PAYLOAD } else { body_hash };
    verify(parts, &authorization, hash, &credential.secret, &router.keys, now, PathStyle::Normalized)?;
    if credential.expires.is_some_and(|expires| expires <= now) {
        return Err(SignatureError::ExpiredToken);
    }
    let region = Region::new(&scope.region).map_err(|_| {
        SignatureError::Scope(format!(
            "Credential should be scoped to a valid region, not '{}'. ",
            scope.region
        ))
    })?;
    let chunks =
        streaming.then(|| Chunks { seed: Some(Seed::new(&authorization, &credential.secret, &router.keys)) });
    Ok(Proven { principal: credential.principal(&authorization.access_key), region, chunks })
}

/// The credential of the access key, if the session token is the one that belongs to it.
fn credential(router: &Inner, authorization: &Authorization<'_>) -> Result<Credential, SignatureError> {
    let key = &*authorization.access_key;
    let credential = match &authorization.session_token {
        Some(token) => router.credentials.lookup_session(key, token),
        None => router.credentials.lookup(key),
    };
    let credential = credential.ok_or(SignatureError::UnknownKey)?;
    let given = authorization.session_token.as_deref().unwrap_or("");
    let wanted = credential.session_token.as_deref().unwrap_or("");
    if bool::from(given.as_bytes().ct_eq(wanted.as_bytes())) {
        Ok(credential)
    } else {
        Err(SignatureError::UnknownKey)
    }
}

/// Nothing is checked; only the region is taken from a signature, should there be one.
fn believed(parts: &Parts, unchecked: Unchecked, streaming: bool) -> Proven {
    let region = claimed_scope(parts).and_then(|scope| Region::new(&scope.region).ok());
    let authorization = Authorization::of(parts).ok().flatten();
    let key = authorization.map(|found| found.access_key).map_or_else(String::new, Cow::into_owned);
    Proven {
        principal: Principal::root(unchecked.account, key),
        region: region.unwrap_or(unchecked.region),
        chunks: streaming.then_some(Chunks { seed: None }),
    }
}
