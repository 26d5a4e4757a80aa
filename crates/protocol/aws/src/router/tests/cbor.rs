//! Requests in CBOR: with the target of awsJson, and by the path of Smithy's RPC v2.

use serde_json::Value;

use super::*;
use crate::client::Response;

const TARGET: (&str, &str) = ("x-amz-target", "Toy_20260101.Echo");
const KIND: (&str, &str) = ("content-type", "application/x-amz-cbor-1.1");
const RPC: [(&str, &str); 3] = [
    ("smithy-protocol", "rpc-v2-cbor"),
    ("content-type", "application/cbor"),
    ("accept", "application/cbor"),
];

/// As Java's SDK would: `{Name: "a", Data: h'6869', Since: 1(1795337413250), Count: 3}`.
const BODY: &[u8] =
    b"\xbf\x64Name\x61a\x64Data\x42hi\x65Since\xc1\x1b\x00\x00\x01\xa2\x02\x72\xe2\x82\x65Count\x03\xff";

async fn send(world: &World, service: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
    let body = Bytes::copy_from_slice(body);
    world.client().send(Method::POST, service, path, &[], headers, body).await.unwrap()
}

fn read(response: &Response) -> Value {
    ciborium::from_reader(&response.body[..]).unwrap()
}

#[tokio::test]
async fn a_request_in_cbor_is_answered_in_cbor() {
    let world = World::start().await;
    let response = send(&world, "toy", "/", &[TARGET, KIND], BODY).await;
    assert_eq!(response.status, 200);
    assert_eq!(response.headers["content-type"], "application/x-amz-cbor-1.1");
    // The toy answers with what it got: bytes are bytes, and the time has its tag and unit.
    let same =
        b"\xa4\x64Name\x61a\x64Data\x42hi\x65Since\xc1\x1b\x00\x00\x01\xa2\x02\x72\xe2\x82\x65Count\x03";
    assert_eq!(&response.body[..], same);
}

#[tokio::test]
async fn an_error_in_cbor_has_its_type_in_the_body_and_in_a_header() {
    let world = World::start().await;
    let fail = ("x-amz-target", "Toy_20260101.Fail");
    let unknown = ("x-amz-target", "Toy_20260101.Implode");
    for (target, body, code) in [
        (fail, &b"\xa1\x64Name\x61x"[..], "ResourceNotFoundException"),
        (TARGET, b"\xa0", "ValidationException"),
        (TARGET, b"\xa1\x64Name\x01", "SerializationException"),
        (TARGET, b"{}", "SerializationException"),
        (unknown, b"\xa0", "UnknownOperationException"),
    ] {
        let response = send(&world, "toy", "/", &[target, KIND], body).await;
        assert_eq!(response.status, 400);
        assert_eq!(response.headers["content-type"], "application/x-amz-cbor-1.1");
        assert_eq!(response.headers["x-amzn-errortype"], code);
        let document = read(&response);
        assert_eq!(document["__type"], code);
        assert!(document["message"].is_string(), "{document}");
    }
}

#[tokio::test]
async fn a_signature_that_is_not_right_is_told_in_cbor_too() {
    let world = World::start().await;
    let client = world.client_of(KEY, "wrong");
    let body = Bytes::from_static(BODY);
    let response = client.send(Method::POST, "toy", "/", &[], &[TARGET, KIND], body).await.unwrap();
    assert_eq!(response.status, 403);
    assert_eq!(read(&response)["__type"], "InvalidSignatureException");
}

#[tokio::test]
async fn rpc_v2_names_its_operation_in_the_path_and_counts_time_in_seconds() {
    let world = World::start().await;
    let body = b"\xa2\x64Name\x61a\x65Since\xc1\x0c";
    let response = send(&world, "toy", "/service/Toy_20260101/operation/Echo", &RPC, body).await;
    assert_eq!(response.status, 200);
    assert_eq!(response.headers["smithy-protocol"], "rpc-v2-cbor");
    assert_eq!(response.headers["content-type"], "application/cbor");
    let since = [&b"\x65Since\xc1\xfb"[..], &12_f64.to_be_bytes()].concat();
    assert!(response.body.ends_with(&since), "{:x?}", response.body);
}

#[tokio::test]
async fn what_is_not_provided_is_refused_in_rpc_v2_to_whoever_speaks_it() {
    let world = World::start().await;
    for (service, path) in [
        ("monitoring", "/service/GraniteServiceVersion20100801/operation/PutMetricData"),
        ("sts", "/service/AWSSecurityTokenServiceV20110615/operation/GetCallerIdentity"),
        ("toy", "/service/Toy_20260101/operation/Implode"),
        ("toy", "/somewhere/else"),
    ] {
        let response = send(&world, service, path, &RPC, b"\xa0").await;
        assert_eq!(response.status, 400, "{path}");
        assert_eq!(response.headers["smithy-protocol"], "rpc-v2-cbor");
        assert_eq!(read(&response)["__type"], "UnknownOperationException");
    }
}

#[tokio::test]
async fn an_error_of_a_service_that_also_speaks_query_has_its_code_there() {
    let world = World::start().await;
    let error = send(&world, "toyall", "/service/ToyAll/operation/Fail", &RPC, b"\xa1\x64Name\x61x").await;
    assert_eq!(error.headers["x-amzn-errortype"], "ResourceNotFoundException");
    assert_eq!(error.headers["x-amzn-query-error"], "ResourceNotFound;Sender");
    let client = world.client();
    let query = client.call_query("toyall", "2026-01-01", "Fail", &[("Name", "x")]).await.unwrap_err();
    assert_eq!((query.code.as_str(), query.status), ("ResourceNotFound", 400));
    let target = Target { service: "toyall", prefix: "ToyAll", version: "1.0" };
    let json = client.call(target, "Echo", &json!({"Name": "a"})).await.unwrap();
    assert_eq!(json, json!({"Name": "a"}));
}

#[tokio::test]
async fn events_have_the_format_of_their_request() {
    let world = World::start().await;
    let stream = ("x-amz-target", "Toy_20260101.Stream");
    let response = send(&world, "toy", "/", &[stream, KIND], b"\xa2\x64Name\x61a\x64Data\x42hi").await;
    assert_eq!(response.headers["content-type"], "application/vnd.amazon.eventstream");
    let mut frames = bytes::BytesMut::from(&response.body[..]);
    let initial = crate::event_stream::decode(&mut frames).unwrap().unwrap();
    assert_eq!(initial.header(":content-type"), Some("application/x-amz-cbor-1.1"));
    assert_eq!(&initial.payload[..], b"\xa0");
    let event = crate::event_stream::decode(&mut frames).unwrap().unwrap();
    assert_eq!(&event.payload[..], b"\xa2\x65Count\x01\x64Data\x42hi");
}
