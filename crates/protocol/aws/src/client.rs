//! A small signing client with keep-alive, for the command line, the demo, tests and benches.

mod events;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rt::Rt;
use serde_json::Value;

pub use events::EventReceiver;

use crate::sigv4::{SigningIdentity, SigningKeys, encode_uri, hash_hex, presign_request, sign_request};

/// Answers larger than this are given up.
const RESPONSE_BYTES_MAX: usize = 512 << 20;

/// Below the server's own idle timeout, so that no request meets a closing connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);

/// The keys a client signs with.
#[derive(Clone)]
pub struct Credentials {
    pub access_key: String,
    pub secret: String,
    pub session_token: Option<String>,
}

impl Credentials {
    pub fn new(access_key: impl Into<String>, secret: impl Into<String>) -> Credentials {
        Credentials { access_key: access_key.into(), secret: secret.into(), session_token: None }
    }
}

/// Which JSON service to call.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Signing name.
    pub service: &'static str,
    /// Before the dot in `X-Amz-Target`.
    pub prefix: &'static str,
    /// Of awsJson: `1.0` or `1.1`.
    pub version: &'static str,
}

impl Target {
    pub const KINESIS: Target = Target { service: "kinesis", prefix: "Kinesis_20131202", version: "1.1" };
    pub const FIREHOSE: Target = Target { service: "firehose", prefix: "Firehose_20150804", version: "1.1" };
    pub const GLUE: Target = Target { service: "glue", prefix: "AWSGlue", version: "1.1" };
    pub const ATHENA: Target = Target { service: "athena", prefix: "AmazonAthena", version: "1.1" };
}

/// What went wrong: the service's own code and message, or status 0 when there was no answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{code} ({status}): {message}")]
pub struct ClientError {
    pub status: u16,
    pub code: String,
    pub message: String,
}

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// A request whose body is encoded and hashed once and then sent any number of times.
#[derive(Clone)]
pub struct Prepared {
    service: String,
    head: Parts,
    payload_hash: String,
    body: Bytes,
}

/// Signs and sends requests to one endpoint. Clones share connections.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    rt: Rt,
    pool: Pool<HttpConnector, Full<Bytes>>,
    /// `127.0.0.1:4566`
    authority: String,
    credentials: Credentials,
    region: String,
    keys: SigningKeys,
}

impl Client {
    /// `endpoint` is `http://host:port`.
    pub fn new(endpoint: &str, credentials: Credentials, region: &str) -> Client {
        Client::with_rt(endpoint, credentials, region, Rt::system())
    }

    /// As [`Client::new`] with another clock to sign by.
    pub fn with_rt(endpoint: &str, credentials: Credentials, region: &str, rt: Rt) -> Client {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(connector);
        let authority = endpoint.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let shared =
            Shared { rt, pool, authority, credentials, region: region.to_owned(), keys: SigningKeys::new() };
        Client { shared: Arc::new(shared) }
    }

