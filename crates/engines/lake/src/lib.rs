//! Tables: what they are called, where they lie, and how their bytes become rows and back.
//!
//! # Concepts
//!
//! * [`Catalog`]: databases, tables, their versions and partitions, in the Hive metastore's model.
//!   The state of record is in `meta`; every change is one transaction.
//! * [`types`]: the text of a Hive type, as the catalog stores it, to and from Arrow.
//! * [`mod@format`]: which reader and writer a table's storage descriptor asks for.
//! * [`json`]: JSON records to Arrow batches, as the OpenX and Hive SerDes read them, record by
//!   record: a bad record is set aside with a reason and never spoils its neighbours.
//! * [`orc`]: Arrow batches to ORC files, likewise.
//! * [`parquet`]: Arrow batches to Parquet files, incrementally and reproducibly.
//! * [`PartitionFilter`]: the predicate language over partition keys, pushed into key ranges.
//! * [`Lake::files`]: the data objects behind a table.
//! * [`mod@iceberg`]: Iceberg tables: snapshots, commits, upserts and their upkeep.
//!
//! # Guarantees
//!
//! * Names of databases and tables are lower-cased on the way in; everything else a caller stores
//!   comes back as it was given.
//! * A table update is atomic and may be conditional on the version it was based on.
//! * The same input encodes to the same Parquet bytes, so a batch redone after a crash overwrites
//!   its objects with identical content.
//!
//! # What it never does
//!
//! It runs no SQL and knows no wire protocol, and it reads no clock but `rt`'s.
//!
//! Start with [`model`], then [`Catalog`].

pub mod catalog;
pub mod filter;
pub mod format;
pub mod iceberg;
pub mod json;
pub mod keys;
pub mod live;
pub mod location;
pub mod model;
pub mod orc;
pub mod parquet;
pub mod partition;
pub mod types;

mod files;

pub use catalog::{Catalog, CatalogError, Listing, Owner, PageRequest};
pub use files::{DataFile, LakeError};
pub use filter::{FilterError, PartitionFilter};
pub use model::{Column, Database, Partition, Serde, Storage, Table};

use crate::iceberg::Iceberg;
use meta::Meta;
use objects::Objects;
use rt::Rt;

/// The tables of this node: the catalog and the objects it points at. Cheap to clone.
#[derive(Clone)]
pub struct Lake {
    catalog: Catalog,
    objects: Objects,
    live: live::Attached,
    iceberg: Iceberg,
}

impl Lake {
    pub fn new(meta: Meta, objects: Objects, rt: Rt) -> Lake {
        let catalog = Catalog::new(meta, rt.clone());
        let iceberg = Iceberg::new(catalog.clone(), objects.clone(), rt);
        Lake { catalog, objects, live: live::Attached::default(), iceberg }
    }

    /// The tables whose state of record is Iceberg's metadata.
    pub fn iceberg(&self) -> &Iceberg {
        &self.iceberg
    }

    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub fn objects(&self) -> &Objects {
        &self.objects
    }
}
