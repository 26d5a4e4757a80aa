//! The receiving end of an event stream.

use bytes::BytesMut;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;

use super::{ClientError, no_answer};
use crate::event_stream::{Message, decode};

/// An answer that goes on. Dropping it closes the connection, which ends the stream at the server.
pub struct EventReceiver {
    body: Incoming,
    received: BytesMut,
}

impl EventReceiver {
    pub(super) fn new(body: Incoming) -> EventReceiver {
        EventReceiver { body, received: BytesMut::new() }
    }

    /// The next event, the initial response included; `None` when the server has ended the stream.
    ///
    /// # Errors
    /// The error that ended the stream, with the status 0.
    pub async fn next(&mut self) -> Result<Option<Message>, ClientError> {
        loop {
            let message =
                decode(&mut self.received).map_err(|error| no_answer("MalformedResponse", &error))?;
            if let Some(message) = message {
                return checked(message).map(Some);
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.received.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Err(no_answer("ConnectionFailed", &error)),
                None if self.received.is_empty() => return Ok(None),
                None => return Err(no_answer("ConnectionFailed", &"the stream ended within an event")),
            }
        }
    }
}

fn checked(message: Message) -> Result<Message, ClientError> {
    let header = |name| message.header(name).unwrap_or_default();
    match header(":message-type") {
        "event" => Ok(message),
        "exception" => {
            let document: Value = serde_json::from_slice(&message.payload).unwrap_or_default();
            let text = document["message"].as_str().unwrap_or_default();
            Err(no_answer(header(":exception-type"), text))
        }
        _ => Err(no_answer(header(":error-code"), header(":error-message"))),
    }
}
