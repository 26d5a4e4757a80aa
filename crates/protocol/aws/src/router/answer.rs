//! The life of one request: receive, check the signature, authorise, run, answer, log.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use http::header::CONTENT_ENCODING;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use names::{Region, Scope};
use serde_json::Value;
use subtle::ConstantTimeEq;

use super::Inner;
use super::route::{Route, route};
use crate::body::{Body, Received, full, gunzip, receive};
use crate::codec::{Format, parameter};
use crate::envelope::{self, Dialect};
use crate::error::{ApiError, Fault};
use crate::model::Protocol;
use crate::operation::Payload;
use crate::sigv4::{Authorization, PathStyle, SignatureError, claimed_scope, verify};
use crate::{Context, Principal};

/// Bodies of requests to nobody, and of the server's own endpoints.
const OTHER_BODY_BYTES_MAX: usize = 1 << 20;

/// Bodies larger than this are unpacked on a thread that may be busy.
const GUNZIP_INLINE_BYTES_MAX: usize = 64 << 10;

pub(super) async fn handle(router: &Arc<Inner>, request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let route = route(router, &parts);
    match (&route, &router.fallback) {
        (Route::Fallback, Some(fallback)) => fallback.call(Request::from_parts(parts, body)).await,
        _ => respond(router, route, parts, body).await,
    }
}

/// As [`handle`] for everything that is not the fallback's, from any kind of body.
pub(super) async fn respond<B>(router: &Arc<Inner>, route: Route, parts: Parts, body: B) -> Response<Body>
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: Into<crate::body::BoxError>,
{
    let started = router.rt.instant();
    let request_id = router.rt.uuid();
    if route == Route::Internal {
        return internal(router, parts, body).await;
    }
    let dialect = dialect(router, &route);
    let mut job = Job { router, request_id: &request_id, service: "unknown", operation: "unknown" };
    let outcome = job.run(&route, &parts, body).await;
    let (response, status) = match outcome {
        Ok(body) => (envelope::success(dialect, body, &request_id), 200),
        Err(error) => {
            log_failure(&error, &job);
            (envelope::failure(dialect, &error, &request_id), error.status())
        }
    };
    tracing::debug!(
        target: "aws::access",
        request_id,
        service = job.service,
        operation = job.operation,
        status,
        duration_us = router.rt.instant().saturating_duration_since(started).as_micros() as u64,
        "request"
    );
    response
}

fn dialect(router: &Inner, route: &Route) -> Dialect {
    let service = match route {
        Route::Json { service, .. } | Route::Query { service } => *service,
        _ => None,
    };
    match (service, route) {
        (Some(index), _) => {
            let model = router.services[index].model;
            Dialect { protocol: model.protocol, xml_namespace: model.xml_namespace }
        }
        (None, Route::Json { .. }) => Dialect::JSON,
        (None, _) => Dialect::QUERY,
    }
}

fn log_failure(error: &ApiError, job: &Job<'_>) {
    let (request_id, service, operation) = (job.request_id, job.service, job.operation);
    let code = error.code();
    match error.fault() {
        Fault::Receiver => {
            let cause = std::error::Error::source(error).map(tracing::field::display);
            tracing::error!(
                request_id,
                service,
                operation,
                code,
                cause,
                "request failed: {}",
                error.message()
            );
        }
        Fault::Sender => {
            tracing::debug!(request_id, service, operation, code, "request refused: {}", error.message());
        }
    }
}

/// One request on its way; the names are filled in as they become known, for the log.
struct Job<'a> {
    router: &'a Arc<Inner>,
    request_id: &'a str,
    service: &'static str,
    operation: &'static str,
}