    /// Calls an operation of a JSON service.
    pub async fn call(&self, target: Target, operation: &str, input: &Value) -> Result<Value, ClientError> {
        let prepared = self.prepare(target, operation, Bytes::from(input.to_string()))?;
        let response = self.send_prepared(&prepared).await?.checked()?;
        if response.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&response.body).map_err(|error| no_answer("MalformedResponse", &error))
    }

    /// Calls an operation of a query service (STS); the answer is XML.
    pub async fn call_query(
        &self,
        service: &str,
        version: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String, ClientError> {
        let mut form = format!("Action={action}&Version={version}");
        push_query(&mut form, parameters);
        let headers = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        let response =
            self.send(Method::POST, service, "/", &[], &headers, Bytes::from(form)).await?.checked()?;
        Ok(String::from_utf8_lossy(&response.body).into_owned())
    }

    /// Signs and sends any request. `path` is not encoded yet; whatever the status, it is an answer.
    pub async fn send(
        &self,
        method: Method,
        service: &str,
        path: &str,
        query: &[(&str, &str)],
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Response, ClientError> {
        let prepared = self.prepare_any(method, service, path, query, headers, body)?;
        self.send_prepared(&prepared).await
    }

    /// An encoded call of a JSON service, ready to be sent again and again.
    pub fn prepare(&self, target: Target, operation: &str, body: Bytes) -> Result<Prepared, ClientError> {
        let content_type = format!("application/x-amz-json-{}", target.version);
        let operation = format!("{}.{operation}", target.prefix);
        let headers = [("content-type", content_type.as_str()), ("x-amz-target", operation.as_str())];
        self.prepare_any(Method::POST, target.service, "/", &[], &headers, body)
    }

    /// As [`Client::prepare`] for any request.
    pub fn prepare_any(
        &self,
        method: Method,
        service: &str,
        path: &str,
        query: &[(&str, &str)],
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Prepared, ClientError> {
        let mut head = Request::new(()).into_parts().0;
        head.method = method;
        head.uri = self.uri(path, query)?;
        let host = HeaderValue::from_str(&self.shared.authority);
        head.headers.insert(HOST, host.map_err(|error| no_answer("InvalidRequest", &error))?);
        for (name, value) in headers {
            let name = HeaderName::try_from(*name).map_err(|error| no_answer("InvalidRequest", &error))?;
            let value = HeaderValue::try_from(*value).map_err(|error| no_answer("InvalidRequest", &error))?;
            head.headers.append(name, value);
        }
        Ok(Prepared { service: service.to_owned(), head, payload_hash: hash_hex(&body), body })
    }

    /// Signs with the time of now and sends.
    pub async fn send_prepared(&self, prepared: &Prepared) -> Result<Response, ClientError> {
        let exchange = async {
            let (head, body) = self.exchange(prepared).await?.into_parts();
            whole(head, body).await
        };
        self.in_time(exchange).await
    }

    /// Calls an operation that answers with an event stream; an error before the stream is an error here.
    pub async fn subscribe(
        &self,
        target: Target,
        operation: &str,
        input: &Value,
    ) -> Result<EventReceiver, ClientError> {
        let prepared = self.prepare(target, operation, Bytes::from(input.to_string()))?;
        let begin = async {
            let (head, body) = self.exchange(&prepared).await?.into_parts();
            if head.status.is_success() {
                return Ok(EventReceiver::new(body));
            }
            let refused = whole(head, body).await?.checked();
            Err(refused.expect_err("invariant: the status is no success"))
        };
        self.in_time(begin).await
    }

    async fn exchange(&self, prepared: &Prepared) -> Result<http::Response<Incoming>, ClientError> {
        let shared = &*self.shared;
        let mut head = prepared.head.clone();
        let now = shared.rt.now();
        sign_request(&mut head, &prepared.payload_hash, &self.identity(&prepared.service), &shared.keys, now);
        let request = Request::from_parts(head, Full::new(prepared.body.clone()));
        shared.pool.request(request).await.map_err(|error| no_answer("ConnectionFailed", &error))
    }

    async fn in_time<T>(
        &self,
        exchange: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        let timeout = || no_answer("RequestTimeout", &"no answer in time");
        self.shared.rt.timeout(REQUEST_TIMEOUT, exchange).await.ok_or_else(timeout)?
    }

    /// A URL that anyone may use for `expires` seconds.
    pub fn presign(
        &self,
        method: Method,
        service: &str,
        path: &str,
        query: &[(&str, &str)],
        expires: u64,
    ) -> Result<String, ClientError> {
        let prepared = self.prepare_any(method, service, path, query, &[], Bytes::new())?;
        let hash = if service == "s3" { crate::sigv4::UNSIGNED_PAYLOAD } else { &prepared.payload_hash };
        let identity = self.identity(service);
        let shared = &*self.shared;
        let path = presign_request(&prepared.head, hash, &identity, &shared.keys, shared.rt.now(), expires);
        Ok(format!("http://{}{path}", shared.authority))
    }

    pub async fn create_bucket(&self, bucket: &str) -> Result<(), ClientError> {
        let path = format!("/{bucket}");
        self.send(Method::PUT, "s3", &path, &[], &[], Bytes::new()).await?.checked().map(drop)
    }

    pub async fn put_object(&self, bucket: &str, key: &str, body: Bytes) -> Result<(), ClientError> {
        let path = format!("/{bucket}/{key}");
        self.send(Method::PUT, "s3", &path, &[], &[], body).await?.checked().map(drop)
    }

    pub async fn get_object(&self, bucket: &str, key: &str) -> Result<Bytes, ClientError> {
        let path = format!("/{bucket}/{key}");
        let response = self.send(Method::GET, "s3", &path, &[], &[], Bytes::new()).await?.checked()?;
        Ok(response.body)
    }

    pub fn region(&self) -> &str {
        &self.shared.region
    }

    fn uri(&self, path: &str, query: &[(&str, &str)]) -> Result<Uri, ClientError> {
        let mut text = format!("http://{}", self.shared.authority);
        encode_uri(&mut text, path.as_bytes(), true);
        if !query.is_empty() {
            text.push('?');
            let from = text.len();
            push_query(&mut text, query);
            // The first pair needs no separator.
            text.remove(from);
        }
        text.parse().map_err(|error: http::uri::InvalidUri| no_answer("InvalidEndpoint", &error))
    }

    fn identity<'a>(&'a self, service: &'a str) -> SigningIdentity<'a> {
        let Shared { credentials, region, .. } = &*self.shared;
        SigningIdentity {
            access_key: &credentials.access_key,
            secret: &credentials.secret,
            session_token: credentials.session_token.as_deref(),
            region,
            service,
        }
    }
}

async fn whole(head: http::response::Parts, body: Incoming) -> Result<Response, ClientError> {
    let body = Limited::new(body, RESPONSE_BYTES_MAX).collect().await;
    let body = body.map_err(|error| no_answer("ConnectionFailed", &*error))?.to_bytes();
    Ok(Response { status: head.status, headers: head.headers, body })
}

impl Response {
    /// The answer if its status is a success, the error it carries otherwise.
    pub fn checked(self) -> Result<Response, ClientError> {
        if self.status.is_success() {
            return Ok(self);
        }
        let text = String::from_utf8_lossy(&self.body);
        let is_xml = self.headers.get(CONTENT_TYPE).is_some_and(|kind| {
            let kind = kind.as_bytes();
            kind.starts_with(b"text/xml") || kind.starts_with(b"application/xml")
        });
        let (code, message) = if is_xml {
            (between(&text, "<Code>", "</Code>"), between(&text, "<Message>", "</Message>"))
        } else {
            let value: Value = serde_json::from_slice(&self.body).unwrap_or_default();
            let member =
                |names: [&str; 2]| names.iter().find_map(|name| value[name].as_str().map(str::to_owned));
            (member(["__type", "code"]), member(["message", "Message"]))
        };
        Err(ClientError {
            status: self.status.as_u16(),
            code: code.unwrap_or_else(|| self.status.to_string()),
            message: message.unwrap_or_else(|| text.into_owned()),
        })
    }
}

fn between(text: &str, open: &str, close: &str) -> Option<String> {
    let start = text.find(open)? + open.len();
    let end = start + text[start..].find(close)?;
    Some(
        text[start..end]
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&amp;", "&"),
    )
}

fn push_query(out: &mut String, pairs: &[(&str, &str)]) {
    for (name, value) in pairs {
        out.push('&');
        encode_uri(out, name.as_bytes(), false);
        out.push('=');
        encode_uri(out, value.as_bytes(), false);
    }
}

fn no_answer(code: &str, cause: &(impl std::fmt::Display + ?Sized)) -> ClientError {
    ClientError { status: 0, code: code.to_owned(), message: cause.to_string() }
}

#[cfg(test)]
mod tests;
