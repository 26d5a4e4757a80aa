//! What stands around an answer: status, headers, and the shape of errors, per protocol.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde_json::{Map, Value};

use crate::body::{Body, full};
use crate::codec::{Format, error_document, response_document};
use crate::model::{Protocol, ServiceModel};
use crate::sigv4::SignatureError;
use crate::{ApiError, event_stream};

/// The value of `smithy-protocol`, in requests and answers.
pub(crate) const RPC_V2_CBOR: &str = "rpc-v2-cbor";

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
/// Where SDKs look for an error's code before they open the body.
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
/// The code that the query protocol has for the error, for services that once spoke it alone.
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");
const SMITHY_PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");
const EVENTS: HeaderValue = HeaderValue::from_static(event_stream::CONTENT_TYPE);

/// How to speak to this caller; known even when the service is not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dialect {
    pub format: Format,
    pub service: Option<&'static ServiceModel>,
}

impl Dialect {
    fn is_xml(self) -> bool {
        self.format == Format::Query
    }

    fn content_type(self) -> HeaderValue {
        let protocol = self.service.map_or(Protocol::Json11, |service| service.protocol);
        HeaderValue::from_static(self.format.content_type(protocol))
    }

    /// Only text for a service that is not there.
    fn xml_namespace(self) -> &'static str {
        const OF_STS: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
        self.service.map_or(OF_STS, |service| service.xml_namespace)
    }

    /// The error's code in the query protocol.
    fn query_code(self, error: &ApiError) -> &str {
        let named = |service: &'static ServiceModel| {
            service.errors.iter().find(|modelled| modelled.name == error.code())
        };
        self.service.and_then(named).map_or(error.code(), |modelled| modelled.code)
    }
}

pub(crate) fn success(dialect: Dialect, body: Bytes, request_id: &str) -> Response<Body> {
    respond(StatusCode::OK, dialect, dialect.content_type(), full(body), request_id)
}

pub(crate) fn events(dialect: Dialect, body: Body, request_id: &str) -> Response<Body> {
    respond(StatusCode::OK, dialect, EVENTS, body, request_id)
}

pub(crate) fn failure(dialect: Dialect, error: &ApiError, request_id: &str) -> Response<Body> {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if dialect.is_xml() {
        let code = dialect.query_code(error);
        let body = error_document(dialect.xml_namespace(), code, error, request_id);
        return respond(status, dialect, dialect.content_type(), full(body), request_id);
    }
    let body = full(dialect.format.document(&document(error)));
    let mut response = respond(status, dialect, dialect.content_type(), body, request_id);
    let headers = response.headers_mut();
    if let Ok(code) = HeaderValue::from_str(error.code()) {
        headers.insert(ERROR_TYPE, code);
    }
    if dialect.service.is_some_and(|service| !service.xml_namespace.is_empty()) {
        let query = format!("{};{}", dialect.query_code(error), error.fault().as_str());
        headers.extend(HeaderValue::try_from(query).ok().map(|value| (QUERY_ERROR, value)));
    }
    response
}

fn document(error: &ApiError) -> Map<String, Value> {
    let mut document = Map::new();
    document.insert("__type".to_owned(), Value::from(error.code()));
    document.insert("message".to_owned(), Value::from(error.message()));
    for (name, value) in error.fields() {
        document.insert(name.clone(), value.clone());
    }
    document
}

fn respond(
    status: StatusCode,
    dialect: Dialect,
    content_type: HeaderValue,
    body: Body,
    request_id: &str,
) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    if dialect.format == Format::RpcCbor {
        headers.insert(SMITHY_PROTOCOL, HeaderValue::from_static(RPC_V2_CBOR));
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

/// The service does not have this operation, or does not offer it. Never a 5xx: SDKs would retry.
pub(crate) fn unknown_operation(format: Format, message: String) -> ApiError {
    let code = match format {
        Format::Query => "InvalidAction",
        Format::Json | Format::Cbor | Format::RpcCbor => "UnknownOperationException",
    };
    ApiError::sender(code, message)
}

/// The code and status each protocol has for a signature that was not accepted.
pub(crate) fn signature_error(dialect: Dialect, error: &SignatureError) -> ApiError {
    let (json, query, status) = match error {
        SignatureError::Missing => ("MissingAuthenticationTokenException", "MissingAuthenticationToken", 403),
        SignatureError::Incomplete(_) => ("IncompleteSignatureException", "IncompleteSignature", 400),
        SignatureError::UnknownKey => ("UnrecognizedClientException", "InvalidClientTokenId", 403),
        SignatureError::ExpiredToken => ("ExpiredTokenException", "ExpiredToken", 403),
        SignatureError::Clock(_) | SignatureError::Scope(_) | SignatureError::Mismatch => {
            ("InvalidSignatureException", "SignatureDoesNotMatch", 403)
        }
    };
    let code = if dialect.is_xml() { query } else { json };
    let message = match error {
        SignatureError::Missing if dialect.is_xml() => "Request is missing Authentication Token".to_owned(),
        _ => error.to_string(),
    };
    ApiError::new(code, status, message)
}

/// The whole body of a successful answer around what the handler encoded.
pub(crate) fn wrap(
    format: Format,
    service: &ServiceModel,
    operation: &str,
    encoded: Bytes,
    request_id: &str,
) -> Bytes {
    match format {
        Format::Query => response_document(service, operation, &encoded, request_id),
        Format::Json | Format::Cbor | Format::RpcCbor => encoded,
    }
}
