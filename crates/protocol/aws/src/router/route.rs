//! Which protocol and service a request is meant for, from its head alone.

use http::Method;
use http::header::CONTENT_TYPE;
use http::request::Parts;

use super::Inner;
use crate::sigv4::claimed_scope;

pub(super) const INTERNAL_PREFIX: &str = "/_mulgil/";

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// One of the server's own endpoints.
    Internal,
    /// `X-Amz-Target` names the operation. `None`: no mounted service has this prefix.
    Json { service: Option<usize>, target: String },
    /// The operation is a parameter. `None`: the request is unsigned, so the parameters must tell.
    Query { service: Option<usize> },
    /// Signed for a service that is not mounted, or without the target its protocol needs.
    Unknown { service: String },
    /// S3, or whatever else is mounted behind everything.
    Fallback,
}

impl Route {
    /// The service, where the head of the request tells it.
    pub fn service(&self) -> Option<usize> {
        match self {
            Route::Json { service, .. } | Route::Query { service } => *service,
            Route::Internal | Route::Unknown { .. } | Route::Fallback => None,
        }
    }
}

/// Services whose requests belong to the fallback when they are signed.
const FALLBACK_SCOPES: [&str; 3] = ["s3", "s3express", "s3-object-lambda"];

pub(super) fn route(router: &Inner, parts: &Parts) -> Route {
    if parts.uri.path().starts_with(INTERNAL_PREFIX) {
        return Route::Internal;
    }
    if let Some(target) = parts.headers.get("x-amz-target") {
        let target = String::from_utf8_lossy(target.as_bytes()).into_owned();
        let prefix = target.rsplit_once('.').map_or("", |(prefix, _)| prefix);
        return Route::Json { service: router.by_target.get(prefix).copied(), target };
    }
    match claimed_scope(parts) {
        Some(scope) if FALLBACK_SCOPES.contains(&&*scope.service) => Route::Fallback,
        Some(scope) => match router.by_signing_name.get(&*scope.service) {
            Some(index) => Route::Query { service: Some(*index) },
            None => Route::Unknown { service: scope.service.into_owned() },
        },
        None if is_unsigned_query(parts) => Route::Query { service: None },
        None => Route::Fallback,
    }
}

fn is_unsigned_query(parts: &Parts) -> bool {
    if parts.uri.path() != "/" {
        return false;
    }
    let in_uri =
        parts.uri.query().is_some_and(|query| query.split('&').any(|pair| pair.starts_with("Action=")));
    in_uri || (parts.method == Method::POST && is_form(parts))
}

fn is_form(parts: &Parts) -> bool {
    parts
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/x-www-form-urlencoded"))
}
