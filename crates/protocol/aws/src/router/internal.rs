//! The server's own endpoints: no signature, no AWS protocol.

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, StatusCode};

use super::Inner;
use super::answer::OTHER_BODY_BYTES_MAX;
use crate::body::{Body, full, receive};

pub(super) async fn internal<B>(router: &Inner, parts: Parts, body: B) -> Response<Body>
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: Into<crate::body::BoxError>,
{
    let plain = |status: StatusCode, text: String| {
        let mut response = Response::new(full(text));
        *response.status_mut() = status;
        response
    };
    let place = (parts.method.clone(), parts.uri.path().to_owned());
    let Some(handler) = router.internal.get(&place) else {
        return plain(StatusCode::NOT_FOUND, format!("no internal endpoint {} {}\n", place.0, place.1));
    };
    let limit = router.limits.body_read_timeout;
    match router.rt.timeout(limit, receive(body, OTHER_BODY_BYTES_MAX, false)).await {
        Some(Ok(received)) => handler(Request::from_parts(parts, received.bytes)).await,
        Some(Err(error)) => plain(
            StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST),
            format!("{error}\n"),
        ),
        None => plain(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time\n".to_owned()),
    }
}
