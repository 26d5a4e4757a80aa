//! Both protocols over TLS, against places that answer as their documentation says.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws::{Body, Limits, LocalAccount, MemoryCredentials, Router, Tls, body};
use bytes::Bytes;
use flow::{Answer, Outlet, Request, Trouble};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use rt::{ManualClock, Rt, Timestamp};
use serde_json::{Value, json};

use super::{Endpoints, HttpEndpoint, Splunk, Target};

const ID: &str = "ed4acda5-034f-9f42-bba1-f29aea6d7d8f";

/// A request as it came.
#[derive(Clone, Debug)]
struct Seen {
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Seen {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A place outside, with a certificate of its own.
struct Place {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    endpoints: Endpoints,
    clock: ManualClock,
}

impl Place {
    async fn start(answer: impl Fn(&Seen) -> (u16, String) + Send + Sync + 'static) -> Place {
        let (rt, clock) = Rt::manual(Timestamp::from_millis(1_795_337_413_000), 1);
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (ca, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let tls = Tls::new(ca.as_bytes(), key.as_bytes()).unwrap();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (kept, answer) = (seen.clone(), Arc::new(answer));
        let credentials = Arc::new(MemoryCredentials::new());
        // The place has a clock of its own.
        let there = Rt::system();
        let mut router =
            Router::builder(there.clone(), Arc::new(LocalAccount), credentials, Limits::default());
        router.fallback_http(move |request: http::Request<Incoming>| {
            let (kept, answer) = (kept.clone(), answer.clone());
            async move { exchange(request, &kept, &*answer).await }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        there.spawn("listener", aws::serve_tls(listener, router, there.stop(), tls));
        let endpoints = Endpoints::new(rt, Some(ca.as_bytes())).unwrap();
        Place { url, seen, endpoints, clock }
    }

    fn http(&self) -> Target {
        Target::Http(HttpEndpoint {
            url: format!("{}/in", self.url),
            access_key: Some("a-key".to_owned()),
            source_arn: "arn:aws:firehose:us-east-1:123456789012:deliverystream/flights".to_owned(),
            common_attributes: vec![("team".to_owned(), "물길".to_owned())],
            gzip: false,
        })
    }

    fn splunk(&self, events: bool) -> Target {
        Target::Splunk(Splunk {
            endpoint: self.url.clone(),
            events,
            token: "a-token".to_owned(),
            channel: "0f8fad5b-d9cb-469f-a165-70867728950e".to_owned(),
            acknowledgement_timeout: Duration::from_secs(180),
        })
    }

    /// Time passes while it waits.
    async fn deliver(&self, target: &Target) -> Answer {
        let delivered = self.endpoints.deliver(target.to_value(), request());
        let mut delivered = std::pin::pin!(delivered);
        loop {
            let waited = Rt::system().timeout(Duration::from_millis(20), delivered.as_mut()).await;
            match waited {
                Some(answer) => return answer,
                None => self.clock.advance(Duration::from_secs(1)),
            }
        }
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn exchange(
    request: http::Request<Incoming>,
    kept: &Mutex<Vec<Seen>>,
    answer: &(impl Fn(&Seen) -> (u16, String) + ?Sized),
) -> Response<Body> {
    let (head, content) = request.into_parts();
    let body = content.collect().await.unwrap().to_bytes();
    let path = head.uri.path_and_query().unwrap().to_string();
    let seen = Seen { path, headers: head.headers, body };
    let (status, text) = answer(&seen);
    kept.lock().unwrap().push(seen);
    if status == 0 {
        // An answer that never comes.
        std::future::pending::<()>().await;
    }
    let mut response = Response::new(body::full(text));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

fn request() -> Request {
    let records = vec![Bytes::from_static(b"{\"n\":1}"), Bytes::from_static(b"two\n")];
    Request { id: ID.to_owned(), time: Timestamp::from_millis(1_578_090_901_599), records }
}

fn trouble(answer: &Answer) -> &Trouble {
    match answer {
        Answer::TryAgain(trouble) | Answer::Refused(trouble) => trouble,
        Answer::Accepted => panic!("it was accepted"),
    }
}

/// What an endpoint that takes everything answers.
fn accepted(seen: &Seen) -> (u16, String) {
    let id = seen.header("x-amz-firehose-request-id");
    (200, json!({ "requestId": id, "timestamp": 1_578_090_903_599_u64 }).to_string())
}

#[tokio::test]
async fn a_request_to_an_endpoint_is_as_documented() {
    let place = Place::start(accepted).await;
    assert_eq!(place.deliver(&place.http()).await, Answer::Accepted);
    let seen = &place.seen()[0];
    assert_eq!(seen.path, "/in");
    for (name, value) in [
        ("x-amz-firehose-protocol-version", "1.0"),
        ("x-amz-firehose-request-id", ID),
        ("x-amz-firehose-source-arn", "arn:aws:firehose:us-east-1:123456789012:deliverystream/flights"),
        ("x-amz-firehose-access-key", "a-key"),
        ("content-type", "application/json"),
        ("content-encoding", ""),
    ] {
        assert_eq!(seen.header(name), value, "{name}");
    }
    let attributes = seen.headers["x-amz-firehose-common-attributes"].as_bytes();
    let attributes: Value = serde_json::from_slice(attributes).unwrap();
    assert_eq!(attributes, json!({ "commonAttributes": { "team": "물길" } }));
    let expected = json!({
        "requestId": ID,
        "timestamp": 1_578_090_901_599_u64,
        "records": [{ "data": "eyJuIjoxfQ==" }, { "data": "dHdvCg==" }],
    });
    assert_eq!(seen.json(), expected);
}

#[tokio::test]
async fn a_body_is_packed_if_asked_for_and_the_same_each_time() {
    let place = Place::start(accepted).await;
    let Target::Http(mut endpoint) = place.http() else { unreachable!() };
    (endpoint.gzip, endpoint.access_key, endpoint.common_attributes) = (true, None, Vec::new());
    let target = Target::Http(endpoint);
    place.deliver(&target).await;
    place.deliver(&target).await;
    let seen = place.seen();
    assert_eq!(seen[0].header("content-encoding"), "gzip");
    assert!(!seen[0].headers.contains_key("x-amz-firehose-access-key"));
    assert!(!seen[0].headers.contains_key("x-amz-firehose-common-attributes"));
    assert_eq!(seen[0].body, seen[1].body);
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&seen[0].body[..]), &mut text).unwrap();
    assert!(text.starts_with("{\"requestId\""));
}

#[tokio::test]
async fn an_endpoint_has_to_answer_with_the_id_it_was_sent() {
    for (status, body, code, forever) in [
        (
            200,
            json!({ "requestId": "another", "timestamp": 1 }).to_string(),
            "InvalidResponseFromDestination",
            false,
        ),
        (200, json!({ "requestId": ID }).to_string(), "InvalidResponseFromDestination", false),
        (200, "ok".to_owned(), "InvalidResponseFromDestination", false),
        (202, json!({ "requestId": ID, "timestamp": 1 }).to_string(), "DestinationException", false),
        (500, json!({ "errorMessage": "no disk" }).to_string(), "DestinationException", false),
        (404, String::new(), "DestinationException", false),
        (307, String::new(), "DestinationException", false),
        (413, "too much".to_owned(), "DestinationException", true),
        (200, " ".repeat(2 << 20), "ResponseTooLarge", false),
    ] {
        let told = if body.len() < 100 { body.clone() } else { String::new() };
        let place = Place::start(move |_| (status, body.clone())).await;
        let answer = place.deliver(&place.http()).await;
        assert_eq!(trouble(&answer).code, format!("HttpEndpoint.{code}"), "{status} {told}");
        assert_eq!(matches!(answer, Answer::Refused(_)), forever, "{status} {told}");
        if status == 500 {
            assert!(trouble(&answer).reason.contains("no disk"));
        }
    }
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_or_is_not_there_is_tried_again() {
    let silent = Place::start(|_| (0, String::new())).await;
    let answer = silent.deliver(&silent.http()).await;
    assert_eq!(trouble(&answer).code, "HttpEndpoint.RequestTimeout");
    assert!(matches!(answer, Answer::TryAgain(_)));
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let Target::Http(mut endpoint) = silent.http() else { unreachable!() };
    endpoint.url = format!("https://localhost:{port}/");
    let answer = silent.deliver(&Target::Http(endpoint)).await;
    assert_eq!(trouble(&answer).code, "HttpEndpoint.ConnectionFailed");
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_is_no_connection() {
    let (place, other) = (Place::start(accepted).await, Place::start(accepted).await);
    let answer = other.deliver(&place.http()).await;
    assert_eq!(trouble(&answer).code, "HttpEndpoint.ConnectionFailed");
    assert!(trouble(&answer).reason.contains("certificate"), "{answer:?}");
    assert!(place.seen().is_empty());
}

/// An event collector that has indexed events at the third question.
fn collector(asked: Mutex<u32>) -> impl Fn(&Seen) -> (u16, String) {
    move |seen| {
        if !seen.path.starts_with("/services/collector/ack") {
            return (200, json!({ "text": "Success", "code": 0, "ackId": 7 }).to_string());
        }
        let mut asked = asked.lock().unwrap();
        *asked += 1;
        match *asked {
            1 => (503, "busy".to_owned()),
            2 => (200, json!({ "acks": { "7": false } }).to_string()),
            _ => (200, json!({ "acks": { "7": true } }).to_string()),
        }
    }
}

#[tokio::test]
async fn events_count_as_delivered_when_splunk_says_they_are_indexed() {
    for (events, path) in [(false, "/services/collector/raw"), (true, "/services/collector/event")] {
        let place = Place::start(collector(Mutex::new(0))).await;
        assert_eq!(place.deliver(&place.splunk(events)).await, Answer::Accepted);
        let seen = place.seen();
        assert_eq!(seen.len(), 4);
        assert_eq!((seen[0].path.as_str(), &seen[0].body[..]), (path, &b"{\"n\":1}\ntwo\n"[..]));
        for request in &seen {
            assert_eq!(request.header("authorization"), "Splunk a-token");
            assert_eq!(request.header("x-splunk-request-channel"), "0f8fad5b-d9cb-469f-a165-70867728950e");
        }
        assert_eq!(seen[3].path, "/services/collector/ack?channel=0f8fad5b-d9cb-469f-a165-70867728950e");
        assert_eq!(seen[3].json(), json!({ "acks": [7] }));
    }
}

#[tokio::test]
async fn events_that_are_never_acknowledged_are_sent_again() {
    let place = Place::start(|seen| match seen.path.starts_with("/services/collector/ack") {
        true => (200, json!({ "acks": { "7": false } }).to_string()),
        false => (200, json!({ "text": "Success", "code": 0, "ackId": 7 }).to_string()),
    })
    .await;
    let answer = place.deliver(&place.splunk(false)).await;
    assert!(matches!(answer, Answer::TryAgain(_)));
    assert_eq!(trouble(&answer).code, "Splunk.AckTimeout");
}

#[tokio::test]
async fn an_acknowledgement_that_cannot_be_read_is_told() {
    let place = Place::start(|seen| match seen.path.starts_with("/services/collector/ack") {
        true => (403, "Forbidden".to_owned()),
        false => (200, json!({ "text": "Success", "code": 0, "ackId": 7 }).to_string()),
    })
    .await;
    let answer = place.deliver(&place.splunk(false)).await;
    assert_eq!(trouble(&answer).code, "Splunk.AckTimeout");
    let reason = &trouble(&answer).reason;
    assert!(reason.contains("the event collector answered 403 Forbidden: Forbidden"), "{reason}");
}

#[tokio::test]
async fn what_splunk_refuses_is_told_by_its_name() {
    for (status, code, name, forever) in [
        (403, 4, "InvalidToken", false),
        (403, 1, "DisabledToken", false),
        (400, 6, "InvalidDataFormat", true),
        (400, 7, "InvalidIndex", false),
        (503, 9, "ServerError", false),
        (200, 0, "DisabledAck", true),
    ] {
        let reply = json!({ "text": "why", "code": code }).to_string();
        let place = Place::start(move |_| (status, reply.clone())).await;
        let answer = place.deliver(&place.splunk(false)).await;
        assert_eq!(trouble(&answer).code, format!("Splunk.{name}"));
        assert_eq!(matches!(answer, Answer::Refused(_)), forever, "{name}");
    }
    let place = Place::start(|_| (413, String::new())).await;
    assert!(matches!(place.deliver(&place.splunk(false)).await, Answer::Refused(_)));
}

#[test]
fn certificates_that_cannot_be_trusted_are_told() {
    for pem in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert!(Endpoints::new(Rt::system(), Some(pem.as_bytes())).is_err(), "{pem:?}");
    }
}
