//! The ledger of a delivery stream, for the server's own tools.

use flow::{FlowError, FlowStatus, Phase};
use names::Scope;
use serde_json::{Value, json};

use crate::Firehose;
use crate::stream::flow_id;

impl Firehose {
    /// What became of every record of the delivery stream, as JSON; `None` if there is no such stream. Times are
    /// milliseconds since 1970.
    pub async fn ledger(&self, scope: &Scope, name: &str) -> Result<Option<Value>, FlowError> {
        match self.flow.status(&flow_id(scope, name)).await {
            Ok(status) => Ok(Some(account(name, &status))),
            Err(FlowError::NoSuchFlow(_)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}

fn account(name: &str, status: &FlowStatus) -> Value {
    let ledger = &status.ledger;
    json!({
        "deliveryStream": name,
        "received": {
            "records": status.received_records,
            "bytes": ledger.taken_bytes + status.pending_bytes,
        },
        "delivered": { "records": ledger.delivered_records, "bytes": ledger.delivered_bytes },
        "rejected": { "records": ledger.rejected_records, "bytes": ledger.rejected_bytes },
        "dropped": { "records": ledger.dropped_records, "bytes": ledger.dropped_bytes },
        "missing": { "records": ledger.missing_records },
        // Read from the source only when their turn comes: the bytes are an estimate.
        "pending": { "records": status.pending_records, "bytes": status.pending_bytes },
        "objects": { "count": ledger.objects, "bytes": ledger.object_bytes },
        // What operators added to what they took, or below zero what they took away.
        "made": { "records": ledger.made_records, "bytes": ledger.made_bytes },
        "taken": { "records": ledger.taken_records, "bytes": ledger.taken_bytes },
        "balances": ledger.balances(),
        "batches": ledger.batches,
        "committed": ledger.committed.map(|time| time.as_millis()),
        "oldestPending": status.oldest_pending.map(|time| time.as_millis()),
        "phase": phase(status.phase),
        "failures": status.failures,
        "lastError": status.last_error,
    })
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Waiting => "waiting",
        Phase::Delivering => "delivering",
        Phase::Retrying => "retrying",
        Phase::Stopped => "stopped",
    }
}
