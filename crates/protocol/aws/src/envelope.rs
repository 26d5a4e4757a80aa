//! What stands around an answer: status, headers, and the shape of errors, per protocol.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde_json::{Map, Value};

use crate::body::{Body, full};
use crate::codec::error_document;
use crate::model::Protocol;
use crate::sigv4::SignatureError;
use crate::{ApiError, codec, event_stream};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const JSON_10: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");
const JSON_11: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.1");
const XML: HeaderValue = HeaderValue::from_static("text/xml");
const EVENTS: HeaderValue = HeaderValue::from_static(event_stream::CONTENT_TYPE);

/// How to speak to this caller; known even when the service is not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dialect {
    pub protocol: Protocol,
    pub xml_namespace: &'static str,
}

impl Dialect {
    pub const JSON: Dialect = Dialect { protocol: Protocol::Json11, xml_namespace: "" };
    pub const QUERY: Dialect =
        Dialect { protocol: Protocol::Query, xml_namespace: "https://sts.amazonaws.com/doc/2011-06-15/" };

    fn is_xml(self) -> bool {
        matches!(self.protocol, Protocol::Query | Protocol::RestXml)
    }

    fn content_type(self) -> HeaderValue {
        match self.protocol {
            Protocol::Json10 => JSON_10,
            Protocol::Json11 | Protocol::RestJson => JSON_11,
            Protocol::Query | Protocol::RestXml => XML,
        }
    }
}

pub(crate) fn success(dialect: Dialect, body: Bytes, request_id: &str) -> Response<Body> {
    respond(StatusCode::OK, dialect.content_type(), full(body), request_id)
}

pub(crate) fn events(body: Body, request_id: &str) -> Response<Body> {
    respond(StatusCode::OK, EVENTS, body, request_id)
}

pub(crate) fn failure(dialect: Dialect, error: &ApiError, request_id: &str) -> Response<Body> {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = if dialect.is_xml() {
        error_document(dialect.xml_namespace, error, request_id)
    } else {
        json_error(error)
    };
    respond(status, dialect.content_type(), full(body), request_id)
}

fn json_error(error: &ApiError) -> Bytes {
    let mut document = Map::new();
    document.insert("__type".to_owned(), Value::from(error.code()));
    document.insert("message".to_owned(), Value::from(error.message()));
    for (name, value) in error.fields() {
        document.insert(name.clone(), value.clone());
    }
    Bytes::from(Value::Object(document).to_string())
}

fn respond(status: StatusCode, content_type: HeaderValue, body: Body, request_id: &str) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

/// The service does not have this operation, or does not offer it. Never a 5xx: SDKs would retry.
pub(crate) fn unknown_operation(protocol: Protocol, message: String) -> ApiError {
    let code = match protocol {
        Protocol::Query => "InvalidAction",
        Protocol::RestXml => "NotImplemented",
        Protocol::Json10 | Protocol::Json11 | Protocol::RestJson => "UnknownOperationException",
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
    service: &crate::model::ServiceModel,
    operation: &str,
    encoded: Bytes,
    request_id: &str,
) -> Bytes {
    match service.protocol {
        Protocol::Query => codec::response_document(service, operation, &encoded, request_id),
        _ => encoded,
    }
}
