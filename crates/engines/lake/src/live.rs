//! Rows of a table that were taken and are not in its files yet.
//!
//! Who delivers records to a table commits files and the place it has read up to as one. So whoever knows that
//! place can read on from there: the files and what follows are the table as of now, each row once. The seam is
//! here, since queries and deliveries do not know each other.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock, Weak};

use arrow::array::RecordBatch;
use async_trait::async_trait;
use names::Scope;

use crate::Lake;
use crate::files::{DataFile, LakeError};
use crate::iceberg::{IcebergError, IcebergTable};
use crate::model::Table;

/// How often files and rows are read again because a delivery committed meanwhile.
const ATTEMPTS_MAX: usize = 16;

/// Deliveries, as far as tables know them.
#[async_trait]
pub trait Live: Send + Sync {
    /// Where the deliveries that feed the table stand, `None` if there is none.
    async fn mark(&self, scope: &Scope, table: &Table) -> Option<Mark>;

    /// The rows from the mark on; `None` if they cannot be had any more.
    async fn rows(&self, mark: &Mark) -> Option<Vec<LiveRows>>;

    /// Whether nothing was committed since the mark was taken.
    async fn holds(&self, mark: &Mark) -> bool;
}

/// A place in deliveries; only who made it can read it.
#[derive(Clone)]
pub struct Mark(pub Arc<dyn Any + Send + Sync>);

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mark")
    }
}

/// Rows of one partition.
#[derive(Debug, Clone)]
pub struct LiveRows {
    /// As a partition's values; empty for a table without partitions, and for one whose partitions follow from its
    /// columns.
    pub values: Vec<String>,
    /// With the table's columns.
    pub batch: RecordBatch,
    /// Of the records that the rows were read from.
    pub bytes: u64,
}

/// A table at one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    pub files: Vec<DataFile>,
    pub live: Vec<LiveRows>,
}

pub(crate) type Attached = Arc<OnceLock<Weak<dyn Live>>>;

impl Lake {
    /// Makes the rows of deliveries visible; to be called once. Deliveries hold the lake, so that it must not
    /// hold them.
    pub fn attach(&self, live: Weak<dyn Live>) {
        let _first_stays = self.live.set(live);
    }

    pub fn live(&self) -> Option<Arc<dyn Live>> {
        self.live.get().and_then(Weak::upgrade)
    }

    /// As [`Lake::files`], with the rows that are not in files yet. Where deliveries commit faster than files
    /// are listed, only the files.
    pub async fn snapshot(
        &self,
        scope: &Scope,
        table: &Table,
        keep: &(dyn Fn(&[String]) -> bool + Sync),
    ) -> Result<Snapshot, LakeError> {
        if let Some(live) = self.live() {
            for _ in 0..ATTEMPTS_MAX {
                let Some(mark) = live.mark(scope, table).await else { break };
                let files = self.files(scope, table, keep).await?;
                let rows = live.rows(&mark).await;
                if live.holds(&mark).await
                    && let Some(mut rows) = rows
                {
                    rows.retain(|rows| keep(&rows.values));
                    return Ok(Snapshot { files, live: rows });
                }
            }
        }
        Ok(Snapshot { files: self.files(scope, table, keep).await?, live: Vec::new() })
    }

    /// An Iceberg table as it is now, and the rows that are in none of its files yet: a commit moves the table's
    /// snapshot and the delivery's place in one transaction. Where deliveries commit faster than this reads,
    /// only the table.
    pub async fn iceberg_snapshot(
        &self,
        scope: &Scope,
        table: &Table,
    ) -> Result<(IcebergTable, Vec<LiveRows>), IcebergError> {
        let load = || self.iceberg().load(scope, &table.database, &table.name);
        if let Some(live) = self.live() {
            for _ in 0..ATTEMPTS_MAX {
                let Some(mark) = live.mark(scope, table).await else { break };
                let loaded = load().await?;
                let rows = live.rows(&mark).await;
                if live.holds(&mark).await
                    && let Some(rows) = rows
                {
                    return Ok((loaded, rows));
                }
            }
        }
        Ok((load().await?, Vec::new()))
    }
}
