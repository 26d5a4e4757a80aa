//! Event streams: answers that go on, as `application/vnd.amazon.eventstream`.
//!
//! A handler of [`stream_operation`](crate::stream_operation) returns a stream of [`Event`]s. It is polled as
//! the connection takes the answer in, which is all the flow control there is, and it is dropped when the
//! client goes away, when it ends, after its first error, and when the server stops. Each item becomes one
//! frame ([`encode`], [`decode`]) whose headers tell what it is; before all events stands the
//! `initial-response` that clients of the awsJson protocols wait for.

mod frame;

use bytes::Bytes;
use futures::stream::BoxStream;

pub use frame::{FrameError, HEADERS_BYTES_MAX, Message, PAYLOAD_BYTES_MAX, decode, encode};

use crate::{ApiError, Codec};

pub(crate) const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// One event of a stream: a member of the union in the service's model. Generated for the union itself;
/// whoever writes a hot one's payload by hand implements it beside.
pub trait Event: Send + 'static {
    /// Codes of the errors in the union. Any other error ends a stream without a type of its own.
    const EXCEPTIONS: &'static [&'static str];

    /// The member's name.
    fn name(&self) -> &'static str;

    /// Appends the payload in the codec's format.
    ///
    /// # Errors
    /// When it cannot be written; the stream ends with it.
    fn write(&self, codec: &Codec, out: &mut Vec<u8>) -> Result<(), ApiError>;
}

/// A stream on its way out: one frame for each event, and what is needed to tell an error.
pub(crate) struct Events {
    pub frames: BoxStream<'static, Result<Bytes, ApiError>>,
    pub exceptions: &'static [&'static str],
    pub codec: Codec,
}

impl Events {
    /// The frame before all events: the members of the output beside the stream, of which there are none.
    pub fn initial_response(&self) -> Result<Bytes, ApiError> {
        frame(&self.codec, "initial-response", |out| self.codec.encode_into(&serde_json::Map::new(), out))
    }

    /// The frame that tells why the stream ends.
    pub fn failure(&self, error: &ApiError) -> Result<Bytes, ApiError> {
        if !self.exceptions.contains(&error.code()) {
            let message: String = error.message().chars().take(MESSAGE_CHARS_MAX).collect();
            let headers =
                [(":message-type", "error"), (":error-code", error.code()), (":error-message", &message)];
            return encode(&headers, |_| Ok(()));
        }
        let headers = [
            (":exception-type", error.code()),
            (":content-type", self.codec.content_type()),
            (":message-type", "exception"),
        ];
        encode(&headers, |out| {
            let mut document = error.fields().clone();
            document.insert("message".to_owned(), error.message().into());
            self.codec.encode_into(&document, out)
        })
    }
}

/// Headers hold 65,535 bytes; nobody reads that much.
const MESSAGE_CHARS_MAX: usize = 1024;

/// The frame of an event.
pub(crate) fn frame(
    codec: &Codec,
    name: &str,
    payload: impl FnOnce(&mut Vec<u8>) -> Result<(), ApiError>,
) -> Result<Bytes, ApiError> {
    let headers =
        [(":event-type", name), (":content-type", codec.content_type()), (":message-type", "event")];
    encode(&headers, payload)
}
