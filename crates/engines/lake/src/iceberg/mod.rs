//! Iceberg tables: loaded from the catalog, created, committed to, kept in shape.
//!
//! A table's state of record is the entry in our catalog: the parameter `metadata_location` names the
//! metadata file of the moment, and replacing it, by whoever, is a compare-and-swap on the entry. Engines that
//! speak the catalog's API and S3 (Spark, Trino, PyIceberg) therefore share tables with us as equals.
//!
//! * [`Iceberg`]: load, create, plan. What it gives is the `iceberg` crate's own
//!   [`Table`](::iceberg::table::Table), whose scans read through our buckets.
//! * [`DataWriter`]: rows to data files, which nobody sees before a commit adds them.
//! * [`Change`] and [`Iceberg::commit`]: the one path for appends, deletes of rows, overwrites, rewrites and
//!   changes of schema. All files of a commit and the caller's own changes become visible in one moment.
//!
//! * [`UpsertWriter`]: rows with unique keys, of which the last one written stays.
//! * [`altered`]: the schema after changes that somebody asks for.
//! * [`evolved`]: what the schema becomes when records have fields it does not know.
//! * [`Iceberg::run_upkeep`]: compaction, expiry of snapshots, removal of files that nobody has.
//!
//! Format version 2 is written; versions 1 and 3 are read.

mod alter;
mod commit;
mod compact;
mod create;
mod data;
mod deletes;
mod error;
mod evolve;
mod expire;
mod files;
mod index;
mod keys;
mod load;
mod manifests;
mod metrics;
mod schema;
mod storage;
mod summary;
mod upkeep;
mod upsert;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::iceberg::io::FileIO;
use ::iceberg::scan::FileScanTask;
use meta::Revision;
use objects::Objects;
use rt::Rt;

pub use ::iceberg::spec::{FormatVersion, Schema};
pub use alter::{ColumnChange, Place, altered};
pub use commit::{AddedFile, COMMIT_ATTEMPTS_MAX, Change, Committed, Prepared};
pub use compact::{CompactSettings, Compacted};
pub use create::Creation;
pub use data::{DataSettings, DataWriter, NewFile, Placed};
pub use error::IcebergError;
pub use evolve::{COLUMNS_MAX, evolved, inferred};
pub use expire::{ExpireSettings, Expired};
pub use index::KEYS_MAX;
pub use load::{SnapshotInfo, references};
pub use schema::{PartitionBy, from_columns, hive_type, to_arrow};
pub use upkeep::{COMPACTION_PROPERTY, UPKEEP_PROPERTY, UpkeepSettings, UpkeepStatus};
pub use upsert::{IndexChange, RowOperation, UpsertWriter, Upserts};

use crate::catalog::Catalog;
use crate::model::Table;

/// The value of the parameter [`TABLE_TYPE`] of a table that is one of ours.
pub const ICEBERG: &str = "ICEBERG";
pub const TABLE_TYPE: &str = "table_type";
pub const METADATA_LOCATION: &str = "metadata_location";
pub const PREVIOUS_METADATA_LOCATION: &str = "previous_metadata_location";

/// Tables kept in memory as they were loaded, with what was read of their manifests.
const TABLES_CACHED_MAX: usize = 64;
/// Of these, versions of one table: the current one, and the one before for whoever was about to read it.
const VERSIONS_CACHED_MAX: usize = 2;

/// The Iceberg tables of this node. Cheap to clone.
#[derive(Clone)]
pub struct Iceberg {
    catalog: Catalog,
    objects: Objects,
    rt: Rt,
    /// By metadata location, which never changes its content; the latest used last.
    loaded: Arc<Mutex<VecDeque<(String, ::iceberg::table::Table)>>>,
    /// By the table's UUID, for tables that were upserted into.
    indexes: Arc<Mutex<HashMap<u128, index::SharedIndex>>>,
    manifests: manifests::Cache,
    secret: keys::Secret,
    upkeep: upkeep::Upkeep,
}

/// A table at one moment.
#[derive(Debug, Clone)]
pub struct IcebergTable {
    /// The catalog's entry.
    pub entry: Table,
    /// Of the catalog's entry, to commit on.
    pub(crate) revision: Revision,
    /// Metadata and files as the `iceberg` crate sees them.
    pub table: ::iceberg::table::Table,
    manifests: manifests::Cache,
}

impl Iceberg {
    pub(crate) fn new(catalog: Catalog, objects: Objects, rt: Rt) -> Iceberg {
        let secret = keys::Secret::new(&rt);
        Iceberg {
            catalog,
            objects,
            rt,
            loaded: Arc::default(),
            indexes: Arc::default(),
            manifests: manifests::Cache::default(),
            secret,
            upkeep: upkeep::Upkeep::default(),
        }
    }

    /// Reads and writes files at `s3://bucket/key` in our buckets.
    pub fn file_io(&self) -> FileIO {
        storage::file_io(&self.objects)
    }

    fn indexes(&self) -> MutexGuard<'_, HashMap<u128, index::SharedIndex>> {
        self.indexes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the catalog says that the table is an Iceberg table.
pub fn is_iceberg(table: &Table) -> bool {
    table.parameters.get(TABLE_TYPE).is_some_and(|kind| kind.eq_ignore_ascii_case(ICEBERG))
}

/// The data files of one snapshot that may hold what is asked for, each with the files that delete from it.
pub type Tasks = Vec<FileScanTask>;
