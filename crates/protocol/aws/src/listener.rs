use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rt::Stop;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::server::TlsStream;

use crate::Router;
use crate::tls::{HANDSHAKE, Tls};

/// After a failed accept (too many open files), before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Flow-control windows of HTTP/2: one batch of records, and several of them.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;

/// Serves HTTP/1.1 and HTTP/2 (with prior knowledge) until `stop` is requested, then refuses new
/// connections, finishes the requests under way and returns. How long that may take is up to the
/// caller (`Rt::shutdown` has a limit).
pub fn serve(
    listener: TcpListener,
    router: impl Into<Router>,
    stop: Stop,
) -> impl Future<Output = ()> + Send + 'static {
    // Here, not at the first poll: callers work from now on.
    accept(listener, router.into(), stop, None)
}

/// As [`serve`], and over TLS on the same port for whoever begins with a handshake.
pub fn serve_tls(
    listener: TcpListener,
    router: impl Into<Router>,
    stop: Stop,
    tls: Tls,
) -> impl Future<Output = ()> + Send + 'static {
    accept(listener, router.into(), stop, Some(tls))
}

async fn accept(listener: TcpListener, router: Router, stop: Stop, tls: Option<Tls>) {
    let limit = router.inner.limits.connections_max;
    let connections = Arc::new(Semaphore::new(limit));
    let server = Server { builder: Arc::new(builder(&router)), router, stop, tls };
    loop {
        let room = connections.clone().acquire_owned().await.expect("the semaphore is never closed");
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = server.stop.requested() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                server.router.inner.rt.spawn("connection", server.clone().connection(stream, room));
            }
            Err(error) => {
                tracing::warn!(error = %error, "accepting a connection failed");
                server.router.inner.rt.sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    // Every connection gives its permit back when it is done.
    let _ = connections.acquire_many(limit as u32).await;
}

fn builder(router: &Router) -> auto::Builder<TokioExecutor> {
    let limits = &router.inner.limits;
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read_timeout)
        .max_headers(limits.headers_max);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_max)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .keep_alive_interval(limits.header_read_timeout);
    builder
}

/// What every connection needs.
#[derive(Clone)]
struct Server {
    builder: Arc<auto::Builder<TokioExecutor>>,
    router: Router,
    stop: Stop,
    tls: Option<Tls>,
}

impl Server {
    /// `room` is given back when the connection is done.
    async fn connection(self, stream: TcpStream, _room: OwnedSemaphorePermit) {
        // Answers are written whole; waiting for more to send only adds latency.
        let _ = stream.set_nodelay(true);
        match (self.first_byte(&stream).await, &self.tls) {
            (None, _) => {}
            (Some(HANDSHAKE), Some(tls)) => {
                if let Some(stream) = self.handshake(tls, stream).await {
                    self.exchange(stream).await;
                }
            }
            _ => self.exchange(stream).await,
        }
    }

    /// The byte stays where it is. The header timeout starts with it, so that silence must end here.
    async fn first_byte(&self, stream: &TcpStream) -> Option<u8> {
        let mut first = [0];
        let limit = self.router.inner.limits.header_read_timeout;
        let peeked = tokio::select! {
            peeked = self.router.inner.rt.timeout(limit, stream.peek(&mut first)) => peeked,
            () = self.stop.requested() => None,
        };
        matches!(peeked, Some(Ok(1..))).then_some(first[0])
    }

    async fn handshake(&self, tls: &Tls, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let limit = self.router.inner.limits.handshake_timeout;
        let accepted = tokio::select! {
            accepted = self.router.inner.rt.timeout(limit, tls.accept(stream)) => accepted,
            () = self.stop.requested() => return None,
        };
        match accepted {
            Some(Ok(stream)) => return Some(stream),
            // A client that does not trust the certificate says so here; only it can do something.
            Some(Err(error)) => tracing::debug!(error = %error, "TLS handshake failed"),
            None => tracing::debug!("TLS handshake took longer than {limit:?}"),
        }
        None
    }

    async fn exchange(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let router = self.router.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let router = router.clone();
            async move { Ok::<_, Infallible>(router.handle(request).await) }
        });
        let connection = self.builder.serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.requested() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            // A client that goes away is not a failure of ours.
            tracing::debug!(error = %error, "connection ended early");
        }
    }
}
