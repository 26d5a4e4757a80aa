//! Event streams over both versions of HTTP, and every way they end.

use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::*;
use crate::client::EventReceiver;
use crate::event_stream::Message;
use crate::sigv4::{SigningIdentity, SigningKeys, sign_request};

async fn subscribe(world: &World, name: &str) -> EventReceiver {
    world.client().subscribe(TOY, "Stream", &json!({"Name": name, "Data": "aGk="})).await.unwrap()
}

fn payload(message: &Message) -> serde_json::Value {
    serde_json::from_slice(&message.payload).unwrap()
}

#[tokio::test]
async fn events_follow_the_initial_response_until_the_stream_ends() {
    let world = World::start().await;
    let mut events = subscribe(&world, "short").await;
    let initial = events.next().await.unwrap().unwrap();
    assert_eq!(initial.header(":event-type"), Some("initial-response"));
    assert_eq!(payload(&initial), json!({}));
    for count in 1..=3 {
        let event = events.next().await.unwrap().unwrap();
        assert_eq!(event.header(":message-type"), Some("event"));
        assert_eq!(event.header(":event-type"), Some("Note"));
        assert_eq!(event.header(":content-type"), Some("application/x-amz-json-1.1"));
        assert_eq!(payload(&event), json!({"Count": count, "Data": "aGk="}));
    }
    assert_eq!(events.next().await.unwrap(), None);
}

#[tokio::test]
async fn the_head_of_a_stream_is_an_answers() {
    let world = World::start().await;
    let client = world.client();
    let prepared = client.prepare(TOY, "Stream", Bytes::from_static(b"{\"Name\":\"short\"}")).unwrap();
    let response = client.send_prepared(&prepared).await.unwrap();
    assert_eq!(response.status, 200);
    assert_eq!(response.headers["content-type"], "application/vnd.amazon.eventstream");
    assert!(response.headers.contains_key("x-amzn-requestid"));
}

#[tokio::test]
async fn a_refusal_before_the_stream_is_an_ordinary_answer() {
    let world = World::start().await;
    for (input, code) in [
        (json!({"Name": "refused"}), "ResourceNotFoundException"),
        (json!({"Name": "too long a name"}), "ValidationException"),
        (json!({}), "ValidationException"),
    ] {
        let error = world.client().subscribe(TOY, "Stream", &input).await.err().unwrap();
        assert_eq!((error.code.as_str(), error.status), (code, 400));
    }
}

#[tokio::test]
async fn an_error_in_the_stream_is_its_last_frame() {
    let world = World::start().await;
    for (name, code, message) in [
        ("modelled", "NoteException", "no more"),
        ("ours", "InternalFailure", "The request processing has failed"),
        ("panic", "InternalFailure", "The request processing has failed"),
    ] {
        let mut events = subscribe(&world, name).await;
        for _ in 0..4 {
            events.next().await.unwrap().unwrap();
        }
        let error = events.next().await.unwrap_err();
        assert_eq!(error.code, code);
        assert!(error.message.starts_with(message) && !error.message.contains("secret"), "{error}");
        assert_eq!(events.next().await.unwrap(), None, "{name}");
    }
    world.client().call(TOY, "Echo", &json!({"Name": "a"})).await.unwrap();
}

/// SDKs make the modelled exception of the first form and know nothing of the second.
#[tokio::test]
async fn an_error_of_the_union_is_an_exception_and_any_other_only_an_error() {
    let world = World::start().await;
    let client = world.client();
    for (name, headers, document) in [
        (
            "modelled",
            [(":message-type", "exception"), (":exception-type", "NoteException")],
            Some(json!({"message": "no more", "Extra": 7})),
        ),
        ("ours", [(":message-type", "error"), (":error-code", "InternalFailure")], None),
    ] {
        let body = Bytes::from(json!({ "Name": name }).to_string());
        let prepared = client.prepare(TOY, "Stream", body).unwrap();
        let answer = client.send_prepared(&prepared).await.unwrap();
        let mut frames = bytes::BytesMut::from(&answer.body[..]);
        let mut last = None;
        while let Some(frame) = crate::event_stream::decode(&mut frames).unwrap() {
            last = Some(frame);
        }
        let last = last.unwrap();
        for (name, value) in headers {
            assert_eq!(last.header(name), Some(value));
        }
        assert_eq!(serde_json::from_slice(&last.payload).ok(), document);
    }
}

