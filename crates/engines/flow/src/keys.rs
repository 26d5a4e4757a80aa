//! Every key this crate owns in `meta`. All but the first are below the scope and the segment `flow`.
//!
//! | key | value |
//! |---|---|
//! | `global` / `flow` / `known` / account / region / name | empty; what is started when the process starts |
//! | `spec` / name | [`StoredSpec`](crate::state::StoredSpec) as JSON |
//! | `ledger` / name | [`StoredLedger`](crate::state::StoredLedger) as JSON |
//! | `offset` / name / partition (u64) | the next offset to deliver, as JSON |
//! | `plan` / name | [`Plan`](crate::plan::Plan) as JSON, while a batch is in work |

use meta::Key;
use names::{AccountId, Region, Scope};

use crate::FlowId;

/// The prefix of all deliveries of the process.
pub(crate) fn all_known() -> Key {
    Key::global("flow").with("known")
}

pub(crate) fn known(id: &FlowId) -> Key {
    all_known().with(id.scope.account.as_str()).with(id.scope.region.as_str()).with(&id.name)
}

/// The delivery a key made by [`known`] stands for.
pub(crate) fn parse_known(key: &Key) -> Option<FlowId> {
    let segments = key.segments();
    let [.., account, region, name] = segments.as_slice() else { return None };
    let (account, region, name) = (account.as_str()?, region.as_str()?, name.as_str()?);
    let scope = Scope::new(AccountId::new(account).ok()?, Region::new(region).ok()?);
    Some(FlowId::new(scope, name))
}

pub(crate) fn spec(id: &FlowId) -> Key {
    owned(id, "spec")
}

pub(crate) fn ledger(id: &FlowId) -> Key {
    owned(id, "ledger")
}

/// The prefix of a delivery's offsets.
pub(crate) fn offsets(id: &FlowId) -> Key {
    owned(id, "offset")
}

pub(crate) fn offset(id: &FlowId, partition: u32) -> Key {
    offsets(id).with_u64(u64::from(partition))
}

pub(crate) fn plan(id: &FlowId) -> Key {
    owned(id, "plan")
}

fn owned(id: &FlowId, kind: &str) -> Key {
    Key::scoped(&id.scope, "flow").with(kind).with(&id.name)
}
