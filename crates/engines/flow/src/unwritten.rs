//! Rows of tables that deliveries have taken and not yet written, for queries; see [`lake::live`].
//!
//! A delivery commits files and offsets as one. So the records from its offsets on are exactly those that no file
//! holds, and the same conversion that will write them turns them into rows now. What was converted is kept until
//! it is committed, so that asking again costs the records that came meanwhile.

mod tail;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use lake::Table;
use lake::live::{Live, LiveRows, Mark};
use meta::Revision;
use names::Scope;
use parking_lot::Mutex;

use crate::parts::Parts;
use crate::state::State;
use crate::{Encode, FlowError, FlowId, FlowSpec, IcebergEncode, IcebergTarget, Operator, keys};
use tail::Tail;

/// The deliveries that feed tables, each with what was converted of its pending records.
#[derive(Default)]
pub(crate) struct Feeds {
    known: Mutex<BTreeMap<FlowId, Feed>>,
}

#[derive(Clone)]
struct Feed {
    table: (Scope, String, String),
    tail: Arc<tokio::sync::Mutex<Tail>>,
}

impl Feeds {
    /// The delivery does what the spec says from now on.
    pub(crate) fn started(&self, id: &FlowId, spec: &FlowSpec) {
        let mut known = self.known.lock();
        match fed(spec) {
            Some(table) if known.get(id).is_some_and(|feed| feed.table == table) => {}
            Some(table) => {
                known.insert(id.clone(), Feed { table, tail: Arc::default() });
            }
            None => {
                known.remove(id);
            }
        }
    }

    pub(crate) fn stopped(&self, id: &FlowId) {
        self.known.lock().remove(id);
    }

    fn of(&self, scope: &Scope, table: &Table) -> Vec<(FlowId, Feed)> {
        let known = self.known.lock();
        let fits = |feed: &Feed| {
            let (at, database, name) = &feed.table;
            at == scope && *database == table.database && *name == table.name
        };
        known.iter().filter(|(_, feed)| fits(feed)).map(|(id, feed)| (id.clone(), feed.clone())).collect()
    }
}

/// The table whose rows include those that are pending.
fn fed(spec: &FlowSpec) -> Option<(Scope, String, String)> {
    match &spec.encode {
        _ if !spec.live || calls_functions(spec) => None,
        Encode::Parquet(parquet) => {
            Some((parquet.scope.clone(), parquet.database.to_lowercase(), parquet.table.to_lowercase()))
        }
        Encode::Iceberg(iceberg) => {
            let only = appended_to(iceberg)?;
            Some((iceberg.scope.clone(), only.database.to_lowercase(), only.table.to_lowercase()))
        }
        Encode::Raw(_) | Encode::Requests(_) => None,
    }
}

/// The one table that all records are appended to. Which of the rows that are there an upsert replaces is found
/// out when it is written, and where a record that is routed goes when it is read.
fn appended_to(iceberg: &IcebergEncode) -> Option<&IcebergTarget> {
    let [only] = iceberg.tables.as_slice() else { return None };
    (!iceberg.routed && (iceberg.append_only || only.unique_keys.is_empty())).then_some(only)
}

/// What a function makes of a record costs too much to be asked for with every query.
fn calls_functions(spec: &FlowSpec) -> bool {
    spec.operators.iter().any(|operator| matches!(operator, Operator::Transform(_)))
}

/// What queries ask.
pub(crate) struct Unwritten {
    parts: Arc<Parts>,
}

/// Deliveries at one moment.
struct Marked {
    deliveries: Vec<(FlowId, State, Feed)>,
    table: Table,
}

impl Unwritten {
    pub(crate) fn new(parts: Arc<Parts>) -> Unwritten {
        Unwritten { parts }
    }

    async fn marked(&self, scope: &Scope, table: &Table) -> Result<Option<Mark>, FlowError> {
        let mut deliveries = Vec::new();
        for (id, feed) in self.parts.feeds.of(scope, table) {
            let Some(state) = State::load(&self.parts.meta, &id).await? else { continue };
            if fed(&state.spec).as_ref() == Some(&feed.table) {
                deliveries.push((id, state, feed));
            }
        }
        let marked = Marked { deliveries, table: table.clone() };
        Ok((!marked.deliveries.is_empty()).then(|| Mark(Arc::new(marked))))
    }

    async fn converted(&self, marked: &Marked) -> Result<Option<Vec<LiveRows>>, FlowError> {
        let mut rows = Vec::new();
        for (_, state, feed) in &marked.deliveries {
            let mut tail = feed.tail.lock().await;
            match tail.rows(&self.parts, state, &marked.table).await? {
                Some(more) => rows.extend(more),
                None => return Ok(None),
            }
        }
        Ok(Some(rows))
    }

    async fn revision(&self, id: &FlowId) -> Option<Revision> {
        Some(self.parts.meta.get(&keys::ledger(id)).await.ok()??.revision)
    }
}

#[async_trait]
impl Live for Unwritten {
    async fn mark(&self, scope: &Scope, table: &Table) -> Option<Mark> {
        self.marked(scope, table).await.unwrap_or_else(|error| {
            tracing::debug!(error = %error, "a table's pending rows cannot be told");
            None
        })
    }

    async fn rows(&self, mark: &Mark) -> Option<Vec<LiveRows>> {
        let marked = mark.0.downcast_ref::<Marked>()?;
        self.converted(marked).await.unwrap_or_else(|error| {
            // Often the source was trimmed by the commit that makes the mark outdated.
            tracing::debug!(error = %error, "a table's pending rows cannot be read");
            None
        })
    }

    async fn holds(&self, mark: &Mark) -> bool {
        let Some(marked) = mark.0.downcast_ref::<Marked>() else { return false };
        for (id, state, _) in &marked.deliveries {
            if self.revision(id).await != Some(state.ledger_revision()) {
                return false;
            }
        }
        true
    }
}
