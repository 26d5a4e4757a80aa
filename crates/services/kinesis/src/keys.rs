//! Every key this crate owns in the metadata store.

use log::TopicId;
use meta::Key;
use names::Scope;

pub(crate) enum KinesisKey<'a> {
    /// `account/region/kinesis/stream/<name>` → [`StreamRecord`](crate::stream::StreamRecord).
    Stream(&'a TopicId),
    /// `account/region/kinesis/consumer/<stream>/<name>` →
    /// [`ConsumerRecord`](crate::consumer::ConsumerRecord).
    Consumer(&'a TopicId, &'a str),
    /// All consumers of a stream.
    Consumers(&'a TopicId),
    /// `account/region/kinesis/account` → [`AccountRecord`](crate::account::AccountRecord).
    Account(&'a Scope),
}

impl KinesisKey<'_> {
    pub(crate) fn key(&self) -> Key {
        let scoped = |scope: &Scope, kind| Key::scoped(scope, "kinesis").with(kind);
        match self {
            KinesisKey::Stream(id) => scoped(&id.scope, "stream").with(&id.name),
            KinesisKey::Consumers(id) => scoped(&id.scope, "consumer").with(&id.name),
            KinesisKey::Consumer(id, name) => scoped(&id.scope, "consumer").with(&id.name).with(*name),
            KinesisKey::Account(scope) => scoped(scope, "account"),
        }
    }
}
