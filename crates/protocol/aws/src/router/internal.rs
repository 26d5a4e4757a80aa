//! The server's own endpoints: no AWS protocol, and mostly no signature.

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, StatusCode};

use super::Inner;
use super::answer::OTHER_BODY_BYTES_MAX;
use super::authenticate::authenticate;
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
    let Some(endpoint) = router.internal.get(&place) else {
        return plain(StatusCode::NOT_FOUND, format!("no internal endpoint {} {}\n", place.0, place.1));
    };
    let hashed = endpoint.signing_name.is_some();
    let limit = router.limits.body_read_timeout;
    match router.rt.timeout(limit, receive(body, OTHER_BODY_BYTES_MAX, hashed)).await {
        Some(Ok(received)) => {
            let proven = endpoint.signing_name.map(|name| authenticate(router, &parts, &received.hash, name));
            match proven {
                Some(Err(_)) => plain(
                    StatusCode::FORBIDDEN,
                    "the request is not signed with a key of this server\n".to_owned(),
                ),
                None | Some(Ok(_)) => (endpoint.answer)(Request::from_parts(parts, received.bytes)).await,
            }
        }
        Some(Err(error)) => plain(
            StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST),
            format!("{error}\n"),
        ),
        None => plain(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time\n".to_owned()),
    }
}
