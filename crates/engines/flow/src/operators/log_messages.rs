//! What a log group sends its subscribers, reduced to the messages of the log events.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;

use crate::records::Refusal;
use crate::reject::Cause;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delivery<'a> {
    #[serde(borrow)]
    message_type: Cow<'a, str>,
    #[serde(borrow, default)]
    log_events: Vec<LogEvent<'a>>,
}

#[derive(Deserialize)]
struct LogEvent<'a> {
    #[serde(borrow)]
    message: Cow<'a, str>,
}

pub(crate) fn messages(data: &Bytes, out: &mut Vec<Bytes>) -> Result<(), Refusal> {
    let refused = |reason: String| Refusal::new(Cause::LogMessages, reason);
    let delivery: Delivery<'_> = serde_json::from_slice(data)
        .map_err(|error| refused(format!("the record is no delivery of a log group: {error}")))?;
    match delivery.message_type.as_ref() {
        "DATA_MESSAGE" => {
            out.extend(delivery.log_events.into_iter().map(|event| match event.message {
                Cow::Borrowed(text) => data.slice_ref(text.as_bytes()),
                Cow::Owned(text) => Bytes::from(text),
            }));
            Ok(())
        }
        // Sent to see whether anybody is there.
        "CONTROL_MESSAGE" => Ok(()),
        other => {
            Err(refused(format!("the messageType {other:?} is neither DATA_MESSAGE nor CONTROL_MESSAGE")))
        }
    }
}
