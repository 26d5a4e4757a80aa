//! The life of one request: receive, check the signature, authorise, run, answer, log.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use http::header::CONTENT_ENCODING;
use http::request::Parts;
use http::{Request, Response};
use hyper::body::Incoming;
use names::Scope;
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument;

use super::Inner;
use super::authenticate::{Chunks, Proven, authenticate};
use super::events::EventBody;
use super::internal::internal;
use super::route::{Route, route};
use super::target::target;
use crate::Context;
use crate::body::{Body, BoxError, Received, boxed, gunzip, receive};
use crate::codec::Format;
use crate::envelope::{self, Dialect};
use crate::error::{ApiError, Fault};
use crate::operation::Payload;
use crate::sigv4::chunked;

/// Bodies of requests to nobody, and of the server's own endpoints.
pub(super) const OTHER_BODY_BYTES_MAX: usize = 1 << 20;

/// Bodies larger than this are unpacked on a thread that may be busy.
const GUNZIP_INLINE_BYTES_MAX: usize = 64 << 10;

pub(super) async fn handle(router: &Arc<Inner>, request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let route = route(router, &parts);
    match (&route, &router.fallback) {
        (Route::Fallback, Some(fallback)) => {
            let started = router.rt.instant();
            let response = fallback.call(Request::from_parts(parts, body)).await;
            let status = response.status().as_u16();
            let duration_us = router.rt.instant().saturating_duration_since(started).as_micros() as u64;
            tracing::debug!(target: "aws::access", service = "fallback", status, duration_us, "request");
            response
        }
        _ => respond(router, route, parts, body).await,
    }
}

/// As [`handle`] for everything that is not the fallback's, from any kind of body.
pub(super) async fn respond<B>(router: &Arc<Inner>, route: Route, parts: Parts, body: B) -> Response<Body>
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let started = router.rt.instant();
    let request_id = router.rt.uuid();
    if route == Route::Internal {
        return internal(router, parts, body).await;
    }
    let dialect = dialect(router, &route);
    let mut job = Job { router, request_id: &request_id, service: "unknown", operation: "unknown" };
    let outcome = job.run(&route, dialect, &parts, body).await;
    let (response, status) = match outcome {
        Ok(Answer::Whole(body)) => (envelope::success(dialect, body, &request_id), 200),
        Ok(Answer::Events(events)) => (envelope::events(dialect, boxed(events), &request_id), 200),
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
    let service = route.service().map(|index| router.services[index].model);
    Dialect { format: route.format(), service }
}

pub(super) fn log_failure(error: &ApiError, job: &Job<'_>) {
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

/// What a handler that succeeded has to say.
enum Answer {
    Whole(Bytes),
    Events(EventBody),
}

/// One request on its way; the names are filled in as they become known, for the log.
pub(super) struct Job<'a> {
    pub router: &'a Arc<Inner>,
    pub request_id: &'a str,
    pub service: &'static str,
    pub operation: &'static str,
}

impl Job<'_> {
    async fn run<B>(
        &mut self,
        route: &Route,
        dialect: Dialect,
        parts: &Parts,
        body: B,
    ) -> Result<Answer, ApiError>
    where
        B: hyper::body::Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        let router = self.router;
        let bytes_max =
            route.service().map_or(OTHER_BODY_BYTES_MAX, |index| router.services[index].body_bytes_max);
        let (received, room) = receive_within(router, body, bytes_max).await?;
        let (service, name) = target(router, route, parts, &received.bytes)?;
        let service = &router.services[service];
        self.service = service.model.name;
        let proven = authenticate(router, parts, &received.hash, service.model.signing_name)
            .map_err(|error| envelope::signature_error(dialect, &error))?;
        let index = service.find(&name, dialect.format)?;
        let model = service.operation(index);
        self.operation = model.name;
        let Proven { principal, region, chunks } = proven;
        let context = Context {
            scope: Scope::new(principal.account.clone(), region),
            principal,
            request_id: self.request_id.to_owned(),
            service: self.service,
            operation: model.name,
            now: router.rt.now(),
        };
        authorize(router, &context)?;
        let body = unpack(router, parts, received.bytes, chunks, bytes_max).await?;
        let format = dialect.format;
        let body = if format == Format::Query { form(parts, body) } else { body };
        let span = tracing::info_span!(
            "request",
            request_id = self.request_id,
            service = self.service,
            operation = model.name
        );
        let run = guarded(service.run(index, context, format, Payload::Wire(body))).instrument(span.clone());
        // In a task of its own: a request that has begun ends, even if its client has gone away.
        let task = router.rt.spawn("request", async move {
            let answer = run.await;
            drop(room);
            answer
        });
        match task.await.map_err(ApiError::internal)?? {
            Payload::Wire(body) => {
                Ok(Answer::Whole(envelope::wrap(format, service.model, model.name, body, self.request_id)))
            }
            Payload::Events(events) => Ok(Answer::Events(EventBody::new(events, &router.rt, span)?)),
            Payload::Value(_) => Err(ApiError::internal("a value came back over the wire")),
        }
    }
}

