//! Requests to Splunk's HTTP Event Collector, with indexer acknowledgement: events count as delivered when Splunk
//! says that they are indexed, not when it has received them.

use std::time::Duration;

use bytes::Bytes;
use flow::{Answer, Request, Trouble};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use rt::Rt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::client::{HttpsClient, NoResponse, Response};
use crate::limits::ENDPOINT_RESPONSE_TIMEOUT;

/// Between two questions whether events are indexed.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

const EVENT_PATH: &str = "/services/collector/event";
const RAW_PATH: &str = "/services/collector/raw";
const ACK_PATH: &str = "/services/collector/ack";

/// Settings of an event collector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Splunk {
    /// `https://host:port`
    pub(crate) endpoint: String,
    /// Records are events in the collector's own format; else they are any text, an event a line.
    pub(crate) events: bool,
    pub(crate) token: String,
    /// A UUID: acknowledgements belong to the channel their request was sent in.
    pub(crate) channel: String,
    pub(crate) acknowledgement_timeout: Duration,
}

/// What the collector answers.
#[derive(Debug, Deserialize)]
struct Reply {
    #[serde(default)]
    text: String,
    code: i64,
    #[serde(rename = "ackId")]
    ack_id: Option<u64>,
}

impl Splunk {
    pub(super) async fn deliver(&self, rt: &Rt, client: &HttpsClient, request: Request) -> Answer {
        let headers = match self.headers() {
            Some(headers) => headers,
            None => return Answer::Refused(trouble("InvalidToken", "the token cannot be sent in a header")),
        };
        let url = self.url(if self.events { EVENT_PATH } else { RAW_PATH });
        let body = body(&request.records);
        match received(client.post(&url, headers.clone(), body, ENDPOINT_RESPONSE_TIMEOUT).await) {
            Ok(id) => self.acknowledged(rt, client, &headers, id).await,
            Err(answer) => answer,
        }
    }

    /// Asks until the events are indexed.
    async fn acknowledged(&self, rt: &Rt, client: &HttpsClient, headers: &HeaderMap, id: u64) -> Answer {
        let url = format!("{}?channel={}", self.url(ACK_PATH), self.channel);
        let question = Bytes::from(json!({ "acks": [id] }).to_string());
        let deadline = rt.now().plus(self.acknowledgement_timeout);
        let mut headers = headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let mut told = String::new();
        while rt.now() < deadline {
            let left = deadline.saturating_since(rt.now());
            let answered = client.post(&url, headers.clone(), question.clone(), left).await;
            // One that does not answer this time may the next time.
            match answered.map_err(|none| none.to_string()).and_then(|answer| is_indexed(&answer, id)) {
                Ok(true) => return Answer::Accepted,
                Ok(false) => told.clear(),
                Err(reason) => told = format!("; asked for it last, {reason}"),
            }
            rt.sleep(POLL_INTERVAL.min(deadline.saturating_since(rt.now()))).await;
        }
        let waited = self.acknowledgement_timeout.as_secs();
        Answer::TryAgain(trouble(
            "AckTimeout",
            &format!("no acknowledgement of the events within {waited} s{told}"),
        ))
    }

    fn headers(&self) -> Option<HeaderMap> {
        let mut token = HeaderValue::from_str(&format!("Splunk {}", self.token)).ok()?;
        token.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, token);
        let channel = HeaderValue::from_str(&self.channel).ok()?;
        headers.insert(HeaderName::from_static("x-splunk-request-channel"), channel);
        Some(headers)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.endpoint.trim_end_matches('/'))
    }
}

/// The records, each on lines of its own.
fn body(records: &[Bytes]) -> Bytes {
    let mut body = Vec::with_capacity(records.iter().map(|data| data.len() + 1).sum());
    for data in records {
        body.extend_from_slice(data);
        if !data.ends_with(b"\n") {
            body.push(b'\n');
        }
    }
    body.into()
}

/// The id to ask for the acknowledgement with, or what the answer means for the request.
fn received(answered: Result<Response, NoResponse>) -> Result<u64, Answer> {
    let Response { status, body } = answered.map_err(|none| match none {
        NoResponse::Settings(reason) => Answer::Refused(trouble("InvalidEndpoint", &reason)),
        NoResponse::Timeout(_) => Answer::TryAgain(trouble("ConnectionTimeout", &none.to_string())),
        NoResponse::Connect(_) => Answer::TryAgain(trouble("InvalidEndpoint", &none.to_string())),
        NoResponse::Broken(_) | NoResponse::TooLarge => {
            Answer::TryAgain(trouble("ConnectionClosed", &none.to_string()))
        }
    })?;
    let reply = serde_json::from_slice::<Reply>(&body).ok();
    let (code, text) = match &reply {
        Some(reply) => (reply.code, reply.text.clone()),
        None => (-1, String::from_utf8_lossy(&body).chars().take(1_000).collect()),
    };
    let told = format!("the event collector answered {status}, code {code}: {text}");
    if status.is_success() && code == 0 {
        let id = reply.and_then(|reply| reply.ack_id);
        // They are there, so they must not be sent again; whether they are indexed nobody can know.
        return id.ok_or_else(|| {
            Answer::Refused(trouble("DisabledAck", "acknowledgement is not enabled for the token"))
        });
    }
    // By the codes of Splunk's documentation.
    let (name, forever) = match (status, code) {
        (_, 1) => ("DisabledToken", false),
        (_, 2..=4) => ("InvalidToken", false),
        (_, 5 | 6 | 12 | 13 | 15) => ("InvalidDataFormat", true),
        (_, 7) => ("InvalidIndex", false),
        (_, 9) => ("ServerError", false),
        (_, 10 | 11) => ("InvalidDataChannel", false),
        (_, 14) => ("DisabledAck", false),
        (StatusCode::PAYLOAD_TOO_LARGE, _) => ("ServerError.ContentTooLarge", true),
        (StatusCode::NOT_FOUND, _) => ("URLNotFound", false),
        (StatusCode::SERVICE_UNAVAILABLE, _) => ("IndexerBusy", false),
        _ => ("ServerError", false),
    };
    let failed = trouble(name, &told);
    Err(if forever { Answer::Refused(failed) } else { Answer::TryAgain(failed) })
}

/// The error is why the answer does not tell.
fn is_indexed(answer: &Response, id: u64) -> Result<bool, String> {
    let told = serde_json::from_slice::<Value>(&answer.body);
    match told.ok().and_then(|told| told["acks"][id.to_string()].as_bool()) {
        Some(indexed) => Ok(indexed),
        None => {
            let text: String = String::from_utf8_lossy(&answer.body).chars().take(200).collect();
            Err(format!("the event collector answered {}: {text}", answer.status))
        }
    }
}

fn trouble(code: &str, reason: &str) -> Trouble {
    Trouble::new(format!("Splunk.{code}"), reason)
}
