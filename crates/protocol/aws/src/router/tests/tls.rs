//! Cleartext and TLS on one port.

use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::{Tls, TlsError, serve_tls};

struct Certified {
    certificate: CertificateDer<'static>,
    tls: Tls,
}

fn certified() -> Certified {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let tls = Tls::new(made.cert.pem().as_bytes(), made.signing_key.serialize_pem().as_bytes()).unwrap();
    Certified { certificate: made.cert.der().clone(), tls }
}

async fn world(certified: &Certified) -> World {
    let mut world = World::start().await;
    let router = world.router.clone();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    world.endpoint = format!("http://{}", listener.local_addr().unwrap());
    let stop = world.rt.stop();
    world.rt.spawn("tls listener", serve_tls(listener, router, stop, certified.tls.clone()));
    world
}

async fn connect(
    world: &World,
    trusted: &CertificateDer<'static>,
    protocol: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let stream = TcpStream::connect(authority(world)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

fn authority(world: &World) -> &str {
    world.endpoint.trim_start_matches("http://")
}

fn request(body: &'static str) -> Request<Full<Bytes>> {
    Request::builder()
        .method("POST")
        .uri("https://localhost/_mulgil/echo")
        .header("host", "localhost")
        .body(Full::new(Bytes::from_static(body.as_bytes())))
        .unwrap()
}

#[tokio::test]
async fn one_port_serves_cleartext_and_both_versions_of_http_over_tls() {
    let certified = certified();
    let world = world(&certified).await;
    world.client().call(TOY, "Echo", &json!({"Name": "clear"})).await.unwrap();

    let stream = connect(&world, &certified.certificate, "http/1.1").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    world.rt.spawn("client connection", connection);
    let answer = sender.send_request(request("one")).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "one");

    let stream = connect(&world, &certified.certificate, "h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    world.rt.spawn("client connection", connection);
    let answer = sender.send_request(request("two")).await.unwrap();
    assert_eq!(answer.version(), http::Version::HTTP_2);
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "two");
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_certificate_harms_nobody() {
    let certified = certified();
    let world = world(&certified).await;
    let stranger = self::certified().certificate;
    assert!(connect(&world, &stranger, "h2").await.is_err());
    connect(&world, &certified.certificate, "h2").await.unwrap();
}

#[tokio::test]
async fn a_handshake_that_does_not_go_on_is_given_up() {
    let certified = certified();
    let world = world(&certified).await;
    let mut stream = TcpStream::connect(authority(&world)).await.unwrap();
    // The head of a record that never comes.
    stream.write_all(&[0x16, 3, 1, 1, 0]).await.unwrap();
    let mut rest = Vec::new();
    let mut closed = std::pin::pin!(stream.read_to_end(&mut rest));
    loop {
        tokio::select! {
            biased;
            _ = &mut closed => break,
            () = tokio::task::yield_now() => world.clock.advance(Duration::from_secs(1)),
        }
    }
}

#[tokio::test]
async fn a_handshake_to_a_listener_without_a_certificate_is_refused() {
    let certified = certified();
    let world = World::start().await;
    assert!(connect(&world, &certified.certificate, "h2").await.is_err());
    world.client().call(TOY, "Echo", &json!({"Name": "clear"})).await.unwrap();
}

#[test]
fn what_cannot_be_a_certificate_and_its_key_is_told_apart() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let refused = |certificate: &str, key: &str| {
        Tls::new(certificate.as_bytes(), key.as_bytes()).err().expect("it is refused")
    };
    assert!(matches!(refused("", &key), TlsError::NoCertificate));
    assert!(matches!(refused(&certificate, ""), TlsError::Key(_)));
    assert!(matches!(refused(&certificate, &other.signing_key.serialize_pem()), TlsError::Unusable(_)));
    let damaged = certificate.replace("MII", "%%%");
    assert!(matches!(refused(&damaged, &key), TlsError::Certificate(_) | TlsError::Unusable(_)));
}
