//! Bodies and connections: sizes, encodings, HTTP versions, clients that go away, shutdown.

use std::io::Write;

use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::*;
use crate::sigv4::chunked::{self, STREAMING_PAYLOAD, Seed};
use crate::sigv4::{Authorization, SigningIdentity, SigningKeys, sign_request};

/// Sends exactly this, unsigned.
pub(super) async fn plain(url: &str, method: Method, headers: &[(&str, &str)], body: &[u8]) -> (u16, String) {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::copy_from_slice(body))).unwrap();
    let response = Pool::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}

pub(super) async fn plain_get(url: &str) -> (u16, String) {
    plain(url, Method::GET, &[], b"").await
}

const HEADERS: [(&str, &str); 2] =
    [("x-amz-target", "Toy_20260101.Echo"), ("content-type", "application/x-amz-json-1.1")];

fn gzip(bytes: &[u8]) -> Bytes {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap().into()
}

#[tokio::test]
async fn packed_bodies_are_unpacked_after_their_signature_was_checked() {
    let world = World::start().await;
    let headers = [HEADERS[0], HEADERS[1], ("content-encoding", "gzip")];
    let send = |body: Bytes| {
        let client = world.client();
        async move { client.send(Method::POST, "toy", "/", &[], &headers, body).await.unwrap() }
    };
    let response = send(gzip(b"{\"Name\":\"packed\"}")).await;
    assert_eq!(response.checked().unwrap().body, "{\"Name\":\"packed\"}");
    let bomb = send(gzip(&vec![b' '; 2 << 20])).await;
    assert_eq!(bomb.checked().unwrap_err().status, 413);
    let large = send(gzip(format!("{{\"Name\":\"large\"{}}}", " ".repeat(900_000)).as_bytes())).await;
    assert_eq!(large.status, 200);
    assert_eq!(send(Bytes::from_static(b"{}")).await.checked().unwrap_err().code, "SerializationException");
}

#[tokio::test]
async fn a_body_over_the_services_limit_is_refused() {
    let world = World::start().await;
    let client = world.client();
    let fits = format!("{{\"Name\":\"a\"{}}}", " ".repeat((1 << 20) - 12));
    let over = format!("{fits} ");
    for (body, status) in [(fits, 200), (over, 413)] {
        let prepared = client.prepare(TOY, "Echo", Bytes::from(body)).unwrap();
        assert_eq!(client.send_prepared(&prepared).await.unwrap().status, status);
    }
}

#[tokio::test]
async fn bodies_share_one_budget_and_wait_for_it() {
    let limits = Limits { body_bytes_in_flight_max: 1 << 20, ..Limits::default() };
    let world = World::with(Arc::new(LocalAccount), known_key(), limits).await;
    let client = world.client();
    let body = Bytes::from(format!("{{\"Name\":\"a\"{}}}", " ".repeat(900_000)));
    let prepared = client.prepare(TOY, "Echo", body).unwrap();
    let sent = (0..16).map(|_| client.send_prepared(&prepared));
    for response in futures::future::join_all(sent).await {
        assert_eq!(response.unwrap().status, 200);
    }
}

