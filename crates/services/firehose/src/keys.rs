//! Every key this crate owns in `meta`, below the scope and the segment `firehose`.
//!
//! | key | value |
//! |---|---|
//! | `stream` / name | [`Stream`](crate::stream::Stream) as JSON |

use meta::Key;
use names::Scope;

/// The prefix of all delivery streams, in the order of their names.
pub(crate) fn streams(scope: &Scope) -> Key {
    Key::scoped(scope, "firehose").with("stream")
}

pub(crate) fn stream(scope: &Scope, name: &str) -> Key {
    streams(scope).with(name)
}
