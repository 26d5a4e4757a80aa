use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rt::Stop;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Router;

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
    accept(listener, router.into(), stop)
}

async fn accept(listener: TcpListener, router: Router, stop: Stop) {
    let limit = router.inner.limits.connections_max;
    let connections = Arc::new(Semaphore::new(limit));
    let builder = Arc::new(builder(&router));
    loop {
        let room = connections.clone().acquire_owned().await.expect("the semaphore is never closed");
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.requested() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let connection = connection(builder.clone(), router.clone(), stream, stop.clone(), room);
                router.inner.rt.spawn("connection", connection);
            }
            Err(error) => {
                tracing::warn!(error = %error, "accepting a connection failed");
                router.inner.rt.sleep(ACCEPT_PAUSE).await;
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

async fn connection(
    builder: Arc<auto::Builder<TokioExecutor>>,
    router: Router,
    stream: TcpStream,
    stop: Stop,
    room: OwnedSemaphorePermit,
) {
    // Answers are written whole; waiting for more to send only adds latency.
    let _ = stream.set_nodelay(true);
    // The header timeout starts with the first byte.
    let (rt, limit) = (&router.inner.rt, router.inner.limits.header_read_timeout);
    let speaks = tokio::select! {
        speaks = rt.timeout(limit, stream.readable()) => speaks.is_some(),
        () = stop.requested() => false,
    };
    if !speaks {
        return;
    }
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        async move { Ok::<_, Infallible>(router.handle(request).await) }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.requested() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // A client that goes away is not a failure of ours.
        tracing::debug!(error = %error, "connection ended early");
    }
    drop(room);
}