impl Job<'_> {
    async fn run<B>(&mut self, route: &Route, parts: &Parts, body: B) -> Result<Bytes, ApiError>
    where
        B: hyper::body::Body<Data = Bytes>,
        B::Error: Into<crate::body::BoxError>,
    {
        let router = self.router;
        let known = match route {
            Route::Json { service, .. } | Route::Query { service } => *service,
            _ => None,
        };
        let bytes_max = known.map_or(OTHER_BODY_BYTES_MAX, |index| router.services[index].body_bytes_max);
        let announced =
            body.size_hint().upper().map_or(bytes_max, |bytes| bytes.min(bytes_max as u64) as usize);
        let permits = announced.min(router.limits.body_bytes_in_flight_max) >> 10;
        let _room = router.body_budget.acquire_many(permits as u32).await.map_err(ApiError::internal)?;
        let hashed = router.credentials.unchecked().is_none();
        let received = router
            .rt
            .timeout(router.limits.body_read_timeout, receive(body, bytes_max, hashed))
            .await
            .ok_or_else(|| {
                ApiError::new("RequestTimeout", 408, "the request's body did not arrive in time")
            })??;

        let (service, name) = self.target(route, parts, &received.bytes)?;
        let (principal, region) = self.authenticate(parts, &received.hash, service)?;
        let service = &router.services[service];
        let operation = service.find(&name)?;
        let model = service.operation(operation);
        self.operation = model.name;
        let context = Context {
            scope: Scope::new(principal.account.clone(), region),
            principal,
            request_id: self.request_id.to_owned(),
            service: self.service,
            operation: model.name,
            now: router.rt.now(),
        };
        authorize(router, &context)?;
        let (format, body) = self.payload(service.model.protocol, parts, received, bytes_max).await?;
        let run = service.run(operation, context, format, Payload::Wire(body));
        match guarded(run).await? {
            Payload::Wire(body) => Ok(envelope::wrap(service.model, model.name, body, self.request_id)),
            Payload::Value(value) => {
                Err(ApiError::internal(format!("a value came back over the wire: {value}")))
            }
        }
    }

    /// The service and the name of the operation, or why there is none.
    fn target(&mut self, route: &Route, parts: &Parts, body: &[u8]) -> Result<(usize, String), ApiError> {
        let router = self.router;
        let (index, name) = match route {
            Route::Json { service: Some(index), target } => {
                let name = target.rsplit_once('.').map_or("", |(_, name)| name);
                (*index, name.to_owned())
            }
            Route::Json { service: None, target } => {
                return Err(unmounted(Protocol::Json11, &format!("the target '{target}'")));
            }
            Route::Query { service } => {
                let name = query_parameter(parts, body, "Action").ok_or_else(|| {
                    ApiError::sender(
                        "MissingAction",
                        "The request is missing an action or a required parameter.",
                    )
                })?;
                let index = match service {
                    Some(index) => *index,
                    None => self.unsigned_service(parts, body, &name)?,
                };
                (index, name)
            }
            Route::Unknown { service } => {
                let is_json = router.services.iter().any(|mounted| mounted.model.signing_name == service);
                let what = format!(
                    "the service '{service}'{}",
                    if is_json { " without an X-Amz-Target header" } else { "" }
                );
                return Err(unmounted(Protocol::Query, &what));
            }
            Route::Internal | Route::Fallback => {
                return Err(ApiError::new("NoSuchService", 404, "nothing is mounted here"));
            }
        };
        self.service = router.services[index].model.name;
        Ok((index, name))
    }

    fn unsigned_service(&self, parts: &Parts, body: &[u8], action: &str) -> Result<usize, ApiError> {
        let version = query_parameter(parts, body, "Version");
        let serves = |model: &crate::model::ServiceModel| {
            model.protocol == Protocol::Query
                && version.as_deref().is_none_or(|version| version == model.api_version)
                && (model.operation(action).is_some() || model.refusal(action).is_some())
        };
        let found = self.router.services.iter().position(|service| serves(service.model));
        found.ok_or_else(|| unmounted(Protocol::Query, &format!("the action '{action}'")))
    }

    /// Who asks, and in which region.
    fn authenticate(
        &self,
        parts: &Parts,
        hash: &str,
        service: usize,
    ) -> Result<(Principal, Region), ApiError> {
        let model = self.router.services[service].model;
        let dialect = Dialect { protocol: model.protocol, xml_namespace: model.xml_namespace };
        authenticate(self.router, parts, hash, model.signing_name)
            .map_err(|error| envelope::signature_error(dialect, &error))
    }

    /// The body as the codec wants it.
    async fn payload(
        &self,
        protocol: Protocol,
        parts: &Parts,
        received: Received,
        bytes_max: usize,
    ) -> Result<(Format, Bytes), ApiError> {
        let mut body = received.bytes;
        match parts.headers.get(CONTENT_ENCODING).map(http::HeaderValue::as_bytes) {
            None | Some(b"" | b"identity" | b"aws-chunked") => {}
            Some(b"gzip") if body.len() <= GUNZIP_INLINE_BYTES_MAX => body = gunzip(&body, bytes_max)?,
            Some(b"gzip") => {
                body = self.router.rt.blocking("gunzip", move || gunzip(&body, bytes_max)).await?;
            }
            Some(_) => return Err(ApiError::serialization("the body has an unknown Content-Encoding")),
        }
        if protocol != Protocol::Query {
            let content_type =
                parts.headers.get(http::header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
            if content_type.starts_with(b"application/x-amz-cbor") {
                return Err(ApiError::serialization("CBOR bodies are not supported by Mulgil; send JSON"));
            }
            return Ok((Format::Json, body));
        }
        let form = match parts.uri.query() {
            Some(query) if body.is_empty() => Bytes::copy_from_slice(query.as_bytes()),
            Some(query) => [query.as_bytes(), b"&", &body].concat().into(),
            None => body,
        };
        Ok((Format::Query, form))
    }
}

fn query_parameter(parts: &Parts, body: &[u8], name: &str) -> Option<String> {
    let in_uri = || parameter(parts.uri.query()?.as_bytes(), name);
    parameter(body, name).or_else(in_uri)
}

fn unmounted(protocol: Protocol, what: &str) -> ApiError {
    envelope::unknown_operation(protocol, format!("{what} is not provided by Mulgil"))
}