#[tokio::test]
async fn an_event_goes_out_when_it_is_there_and_not_when_the_next_one_is() {
    let world = World::start().await;
    let mut events = subscribe(&world, "for ever").await;
    for _ in 0..4 {
        events.next().await.unwrap().unwrap();
    }
    for count in 4..8 {
        world.toy.waiting.notified().await;
        world.toy.go_on.notify_one();
        assert_eq!(payload(&events.next().await.unwrap().unwrap())["Count"], count);
    }
}

#[tokio::test]
async fn a_stream_is_dropped_when_its_client_goes_away() {
    let world = World::start().await;
    let mut events = subscribe(&world, "for ever").await;
    events.next().await.unwrap().unwrap();
    world.toy.waiting.notified().await;
    drop(events);
    world.toy.done.notified().await;
}

#[tokio::test]
async fn stopping_the_server_ends_streams_between_two_events() {
    let world = World::start().await;
    let mut events = subscribe(&world, "for ever").await;
    for _ in 0..4 {
        events.next().await.unwrap().unwrap();
    }
    world.toy.waiting.notified().await;
    let rt = world.rt.clone();
    let stopping = world.rt.spawn("stop", async move { rt.stop().cancel() });
    stopping.await.unwrap();
    assert_eq!(events.next().await.unwrap(), None);
    world.toy.done.notified().await;
    assert_eq!(world.rt.shutdown(Duration::from_secs(30)).await, Vec::<&str>::new());
}

#[tokio::test]
async fn streams_share_an_http2_connection_with_calls() {
    let world = World::start().await;
    let authority = world.endpoint.trim_start_matches("http://");
    let identity = SigningIdentity {
        access_key: KEY,
        secret: SECRET,
        session_token: None,
        region: "us-east-1",
        service: "toy",
    };
    let signed = |operation: &str, body: &'static [u8]| {
        let mut parts = Request::builder()
            .method("POST")
            .uri(&world.endpoint)
            .header("host", authority)
            .header("x-amz-target", format!("Toy_20260101.{operation}"))
            .header("content-type", "application/x-amz-json-1.1")
            .body(())
            .unwrap()
            .into_parts()
            .0;
        let hash = crate::sigv4::hash_hex(body);
        sign_request(&mut parts, &hash, &identity, &SigningKeys::new(), world.rt.now());
        parts.headers.remove("host");
        Request::from_parts(parts, Full::new(Bytes::from_static(body)))
    };
    let stream = tokio::net::TcpStream::connect(authority).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    world.rt.spawn("client connection", connection);
    let mut body =
        sender.send_request(signed("Stream", b"{\"Name\":\"for ever\"}")).await.unwrap().into_body();
    world.toy.waiting.notified().await;
    let response = sender.send_request(signed("Echo", b"{\"Name\":\"two\"}")).await.unwrap();
    assert_eq!((response.status().as_u16(), response.version()), (200, http::Version::HTTP_2));
    assert!(body.frame().await.unwrap().is_ok());
    // Only the stream is reset; the connection lives on.
    drop(body);
    world.toy.done.notified().await;
    let response = sender.send_request(signed("Echo", b"{\"Name\":\"two\"}")).await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_stream_cannot_be_called_in_process() {
    let world = World::start().await;
    let (principal, scope) = world.root();
    let answer = world.caller.call_as(&principal, &scope, "toy", "Stream", json!({"Name": "a"})).await;
    assert!(answer.unwrap_err().message().contains("toy:Stream answers with a stream"));
}
