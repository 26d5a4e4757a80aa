//! Bodies of answers, and how a request's body is received.

use std::convert::Infallible;
use std::error::Error;
use std::io::Read;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Body as HttpBody;
use sha2::{Digest, Sha256};

use crate::ApiError;

/// The body of an answer, whole or streamed.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

pub type BoxError = Box<dyn Error + Send + Sync>;

/// A body that is there already.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never: Infallible| match never {}).boxed_unsync()
}

/// Any body, its errors boxed.
pub fn boxed<B>(body: B) -> Body
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    body.map_err(Into::into).boxed_unsync()
}

/// A request's body as one piece, and its hash in hexadecimal where it was asked for.
pub(crate) struct Received {
    pub bytes: Bytes,
    pub hash: String,
}

/// A body that is too large is read to its end, so that its sender sees the answer, unless it is
/// more than this many times too large.
const TOO_LARGE_READ_TIMES_MAX: usize = 4;

/// Receives a body of at most `bytes_max` bytes. It is hashed while the rest is still on its way.
/// The caller has set aside memory for the length that is announced.
pub(crate) async fn receive<B>(body: B, bytes_max: usize, hashed: bool) -> Result<Received, ApiError>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut body = std::pin::pin!(body);
    if announced > bytes_max {
        return Err(discard(body, announced, bytes_max).await);
    }
    let mut hasher = hashed.then(Sha256::new);
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            ApiError::sender("RequestAborted", "the request's body did not arrive whole").with_source(error)
        })?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + rest.len() + data.len() > bytes_max {
            return Err(too_large(bytes_max));
        }
        if let Some(hasher) = &mut hasher {
            hasher.update(&data);
        }
        if first.is_empty() && rest.is_empty() {
            first = data;
            continue;
        }
        if rest.is_empty() {
            rest.reserve(announced.max(first.len() + data.len()));
            rest.extend_from_slice(&first);
            first = Bytes::new();
        }
        rest.extend_from_slice(&data);
    }
    let bytes = if rest.is_empty() { first } else { rest.freeze() };
    Ok(Received { bytes, hash: hasher.map(|hasher| hex::encode(hasher.finalize())).unwrap_or_default() })
}

async fn discard<B>(mut body: Pin<&mut B>, announced: usize, bytes_max: usize) -> ApiError
where
    B: HttpBody<Data = Bytes>,
{
    if announced <= bytes_max.saturating_mul(TOO_LARGE_READ_TIMES_MAX) {
        while let Some(Ok(_)) = body.frame().await {}
    }
    too_large(bytes_max)
}

/// Unpacks a gzip body into at most `bytes_max` bytes.
pub(crate) fn gunzip(packed: &[u8], bytes_max: usize) -> Result<Bytes, ApiError> {
    let mut unpacked = Vec::with_capacity((packed.len() * 4).min(bytes_max));
    flate2::read::MultiGzDecoder::new(packed)
        .take(bytes_max as u64 + 1)
        .read_to_end(&mut unpacked)
        .map_err(|error| ApiError::serialization(format!("the body is not valid gzip: {error}")))?;
    if unpacked.len() > bytes_max {
        return Err(too_large(bytes_max));
    }
    Ok(Bytes::from(unpacked))
}

fn too_large(bytes_max: usize) -> ApiError {
    ApiError::new(
        "RequestEntityTooLargeException",
        413,
        format!("the request's body is larger than the {bytes_max} bytes this service accepts"),
    )
}

#[cfg(test)]
mod tests;