fn authenticate(
    router: &Inner,
    parts: &Parts,
    hash: &str,
    signing_name: &str,
) -> Result<(Principal, Region), SignatureError> {
    if let Some(unchecked) = router.credentials.unchecked() {
        let claimed = claimed_scope(parts).and_then(|scope| Region::new(&scope.region).ok());
        let key = Authorization::of(parts).ok().flatten().map(|found| found.access_key.into_owned());
        return Ok((
            Principal::root(unchecked.account, key.unwrap_or_default()),
            claimed.unwrap_or(unchecked.region),
        ));
    }
    let authorization = Authorization::of(parts)?.ok_or(SignatureError::Missing)?;
    let scope = &authorization.scope;
    if scope.service != signing_name {
        let message = format!("Credential should be scoped to correct service: '{signing_name}'. ");
        return Err(SignatureError::Scope(message));
    }
    let key = &*authorization.access_key;
    let credential = match &authorization.session_token {
        Some(token) => router.credentials.lookup_session(key, token),
        None => router.credentials.lookup(key),
    };
    let credential = credential.ok_or(SignatureError::UnknownKey)?;
    let given = authorization.session_token.as_deref().unwrap_or("");
    let wanted = credential.session_token.as_deref().unwrap_or("");
    if !bool::from(given.as_bytes().ct_eq(wanted.as_bytes())) {
        return Err(SignatureError::UnknownKey);
    }
    let now = router.rt.now();
    verify(parts, &authorization, hash, &credential.secret, &router.keys, now, PathStyle::Normalized)?;
    if credential.expires.is_some_and(|expires| expires <= now) {
        return Err(SignatureError::ExpiredToken);
    }
    let region = Region::new(&scope.region).map_err(|_| {
        SignatureError::Scope(format!(
            "Credential should be scoped to a valid region, not '{}'.",
            scope.region
        ))
    })?;
    Ok((credential.principal(key), region))
}

fn authorize(router: &Inner, context: &Context) -> Result<(), ApiError> {
    if !router.authorizer.is_restrictive() {
        return Ok(());
    }
    router.authorizer.authorize(&context.principal, &context.action(), None, context)
}

/// A handler that panics has answered with an internal failure.
async fn guarded(run: impl Future<Output = Result<Payload, ApiError>>) -> Result<Payload, ApiError> {
    AssertUnwindSafe(run).catch_unwind().await.unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "of unknown kind".to_owned());
        Err(ApiError::internal(format!("the handler panicked: {text}")))
    })
}

impl Inner {
    /// A call in process; see [`crate::Caller`].
    pub(crate) async fn call(
        self: &Arc<Self>,
        principal: Principal,
        scope: Scope,
        service: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, ApiError> {
        let request_id = self.rt.uuid();
        let mut job = Job { router: self, request_id: &request_id, service: "unknown", operation: "unknown" };
        let found = self.services.iter().find(|mounted| mounted.model.name == service);
        let outcome = match found {
            None => Err(unmounted(Protocol::Json11, &format!("the service '{service}'"))),
            Some(service) => {
                job.service = service.model.name;
                call_in_process(&mut job, service, principal, scope, operation, input).await
            }
        };
        if let Err(error) = &outcome {
            log_failure(error, &job);
        }
        let status = outcome.as_ref().map_or_else(ApiError::status, |_| 200);
        tracing::debug!(target: "aws::access", request_id, service = job.service, operation = job.operation, status, "call");
        outcome
    }
}

async fn call_in_process(
    job: &mut Job<'_>,
    service: &crate::operation::Service,
    principal: Principal,
    scope: Scope,
    operation: &str,
    input: Value,
) -> Result<Value, ApiError> {
    let index = service.find(operation)?;
    job.operation = service.operation(index).name;
    let context = Context {
        scope,
        principal,
        request_id: job.request_id.to_owned(),
        service: job.service,
        operation: job.operation,
        now: job.router.rt.now(),
    };
    authorize(job.router, &context)?;
    match guarded(service.run(index, context, Format::Json, Payload::Value(input))).await? {
        Payload::Value(value) => Ok(value),
        Payload::Wire(_) => Err(ApiError::internal("bytes came back from a call in process")),
    }
}

async fn internal<B>(router: &Inner, parts: Parts, body: B) -> Response<Body>
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: Into<crate::body::BoxError>,
{
    let plain = |status: StatusCode, text: String| {
        let mut response = Response::new(full(text));
        *response.status_mut() = status;
        response
    };
    let place = (parts.method.clone(), parts.uri.path().to_owned());
    let Some(handler) = router.internal.get(&place) else {
        return plain(StatusCode::NOT_FOUND, format!("no internal endpoint {} {}\n", place.0, place.1));
    };
    let limit = router.limits.body_read_timeout;
    match router.rt.timeout(limit, receive(body, OTHER_BODY_BYTES_MAX, false)).await {
        Some(Ok(received)) => handler(Request::from_parts(parts, received.bytes)).await,
        Some(Err(error)) => plain(
            StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST),
            format!("{error}\n"),
        ),
        None => plain(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time\n".to_owned()),
    }
}
