use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use rt::Rt;
use tokio::sync::Semaphore;

use super::{HttpService, Inner, Internal, Limits, Router};
use crate::authorize::Authorizer;
use crate::body::Body;
use crate::caller::Caller;
use crate::credentials::CredentialStore;
use crate::operation::Service;
use crate::sigv4::SigningKeys;

/// Collects services, then becomes a [`Router`].
pub struct RouterBuilder {
    inner: Inner,
    caller: Caller,
}

impl RouterBuilder {
    pub(super) fn new(
        rt: Rt,
        authorizer: Arc<dyn Authorizer>,
        credentials: Arc<dyn CredentialStore>,
        limits: Limits,
    ) -> RouterBuilder {
        let body_budget = Arc::new(Semaphore::new(limits.body_bytes_in_flight_max >> 10));
        let inner = Inner {
            rt,
            limits,
            authorizer,
            credentials,
            keys: SigningKeys::new(),
            services: Vec::new(),
            by_target: HashMap::new(),
            by_signing_name: HashMap::new(),
            internal: HashMap::new(),
            public: Vec::new(),
            fallback: None,
            body_budget,
        };
        RouterBuilder { inner, caller: Caller::default() }
    }

    /// Mounts a service.
    ///
    /// # Panics
    /// When two services claim the same requests.
    pub fn service(&mut self, service: Service) -> &mut RouterBuilder {
        let model = service.model;
        let index = self.inner.services.len();
        let mut taken = None;
        if !model.target_prefix.is_empty() {
            taken = self.inner.by_target.insert(model.target_prefix, index);
        }
        if !model.xml_namespace.is_empty() {
            taken = taken.or(self.inner.by_signing_name.insert(model.signing_name, index));
        }
        assert!(taken.is_none(), "two services are mounted as {}", model.name);
        self.inner.services.push(service);
        self
    }

    /// Everything that no mounted service claims goes here, unauthenticated: S3.
    pub fn fallback_http(&mut self, service: impl HttpService) -> &mut RouterBuilder {
        self.inner.fallback = Some(Arc::new(service));
        self
    }

    /// An endpoint of the server's own, outside all AWS protocols and without a signature.
    /// `path` begins with `/_mulgil/`.
    pub fn internal<H, F>(&mut self, method: &str, path: &str, handler: H) -> &mut RouterBuilder
    where
        H: Fn(Request<Bytes>) -> F + Send + Sync + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        assert!(path.starts_with(super::route::INTERNAL_PREFIX), "{path} is not an internal path");
        self.own(method, path, None, handler)
    }

    /// As [`RouterBuilder::internal`], for those who sign their request for `signing_name` alone.
    pub fn internal_signed<H, F>(
        &mut self,
        method: &str,
        path: &str,
        signing_name: &'static str,
        handler: H,
    ) -> &mut RouterBuilder
    where
        H: Fn(Request<Bytes>) -> F + Send + Sync + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        assert!(path.starts_with(super::route::INTERNAL_PREFIX), "{path} is not an internal path");
        self.own(method, path, Some(signing_name), handler)
    }

    /// What GET answers at a path that others expect, such as `/metrics`, to requests without a signature.
    /// Signed ones go where they would without it.
    pub fn public<H, F>(&mut self, path: &'static str, handler: H) -> &mut RouterBuilder
    where
        H: Fn(Request<Bytes>) -> F + Send + Sync + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        self.inner.public.push(path);
        self.own("GET", path, None, handler)
    }

    fn own<H, F>(
        &mut self,
        method: &str,
        path: &str,
        signing_name: Option<&'static str>,
        handler: H,
    ) -> &mut RouterBuilder
    where
        H: Fn(Request<Bytes>) -> F + Send + Sync + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let method = Method::from_bytes(method.as_bytes()).expect("the server names real methods");
        let answer =
            Box::new(move |request| -> futures::future::BoxFuture<'static, _> { Box::pin(handler(request)) });
        self.inner.internal.insert((method, path.to_owned()), Internal { signing_name, answer });
        self
    }

    /// For services that call other services; works once the router is built.
    pub fn caller(&self) -> Caller {
        self.caller.clone()
    }

    pub fn build(self) -> Router {
        let inner = Arc::new(self.inner);
        self.caller.bind(&inner);
        Router { inner }
    }
}

impl From<RouterBuilder> for Router {
    fn from(builder: RouterBuilder) -> Router {
        builder.build()
    }
}
