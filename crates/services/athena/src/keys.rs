//! The keys this service owns in the metadata store. All but [`pending`] and [`expiry`] live in the
//! caller's scope; those two are walked over all scopes, by start-up and by the sweeper.

use meta::Key;
use names::Scope;
use rt::Timestamp;

const OWNER: &str = "athena";

/// One enum for every kind of key, so that a reader sees the whole keyspace.
pub(crate) enum AthenaKey<'a> {
    /// A work group: configuration, state, tags.
    WorkGroup(&'a str),
    /// A query execution: what was asked, where it stands, what it cost.
    Execution(&'a str),
    /// The executions of a work group, newest first. The value is empty.
    History { work_group: &'a str, submitted: Timestamp, id: &'a str },
    /// A client request token: the execution it started.
    Token(&'a str),
    /// The latest reusable result of a statement in a work group, by fingerprint.
    Reusable { work_group: &'a str, fingerprint: &'a str },
    /// A named query.
    Named(&'a str),
    /// A client request token: the named query it created.
    NamedToken(&'a str),
    /// The named queries of a work group. The value is empty.
    NamedIn { work_group: &'a str, id: &'a str },
    /// A prepared statement of a work group.
    Prepared { work_group: &'a str, name: &'a str },
}

impl AthenaKey<'_> {
    pub(crate) fn in_scope(&self, scope: &Scope) -> Key {
        let base = Key::scoped(scope, OWNER);
        match self {
            AthenaKey::WorkGroup(name) => base.with("workgroup").with(name),
            AthenaKey::Execution(id) => base.with("execution").with(id),
            AthenaKey::History { work_group, submitted, id } => {
                base.with("history").with(work_group).with_u64(newest_first(*submitted)).with(id)
            }
            AthenaKey::Token(token) => base.with("token").with(token),
            AthenaKey::Reusable { work_group, fingerprint } => {
                base.with("reusable").with(work_group).with(fingerprint)
            }
            AthenaKey::Named(id) => base.with("named").with(id),
            AthenaKey::NamedToken(token) => base.with("named-token").with(token),
            AthenaKey::NamedIn { work_group, id } => base.with("named-in").with(work_group).with(id),
            AthenaKey::Prepared { work_group, name } => base.with("prepared").with(work_group).with(name),
        }
    }
}

pub(crate) fn work_groups(scope: &Scope) -> Key {
    Key::scoped(scope, OWNER).with("workgroup")
}

pub(crate) fn history_of(scope: &Scope, work_group: &str) -> Key {
    Key::scoped(scope, OWNER).with("history").with(work_group)
}

pub(crate) fn reusable_in(scope: &Scope, work_group: &str) -> Key {
    Key::scoped(scope, OWNER).with("reusable").with(work_group)
}

pub(crate) fn named_in(scope: &Scope, work_group: &str) -> Key {
    Key::scoped(scope, OWNER).with("named-in").with(work_group)
}

pub(crate) fn prepared_in(scope: &Scope, work_group: &str) -> Key {
    Key::scoped(scope, OWNER).with("prepared").with(work_group)
}

/// Executions that are queued or running, over all scopes: what a start must look at.
pub(crate) fn all_pending() -> Key {
    Key::global(OWNER).with("pending")
}

/// Its value is a [`Pointer`](crate::execution::Pointer).
pub(crate) fn pending(scope: &Scope, id: &str) -> Key {
    all_pending().with(scope.account.as_str()).with(scope.region.as_str()).with(id)
}

/// Finished executions in the order in which they are forgotten, over all scopes.
pub(crate) fn all_expiries() -> Key {
    Key::global(OWNER).with("expiry")
}

/// Its value is a [`Pointer`](crate::execution::Pointer).
pub(crate) fn expiry(at: Timestamp, id: &str) -> Key {
    all_expiries().with_u64(at.as_millis().unsigned_abs()).with(id)
}

fn newest_first(at: Timestamp) -> u64 {
    u64::MAX - at.as_millis().unsigned_abs()
}
