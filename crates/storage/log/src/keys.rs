//! Every key this crate owns in the metadata store.

use meta::Key;

use crate::TopicId;

pub(crate) enum LogKey<'a> {
    /// `account/region/log/topic/<space>/<name>` → [`TopicRecord`](crate::topics::TopicRecord).
    Topic(&'a TopicId),
    /// `global/log/topics/<id of its first partition>` → [`TopicId`]: what there is, over all scopes.
    Pointer(u64),
    /// All pointers.
    Pointers,
    /// `global/log/mark/<partition id>` → [`Mark`](crate::topics::Mark): what a partition's removed
    /// segments can no longer tell.
    Mark(u64),
    /// All marks.
    Marks,
    /// `global/log/epoch` → how often the log was opened: the upper half of new partition ids.
    Epoch,
}

impl LogKey<'_> {
    pub(crate) fn key(&self) -> Key {
        let global = || Key::global("log");
        match self {
            LogKey::Topic(id) => Key::scoped(&id.scope, "log").with("topic").with(&id.space).with(&id.name),
            LogKey::Pointers => global().with("topics"),
            LogKey::Pointer(id) => global().with("topics").with_u64(*id),
            LogKey::Marks => global().with("mark"),
            LogKey::Mark(id) => global().with("mark").with_u64(*id),
            LogKey::Epoch => global().with("epoch"),
        }
    }
}