/// The whole body, once there is room for it among the bodies of all requests.
async fn receive_within<B>(
    router: &Inner,
    body: B,
    bytes_max: usize,
) -> Result<(Received, OwnedSemaphorePermit), ApiError>
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let limits = &router.limits;
    let announced = body.size_hint().upper().map_or(bytes_max, |bytes| bytes.min(bytes_max as u64) as usize);
    let permits = announced.min(limits.body_bytes_in_flight_max) >> 10;
    let room = router.body_budget.clone().acquire_many_owned(permits as u32).await;
    let room = room.map_err(ApiError::internal)?;
    let hashed = router.credentials.unchecked().is_none();
    let received = router.rt.timeout(limits.body_read_timeout, receive(body, bytes_max, hashed)).await;
    let late = || ApiError::new("RequestTimeout", 408, "the request's body did not arrive in time");
    Ok((received.ok_or_else(late)??, room))
}

/// The body without the encodings it travelled in.
async fn unpack(
    router: &Inner,
    parts: &Parts,
    mut body: Bytes,
    chunks: Option<Chunks>,
    bytes_max: usize,
) -> Result<Bytes, ApiError> {
    if let Some(Chunks { seed }) = chunks {
        body = chunked::decode(&body, seed.as_ref())
            .map_err(|error| ApiError::new("InvalidSignatureException", 403, error.to_string()))?;
    }
    let encoding = parts.headers.get(CONTENT_ENCODING).map_or("", |value| value.to_str().unwrap_or("?"));
    let encoding = encoding.strip_prefix("aws-chunked").unwrap_or(encoding).trim_matches([',', ' ']);
    match encoding {
        "" | "identity" => Ok(body),
        "gzip" if body.len() <= GUNZIP_INLINE_BYTES_MAX => gunzip(&body, bytes_max),
        "gzip" => router.rt.blocking("gunzip", move || gunzip(&body, bytes_max)).await,
        _ => {
            Err(ApiError::serialization(format!("Content-Encoding '{encoding}' is not supported by Mulgil")))
        }
    }
}

/// The parameters of a query request, whether they came as a form or in the URI.
fn form(parts: &Parts, body: Bytes) -> Bytes {
    match parts.uri.query() {
        Some(query) if body.is_empty() => Bytes::copy_from_slice(query.as_bytes()),
        Some(query) => [query.as_bytes(), b"&", &body].concat().into(),
        None => body,
    }
}

pub(super) fn authorize(router: &Inner, context: &Context) -> Result<(), ApiError> {
    if !router.authorizer.is_restrictive() {
        return Ok(());
    }
    router.authorizer.authorize(&context.principal, &context.action(), None, context)
}

/// A handler that panics has answered with an internal failure.
pub(super) async fn guarded(
    run: impl Future<Output = Result<Payload, ApiError>>,
) -> Result<Payload, ApiError> {
    AssertUnwindSafe(run).catch_unwind().await.unwrap_or_else(|panic| Err(panicked(&*panic)))
}

/// What a panic is to the client.
pub(super) fn panicked(panic: &(dyn Any + Send)) -> ApiError {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "of unknown kind".to_owned());
    ApiError::internal(format!("the handler panicked: {text}"))
}
