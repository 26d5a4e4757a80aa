//! HTTPS to places outside: no redirects, no cleartext, bounded answers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rt::Rt;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use rustls::{ClientConfig, RootCertStore};

/// Answers larger than this are a failure, as in the public service.
const ANSWER_BYTES_MAX: usize = 1 << 20;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections that are kept for the next request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
const IDLE_PER_HOST_MAX: usize = 4;

#[derive(Clone)]
pub(super) struct HttpsClient {
    rt: Rt,
    pool: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// Why the configured certificates cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("it is not PEM")]
    NotPem(#[source] pem::Error),
    #[error("it holds no certificate")]
    Empty,
    #[error("a certificate in it cannot be used")]
    Unusable(#[source] rustls::Error),
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// Why there is no whole answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoResponse {
    #[error("no connection: {0}")]
    Connect(String),
    #[error("the connection broke: {0}")]
    Broken(String),
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
    #[error("the answer is larger than {ANSWER_BYTES_MAX} bytes")]
    TooLarge,
    #[error("no request can be made of these settings: {0}")]
    Settings(String),
}

impl HttpsClient {
    pub(super) fn new(rt: Rt, ca_pem: Option<&[u8]>) -> Result<HttpsClient, CertificateError> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls(ca_pem)?)
            .https_only()
            .enable_http1()
            .wrap_connector(connector);
        let pool = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
            .build(https);
        Ok(HttpsClient { rt, pool })
    }

    /// Sends once. The whole answer must have come after `limit`.
    pub(super) async fn post(
        &self,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
        limit: Duration,
    ) -> Result<Response, NoResponse> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(url)
            .body(Full::new(body))
            .map_err(|error| NoResponse::Settings(error.to_string()))?;
        *request.headers_mut() = headers;
        let exchange = async {
            let response = self.pool.request(request).await.map_err(|error| match error.is_connect() {
                true => NoResponse::Connect(chain(&error)),
                false => NoResponse::Broken(chain(&error)),
            })?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            match body {
                Ok(body) => Ok(Response { status, body: body.to_bytes() }),
                Err(error) if error.is::<LengthLimitError>() => Err(NoResponse::TooLarge),
                Err(error) => Err(NoResponse::Broken(chain(&*error))),
            }
        };
        self.rt.timeout(limit, exchange).await.unwrap_or(Err(NoResponse::Timeout(limit)))
    }
}

fn tls(ca_pem: Option<&[u8]>) -> Result<ClientConfig, CertificateError> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::warn!(error = %error, "a certificate of the system cannot be read");
    }
    roots.add_parsable_certificates(system.certs);
    if let Some(pem) = ca_pem {
        let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<_, _>>()
            .map_err(CertificateError::NotPem)?;
        if certificates.is_empty() {
            return Err(CertificateError::Empty);
        }
        for certificate in certificates {
            roots.add(certificate).map_err(CertificateError::Unusable)?;
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider knows the versions of TLS that are built in");
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// The error and what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