#[tokio::test]
async fn signed_chunks_are_checked_and_joined() {
    let world = World::start().await;
    let payload = b"{\"Name\":\"chunked\"}";
    let identity = SigningIdentity {
        access_key: KEY,
        secret: SECRET,
        session_token: None,
        region: "us-east-1",
        service: "toy",
    };
    let keys = SigningKeys::new();
    let authority = world.endpoint.trim_start_matches("http://");
    let mut request = Request::builder().method("POST").uri(&world.endpoint).header("host", authority);
    for (name, value) in HEADERS {
        request = request.header(name, value);
    }
    let request =
        request.header("content-encoding", "aws-chunked").header("x-amz-content-sha256", STREAMING_PAYLOAD);
    let mut parts = request.body(()).unwrap().into_parts().0;
    sign_request(&mut parts, STREAMING_PAYLOAD, &identity, &keys, world.rt.now());
    let authorization = Authorization::of(&parts).unwrap().unwrap();
    let body = chunked::encode(payload, 7, &Seed::new(&authorization, SECRET, &keys));

    let send = |body: Vec<u8>| {
        let parts = parts.clone();
        async move {
            let headers: Vec<(&str, &str)> =
                parts.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
            plain(&parts.uri.to_string(), Method::POST, &headers, &body).await
        }
    };
    assert_eq!(send(body.to_vec()).await, (200, "{\"Name\":\"chunked\"}".to_owned()));
    let mut changed = body.to_vec();
    let at = body.windows(7).position(|window| window == b":\"chunk").unwrap() + 2;
    changed[at] = b'x';
    let (status, answer) = send(changed).await;
    assert_eq!(status, 403);
    assert!(answer.contains("the signature of chunk 2 does not match"), "{answer}");
    assert_eq!(send(payload.to_vec()).await.0, 403);
}

#[tokio::test]
async fn http2_with_prior_knowledge_is_served_and_its_authority_is_the_host() {
    let world = World::start().await;
    let identity = SigningIdentity {
        access_key: KEY,
        secret: SECRET,
        session_token: None,
        region: "us-east-1",
        service: "toy",
    };
    let authority = world.endpoint.trim_start_matches("http://");
    let mut request = Request::builder().method("POST").uri(&world.endpoint).header("host", authority);
    for (name, value) in HEADERS {
        request = request.header(name, value);
    }
    let mut parts = request.body(()).unwrap().into_parts().0;
    let body = Bytes::from_static(b"{\"Name\":\"two\"}");
    let hash = crate::sigv4::hash_hex(&body);
    sign_request(&mut parts, &hash, &identity, &SigningKeys::new(), world.rt.now());
    parts.headers.remove("host");
    let stream = tokio::net::TcpStream::connect(authority).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    world.rt.spawn("client connection", connection);
    let response = sender.send_request(Request::from_parts(parts, Full::new(body))).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.version(), http::Version::HTTP_2);
}

#[tokio::test]
async fn a_request_that_has_begun_ends_even_if_its_client_goes_away() {
    let world = World::start().await;
    let client = world.client();
    let call = world.rt.spawn("client", async move { client.call(TOY, "Wait", &json!({})).await });
    world.toy.waiting.notified().await;
    call.abort();
    assert!(call.await.is_err());
    world.toy.go_on.notify_one();
    world.toy.done.notified().await;
}

#[tokio::test]
async fn stopping_finishes_what_is_under_way_and_refuses_what_is_new() {
    let world = World::start().await;
    let client = world.client();
    let call = world.rt.spawn("client", async move { client.call(TOY, "Wait", &json!({})).await });
    world.toy.waiting.notified().await;
    world.rt.stop().cancel();
    // The listener is gone once a connection is refused.
    while tokio::net::TcpStream::connect(world.endpoint.trim_start_matches("http://")).await.is_ok() {
        tokio::task::yield_now().await;
    }
    world.toy.go_on.notify_one();
    assert!(call.await.unwrap().is_ok());
    assert_eq!(world.rt.shutdown(Duration::from_secs(30)).await, Vec::<&str>::new());
}

#[tokio::test]
async fn arbitrary_heads_and_bodies_never_end_the_server() {
    let world = World::start().await;
    let authority = world.endpoint.trim_start_matches("http://");
    for junk in [
        &b"\x00\xff\xfe\r\n\r\n"[..],
        b"GET / HTTP/1.1\r\nX-Amz-Target: \xff\xfe\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST /?X-Amz-Algorithm=%FF&X-Amz-Credential=%FF HTTP/1.1\r\nHost: h\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\njunkjunkjunk",
    ] {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(authority).await.unwrap();
        stream.write_all(junk).await.unwrap();
        stream.shutdown().await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    world.client().call(TOY, "Echo", &json!({"Name": "a"})).await.unwrap();
}
