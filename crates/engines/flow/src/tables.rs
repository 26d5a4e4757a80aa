//! Iceberg tables as destinations: which table a record goes to, and as what row.

pub(crate) mod lanes;
pub(crate) mod publish;
mod target;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use lake::Lake;
use lake::iceberg::RowOperation;
use tokio::sync::Mutex;

use crate::convert::Group;
use crate::encode::Payload;
use crate::reader::Origin;
use crate::records::{Count, Errors, Keys, Refusal, Work};
use crate::reject::Cause;
use crate::{FlowError, IcebergEncode};

pub(crate) use target::{Form, Target};

/// What a query or a function says of a record's way, in this order among its keys.
pub(crate) const ROUTE_KEYS: [&str; 3] = ["destinationDatabaseName", "destinationTableName", "operation"];

/// The most tables that records of one batch go to.
const TABLES_MAX: usize = 1_000;

/// A table by database and name, lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Route {
    pub(crate) database: String,
    pub(crate) table: String,
}

/// The tables of one batch, as they were when its first record for them came.
pub(crate) struct Tables {
    lake: Lake,
    encode: IcebergEncode,
    known: Mutex<HashMap<Route, Result<Arc<Target>, Misfit>>>,
}

/// Rows of one table, by a schema of it.
pub(crate) struct TableRows {
    pub(crate) target: Arc<Target>,
    pub(crate) form: Arc<Form>,
    pub(crate) rows: RecordBatch,
    /// One for each row of a table with unique keys, else none.
    pub(crate) operations: Vec<RowOperation>,
}

/// The records of a chunk for one table, in their order.
#[derive(Default)]
struct Share {
    data: Vec<Bytes>,
    origins: Vec<Origin>,
    operations: Vec<RowOperation>,
}

/// Records by the table they go to, with the table or the reason why there is none.
pub(crate) struct Routed {
    shares: Vec<(Route, Result<Arc<Target>, Misfit>, Share)>,
}

/// Why records cannot go to their table.
#[derive(Clone, Debug)]
pub(crate) struct Misfit {
    cause: Cause,
    reason: String,
}

impl Misfit {
    fn new(cause: Cause, reason: impl Into<String>) -> Misfit {
        Misfit { cause, reason: reason.into() }
    }
}

impl From<Misfit> for Refusal {
    fn from(misfit: Misfit) -> Refusal {
        Refusal::new(misfit.cause, misfit.reason)
    }
}

impl Tables {
    pub(crate) fn new(lake: Lake, encode: IcebergEncode) -> Tables {
        Tables { lake, encode, known: Mutex::default() }
    }

    /// Finds the table of every record. Records without one are rejected.
    pub(crate) async fn route(&self, work: &mut Work, errors: &Errors) -> Result<Routed, FlowError> {
        let records = std::mem::take(&mut work.records);
        let mut shares: BTreeMap<Route, Share> = BTreeMap::new();
        for (data, origin, keys) in records.into_each() {
            match self.way(keys.as_ref()) {
                Ok((route, operation)) => {
                    let share = shares.entry(route).or_default();
                    share.data.push(data);
                    share.origins.push(origin);
                    share.operations.push(operation);
                }
                Err(misfit) => work.reject(errors, &misfit.into(), &data, origin),
            }
        }
        let mut routed = Routed { shares: Vec::with_capacity(shares.len()) };
        for (route, share) in shares {
            let target = self.target(&route, &share.data).await?;
            routed.shares.push((route, target, share));
        }
        Ok(routed)
    }

    /// Decodes the records of every table. Computes, and never waits.
    pub(crate) fn groups(&self, routed: Routed, work: &mut Work, errors: &Errors) -> Vec<Group> {
        let mut groups = Vec::with_capacity(routed.shares.len());
        for (route, target, share) in routed.shares {
            match target.and_then(|target| decode(&target, &share, work, errors)) {
                Ok((rows, delivered)) if delivered.records > 0 => groups.push(Group {
                    prefix: format!("{}.{}", route.database, route.table),
                    payload: Payload::Table(Box::new(rows)),
                    delivered,
                    members: Vec::new(),
                }),
                Ok(_) => {}
                Err(misfit) => {
                    let refusal = Refusal::from(misfit);
                    for (data, origin) in share.data.iter().zip(&share.origins) {
                        work.reject(errors, &refusal, data, *origin);
                    }
                }
            }
        }
        groups
    }

    fn way(&self, keys: Option<&Keys>) -> Result<(Route, RowOperation), Misfit> {
        let said = |at: usize| {
            let keys = keys?;
            let found = [&keys.query, &keys.function].into_iter().filter_map(|keys| keys.get(at));
            found.map(String::as_str).find(|text| !text.is_empty())
        };
        let operation = match said(2).map(str::to_ascii_lowercase).as_deref() {
            None | Some("insert" | "update") => RowOperation::Upsert,
            Some("delete") => RowOperation::Delete,
            Some(other) => {
                let reason = format!("the operation {other} is none of insert, update, delete");
                return Err(Misfit::new(Cause::Table, reason));
            }
        };
        let (database, table) = match (said(0), said(1), self.encode.tables.as_slice()) {
            (Some(database), Some(table), _) => (database, table),
            (None, None, [only]) => (only.database.as_str(), only.table.as_str()),
            (None, Some(table), [only]) => (only.database.as_str(), table),
            (Some(database), None, [only]) => (database, only.table.as_str()),
            _ => {
                let reason = "the record has no destination database and table";
                return Err(Misfit::new(Cause::NoRoute, reason));
            }
        };
        Ok((Route { database: database.to_lowercase(), table: table.to_lowercase() }, operation))
    }

    /// The table, or why records cannot go there.
    async fn target(
        &self,
        route: &Route,
        records: &[Bytes],
    ) -> Result<Result<Arc<Target>, Misfit>, FlowError> {
        let mut known = self.known.lock().await;
        if let Some(target) = known.get(route) {
            return Ok(target.clone());
        }
        if known.len() == TABLES_MAX {
            let reason = format!("records of one batch go to more than {TABLES_MAX} tables");
            return Ok(Err(Misfit::new(Cause::Table, reason)));
        }
        let target = Target::load(&self.lake, &self.encode, route, records).await?.map(Arc::new);
        known.insert(route.clone(), target.clone());
        Ok(target)
    }
}

/// The good records as rows; the bad ones are rejected.
fn decode(
    target: &Arc<Target>,
    share: &Share,
    work: &mut Work,
    errors: &Errors,
) -> Result<(TableRows, Count), Misfit> {
    let misfit = |reason: String| Misfit::new(Cause::Table, reason);
    if !target.upserts() && share.operations.contains(&RowOperation::Delete) {
        return Err(misfit("rows can only be deleted from a table with unique keys".to_owned()));
    }
    let (form, decoded) = target.decode(&share.data).map_err(misfit)?;
    let mut delivered = Count::default();
    let mut operations = Vec::new();
    let mut bad = decoded.rejected.iter().peekable();
    for (index, (data, origin)) in share.data.iter().zip(&share.origins).enumerate() {
        if let Some(rejected) = bad.next_if(|rejected| rejected.index == index) {
            work.reject(errors, &Refusal::new(Cause::Table, rejected.reason.as_str()), data, *origin);
            continue;
        }
        let one = Count::one(data);
        delivered.add(one);
        work.tally.delivered.add(one);
        if target.upserts() {
            operations.extend((0..decoded.rows[index]).map(|_| share.operations[index]));
        }
    }
    let rows = TableRows { target: Arc::clone(target), form, rows: decoded.batch, operations };
    Ok((rows, delivered))
}
