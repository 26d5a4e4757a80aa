//! What a request passes before `s3s` reads it, and how its answer leaves.
//!
//! In order: the kinds of request nobody answers are refused, the signature is checked to cover what it
//! must (`s3s` then checks the signature itself), parameters that a presigned URL carries in place of
//! headers become headers, headers that would change the meaning and are not executed are refused, and XML
//! bodies are read and checked. Where signatures are not checked at all, they are taken away instead.

mod access;
mod chunked;
mod coverage;
mod headers;
mod hosts;
mod unsigned;
mod xml;

use std::sync::Arc;

use aws::{Body, CredentialStore};
use futures::future::BoxFuture;
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use rt::Rt;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Error, S3Result};

use crate::caller::Caller;
use crate::{S3, S3Deps};
#[cfg(test)]
pub(crate) use access::PERMISSIONS;
use access::{Access, CLAIMS, Claims, Keys};
use hosts::Hosts;

/// Answers S3's requests. Clones share everything.
#[derive(Clone)]
pub struct Http {
    inner: Arc<Inner>,
}

struct Inner {
    service: S3Service,
    rt: Rt,
    credentials: Arc<dyn CredentialStore>,
    hosts: Hosts,
}

impl Http {
    pub(crate) fn new(deps: S3Deps) -> Http {
        let S3Deps { rt, objects, credentials, authorizer, region, base_domains } = deps;
        let hosts = Hosts::new(base_domains);
        let mut builder = S3ServiceBuilder::new(S3 { rt: rt.clone(), objects, region: region.clone() });
        builder.set_host(hosts.clone());
        builder.set_auth(Keys { credentials: credentials.clone(), rt: rt.clone() });
        builder.set_access(Access { authorizer, rt: rt.clone(), region });
        let service = builder.build();
        Http { inner: Arc::new(Inner { service, rt, credentials, hosts }) }
    }

    /// Answers one request.
    pub async fn answer(&self, request: Request<s3s::Body>) -> Response<Body> {
        let inner = &self.inner;
        let request_id = inner.rt.random_hex(8).to_ascii_uppercase();
        let (mut parts, body) = request.into_parts();
        let mut response = match self.admit(&mut parts, body, &request_id).await {
            Ok((claims, body)) => {
                let request = Request::from_parts(parts, body);
                let answered = CLAIMS.scope(claims, inner.service.call(request)).await;
                answered.unwrap_or_else(|error| {
                    let source = s3s::StdError::from(error);
                    failed(S3Error::with_source(s3s::S3ErrorCode::InternalError, source))
                })
            }
            Err(mut error) => {
                error.set_request_id(&request_id);
                failed(error)
            }
        };
        if let Some(status) = response.extensions_mut().remove::<StatusCode>() {
            *response.status_mut() = status;
        }
        if let Ok(id) = HeaderValue::try_from(&request_id) {
            response.headers_mut().insert("x-amz-request-id", id);
        }
        response.map(aws::body::boxed)
    }

    async fn admit(
        &self,
        parts: &mut Parts,
        body: s3s::Body,
        request_id: &str,
    ) -> S3Result<(Claims, s3s::Body)> {
        let inner = &self.inner;
        headers::refuse_kinds(parts)?;
        let mut caller = Caller { request_id: request_id.into(), ..Caller::default() };
        let mut token = None;
        let mut body = body;
        match inner.credentials.unchecked() {
            Some(unchecked) => {
                caller.region = Some(unsigned::believe(parts, &caller, unchecked));
                body = unsigned::unwrap_chunks(parts, body)?;
            }
            None => token = coverage::check(parts)?,
        }
        headers::hoist(parts);
        headers::refuse_unknown(parts)?;
        body = xml::check(&inner.rt, &inner.hosts, parts, body).await?;
        parts.extensions.insert(caller.clone());
        Ok((Claims { token, caller }, body))
    }
}

impl aws::HttpService for Http {
    fn call(&self, request: Request<Incoming>) -> BoxFuture<'static, Response<Body>> {
        let http = self.clone();
        Box::pin(async move { http.answer(request.map(s3s::Body::from)).await })
    }
}

fn failed(error: S3Error) -> Response<s3s::Body> {
    error.to_http_response().unwrap_or_else(|_| {
        let mut response = Response::new(s3s::Body::empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}
