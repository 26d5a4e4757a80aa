//! From a request to the operation that answers it.

mod answer;
mod authenticate;
mod builder;
mod events;
mod in_process;
mod internal;
mod route;
mod target;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Method, Request, Response};
use hyper::body::Incoming;
use rt::Rt;
use tokio::sync::Semaphore;

pub use builder::RouterBuilder;

use crate::authorize::Authorizer;
use crate::body::Body;
use crate::credentials::CredentialStore;
use crate::operation::Service;
use crate::sigv4::SigningKeys;

/// All services behind one listener. Cheap to clone.
#[derive(Clone)]
pub struct Router {
    pub(crate) inner: Arc<Inner>,
}

/// Bounds of the rim.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections served at the same time; more wait in the operating system's backlog.
    pub connections_max: usize,
    /// Streams of one HTTP/2 connection.
    pub streams_max: u32,
    /// Headers of one request.
    pub headers_max: usize,
    /// A connection that sends no complete header for so long is closed, idle ones too.
    pub header_read_timeout: Duration,
    /// A TLS connection that is not agreed on after this is closed.
    pub handshake_timeout: Duration,
    /// A body that has not arrived whole after this is given up.
    pub body_read_timeout: Duration,
    /// Bodies held in memory by all requests together, in bytes; more wait.
    pub body_bytes_in_flight_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections_max: 2048,
            streams_max: 128,
            headers_max: 100,
            // Above the idle time of SDKs' pools, so that the client closes first.
            header_read_timeout: Duration::from_secs(75),
            handshake_timeout: Duration::from_secs(10),
            body_read_timeout: Duration::from_secs(120),
            body_bytes_in_flight_max: 256 << 20,
        }
    }
}

/// Answers HTTP requests itself: S3, whose protocol and signatures are its own.
pub trait HttpService: Send + Sync + 'static {
    fn call(&self, request: Request<Incoming>) -> BoxFuture<'static, Response<Body>>;
}

impl<H, F> HttpService for H
where
    H: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    fn call(&self, request: Request<Incoming>) -> BoxFuture<'static, Response<Body>> {
        Box::pin(self(request))
    }
}

/// An endpoint of the server's own.
pub(crate) struct Internal {
    /// Whose signature a request must bear, if any.
    pub signing_name: Option<&'static str>,
    pub answer: InternalHandler,
}

type InternalHandler = Box<dyn Fn(Request<Bytes>) -> BoxFuture<'static, Response<Body>> + Send + Sync>;

/// Everything a request may need; shared by listener and callers.
pub(crate) struct Inner {
    pub rt: Rt,
    pub limits: Limits,
    pub authorizer: Arc<dyn Authorizer>,
    pub credentials: Arc<dyn CredentialStore>,
    pub keys: SigningKeys,
    pub services: Vec<Service>,
    /// By the prefix of `X-Amz-Target`, which is also the name in the path of RPC v2.
    pub by_target: HashMap<&'static str, usize>,
    /// Services that answer query requests, by signing name.
    pub by_signing_name: HashMap<&'static str, usize>,
    pub internal: HashMap<(Method, String), Internal>,
    /// Paths of [`Inner::internal`] outside of the server's own prefix.
    pub public: Vec<&'static str>,
    pub fallback: Option<Arc<dyn HttpService>>,
    /// One permit per KiB of [`Limits::body_bytes_in_flight_max`].
    pub body_budget: Arc<Semaphore>,
}

impl Router {
    /// Start here, add services, finish with [`RouterBuilder::build`].
    pub fn builder(
        rt: Rt,
        authorizer: Arc<dyn Authorizer>,
        credentials: Arc<dyn CredentialStore>,
        limits: Limits,
    ) -> RouterBuilder {
        RouterBuilder::new(rt, authorizer, credentials, limits)
    }

    /// Answers one request, whatever it is. Never fails: failures are answers.
    pub async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        answer::handle(&self.inner, request).await
    }
}

#[cfg(test)]
mod tests;
