//! Which protocol and service a request is meant for, from its head alone.

use http::Method;
use http::header::CONTENT_TYPE;
use http::request::Parts;

use super::Inner;
use crate::codec::Format;
use crate::envelope::RPC_V2_CBOR;
use crate::sigv4::claimed_scope;

pub(super) const INTERNAL_PREFIX: &str = "/_mulgil/";

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// One of the server's own endpoints.
    Internal,
    /// `X-Amz-Target` names the operation. `None`: no mounted service has this prefix.
    Json { service: Option<usize>, target: String, format: Format },
    /// Smithy's RPC v2: the path names service and operation. `None`: no mounted service has this name.
    Rpc { service: Option<usize>, operation: String, path: String },
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
            Route::Json { service, .. } | Route::Rpc { service, .. } | Route::Query { service } => *service,
            Route::Internal | Route::Unknown { .. } | Route::Fallback => None,
        }
    }

    /// What the request is written in, and its answer.
    pub fn format(&self) -> Format {
        match self {
            Route::Json { format, .. } => *format,
            Route::Rpc { .. } => Format::RpcCbor,
            Route::Internal | Route::Query { .. } | Route::Unknown { .. } | Route::Fallback => Format::Query,
        }
    }
}

/// Services whose requests belong to the fallback when they are signed.
const FALLBACK_SCOPES: [&str; 3] = ["s3", "s3express", "s3-object-lambda"];

pub(super) fn route(router: &Inner, parts: &Parts) -> Route {
    if parts.uri.path().starts_with(INTERNAL_PREFIX) || is_public(router, parts) {
        return Route::Internal;
    }
    if let Some(target) = parts.headers.get("x-amz-target") {
        let target = String::from_utf8_lossy(target.as_bytes()).into_owned();
        let prefix = target.rsplit_once('.').map_or("", |(prefix, _)| prefix);
        let format = if is_type(parts, b"application/x-amz-cbor") { Format::Cbor } else { Format::Json };
        return Route::Json { service: router.by_target.get(prefix).copied(), target, format };
    }
    if parts.headers.get("smithy-protocol").is_some_and(|protocol| protocol == RPC_V2_CBOR) {
        return rpc(router, parts.uri.path());
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

/// A path of the server's own outside of its prefix; a signed request means a bucket of that name.
fn is_public(router: &Inner, parts: &Parts) -> bool {
    parts.method == Method::GET && router.public.contains(&parts.uri.path()) && claimed_scope(parts).is_none()
}

fn is_unsigned_query(parts: &Parts) -> bool {
    if parts.uri.path() != "/" {
        return false;
    }
    let in_uri =
        parts.uri.query().is_some_and(|query| query.split('&').any(|pair| pair.starts_with("Action=")));
    in_uri || (parts.method == Method::POST && is_type(parts, b"application/x-www-form-urlencoded"))
}

fn is_type(parts: &Parts, media_type: &[u8]) -> bool {
    parts.headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(media_type))
}

/// `/service/NAME/operation/OPERATION`
fn rpc(router: &Inner, path: &str) -> Route {
    let names = path.strip_prefix("/service/").and_then(|names| names.split_once("/operation/"));
    let (service, operation) = names.unwrap_or_default();
    Route::Rpc {
        service: router.by_target.get(service).copied(),
        operation: operation.to_owned(),
        path: path.to_owned(),
    }
}
