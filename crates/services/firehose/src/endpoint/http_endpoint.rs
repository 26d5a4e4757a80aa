//! Requests to an HTTP endpoint, by the appendix "HTTP Endpoint Delivery Request and Response Specifications" of the
//! public service's guide.

use std::io::Write;

use bytes::Bytes;
use flate2::write::GzEncoder;
use flow::{Answer, Request, Trouble};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use rt::Rt;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::client::{HttpsClient, NoResponse, Response};
use crate::limits::ENDPOINT_RESPONSE_TIMEOUT;

/// How much of an answer is told in an error line.
const MESSAGE_CHARS_MAX: usize = 8 << 10;

/// Settings of an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct HttpEndpoint {
    pub(crate) url: String,
    pub(crate) access_key: Option<String>,
    /// Whose records these are.
    pub(crate) source_arn: String,
    /// `(name, value)`, sent as JSON in a header.
    pub(crate) common_attributes: Vec<(String, String)>,
    pub(crate) gzip: bool,
}

/// What an endpoint must answer.
#[derive(Deserialize)]
struct Acknowledgement {
    #[serde(rename = "requestId")]
    request_id: Option<String>,
    timestamp: Option<Value>,
    #[serde(rename = "errorMessage")]
    error_message: Option<String>,
}

impl HttpEndpoint {
    pub(super) async fn deliver(&self, rt: &Rt, client: &HttpsClient, request: Request) -> Answer {
        let headers = match self.headers(&request.id) {
            Ok(headers) => headers,
            Err(field) => {
                let reason = format!("{field} cannot be sent in a header");
                return Answer::Refused(trouble("InvalidHeader", reason));
            }
        };
        let (id, gzip) = (request.id.clone(), self.gzip);
        let body = rt.blocking("endpoint-encode", move || encode(&request, gzip)).await;
        judge(&id, client.post(&self.url, headers, body, ENDPOINT_RESPONSE_TIMEOUT).await)
    }

    /// Fails with the setting that is no header.
    fn headers(&self, id: &str) -> Result<HeaderMap, &'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static("Amazon Kinesis Data Firehose Agent/1.0"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let mut set = |name: &'static str, value: &str, field: &'static str| {
            let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| field)?;
            headers.insert(HeaderName::from_static(name), value);
            Ok::<(), &'static str>(())
        };
        set("x-amz-firehose-protocol-version", "1.0", "the version")?;
        set("x-amz-firehose-request-id", id, "the request id")?;
        set("x-amz-firehose-source-arn", &self.source_arn, "the ARN")?;
        if let Some(key) = &self.access_key {
            set("x-amz-firehose-access-key", key, "the access key")?;
        }
        if !self.common_attributes.is_empty() {
            let pairs = self.common_attributes.iter();
            let attributes: Map<String, Value> =
                pairs.map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
            let text = json!({ "commonAttributes": attributes }).to_string();
            set("x-amz-firehose-common-attributes", &text, "a common attribute")?;
        }
        Ok(headers)
    }
}

/// The body, the same whenever the same request is sent.
fn encode(request: &Request, gzip: bool) -> Bytes {
    let data: usize = request.records.iter().map(|data| data.len().div_ceil(3) * 4 + 12).sum();
    let mut body = Vec::with_capacity(data + 128);
    body.extend_from_slice(b"{\"requestId\":\"");
    body.extend_from_slice(request.id.as_bytes());
    body.extend_from_slice(format!("\",\"timestamp\":{},\"records\":[", request.time.as_millis()).as_bytes());
    for (index, data) in request.records.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(b"{\"data\":\"");
        base64_simd::STANDARD.encode_append(data, &mut body);
        body.extend_from_slice(b"\"}");
    }
    body.extend_from_slice(b"]}");
    if !gzip {
        return body.into();
    }
    let mut packed = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let written = packed.write_all(&body).and_then(|()| packed.finish());
    written.expect("memory takes what is written to it").into()
}

fn judge(id: &str, answered: Result<Response, NoResponse>) -> Answer {
    let Response { status, body } = match answered {
        Ok(response) => response,
        Err(NoResponse::Settings(reason)) => return Answer::Refused(trouble("InvalidUrl", reason)),
        Err(none) => {
            let code = match none {
                NoResponse::Connect(_) | NoResponse::Settings(_) => "ConnectionFailed",
                NoResponse::Broken(_) => "ConnectionReset",
                NoResponse::Timeout(_) => "RequestTimeout",
                NoResponse::TooLarge => "ResponseTooLarge",
            };
            return Answer::TryAgain(trouble(code, none.to_string()));
        }
    };
    let acknowledgement = serde_json::from_slice::<Acknowledgement>(&body);
    if status == StatusCode::OK {
        let invalid = |reason: String| Answer::TryAgain(trouble("InvalidResponseFromDestination", reason));
        return match acknowledgement {
            Err(error) => {
                invalid(format!("the answer to request {id} is not the JSON it should be: {error}"))
            }
            Ok(Acknowledgement { request_id, timestamp, .. }) => match (request_id, timestamp) {
                (Some(answered), Some(_)) if answered == id => Answer::Accepted,
                (Some(_), None) | (None, _) => {
                    invalid(format!("the answer to request {id} lacks requestId or timestamp"))
                }
                (Some(answered), Some(_)) => {
                    invalid(format!("the answer to request {id} is one to request {answered:?}"))
                }
            },
        };
    }
    let told = acknowledgement.ok().and_then(|answer| answer.error_message);
    let told = told.unwrap_or_else(|| String::from_utf8_lossy(&body).into_owned());
    let told: String = told.chars().take(MESSAGE_CHARS_MAX).collect();
    let failed = trouble("DestinationException", format!("the endpoint answered {status}: {told}"));
    // The only answer after which the same request cannot be taken later.
    if status == StatusCode::PAYLOAD_TOO_LARGE { Answer::Refused(failed) } else { Answer::TryAgain(failed) }
}

fn trouble(code: &str, reason: String) -> Trouble {
    Trouble::new(format!("HttpEndpoint.{code}"), reason)
}
