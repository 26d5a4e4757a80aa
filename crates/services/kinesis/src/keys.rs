//! Every key this crate owns in the metadata store.

use log::TopicId;
use meta::Key;

pub(crate) enum KinesisKey<'a> {
    /// `account/region/kinesis/stream/<name>` → [`StreamRecord`](crate::stream::StreamRecord).
    Stream(&'a TopicId),
}

impl KinesisKey<'_> {
    pub(crate) fn key(&self) -> Key {
        match self {
            KinesisKey::Stream(id) => Key::scoped(&id.scope, "kinesis").with("stream").with(&id.name),
        }
    }
}
