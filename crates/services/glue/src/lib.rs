//! The Glue Data Catalog: databases, tables, versions and partitions, as Hive-compatible engines
//! (Spark, Trino, Athena, awswrangler, PyIceberg) read and write them.
//!
//! The state of record is the lake's catalog; this crate owns no keys. What an API field means
//! nothing to the lake is kept with its entry and comes back as it was given; see [`shape`].
//!
//! It never reads or writes data, runs no jobs, crawlers or workflows, and knows one catalog: the
//! caller's account. Permissions given with tables are kept, not enforced.
//!
//! Start with `ops/create_table.rs`, then `shape/table.rs`.

mod error;
mod limits;
pub mod model;
mod ops;
mod page;
mod pattern;
mod shape;

#[cfg(test)]
mod tests;

use aws::{ApiError, Context};
use lake::{Catalog, Lake};

/// The service's state: the catalog it speaks for.
pub struct Glue {
    lake: Lake,
}

impl Glue {
    pub fn new(lake: Lake) -> Glue {
        Glue { lake }
    }

    fn catalog(&self) -> &Catalog {
        self.lake.catalog()
    }
}

/// The handlers of every built operation.
pub fn operations() -> Vec<aws::Operation<Glue>> {
    ops::all()
}

/// There is one catalog, and it is called by the account's number.
fn require_catalog(ctx: &Context, catalog_id: Option<&str>) -> Result<(), ApiError> {
    match catalog_id {
        Some(other) if other != ctx.scope.account.as_str() => {
            Err(model::error::entity_not_found_exception(format!("Catalog {other} not found.")))
        }
        _ => Ok(()),
    }
}
