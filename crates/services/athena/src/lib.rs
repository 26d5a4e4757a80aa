//! Amazon Athena: SQL over the lake as asynchronous query executions.
//!
//! # Concepts
//!
//! * A **query execution** is accepted durably, runs in a task of its own behind a bounded queue
//!   ([`runner`]) and leaves its result as an object in the caller's output location ([`run`],
//!   [`spool`]), with the columns beside it ([`metadata`]). Pages of results are read back from that
//!   object by byte offset ([`results`]), so a result of any size costs the memory of a page.
//! * A **work group** holds the settings under which queries run ([`workgroup`]).
//! * **Named queries**, **prepared statements** and **result reuse** ([`reuse`]) are as in the service.
//!
//! # Guarantees
//!
//! * An accepted query survives a restart: it is run again, unless it had started and may not run
//!   twice; then it has failed with that reason.
//! * A query that has succeeded has its result and its metadata in the output location, whole.
//! * A stop that was answered is final: no result of the query appears afterwards.
//!
//! # What it never does
//!
//! It parses no SQL beyond the first words ([`statement`]), keeps no tables, and knows no other service:
//! tables are the lake's, whoever defined them.
//!
//! Start with `ops/start_query_execution.rs`, then [`runner`].

mod error;
mod execution;
mod history;
mod keys;
mod limits;
mod location;
mod metadata;
pub mod model;
mod named;
mod ops;
mod page;
mod prepared;
mod results;
mod reuse;
mod run;
mod runner;
mod shapes;
mod spool;
mod statement;
mod workgroup;

use std::sync::Arc;

use lake::Lake;
use meta::{Meta, MetaError};
use objects::Objects;
use query::Engine;
use rt::Rt;

pub use limits::AthenaSettings;
pub use ops::operations;

use runner::Runner;

/// The service and what it stands on.
pub struct Athena {
    rt: Rt,
    meta: Meta,
    objects: Objects,
    lake: Lake,
    engine: Engine,
    settings: AthenaSettings,
    runner: Runner,
}

impl Athena {
    pub fn new(
        rt: Rt,
        meta: Meta,
        objects: Objects,
        lake: Lake,
        engine: Engine,
        settings: AthenaSettings,
    ) -> Athena {
        let runner = Runner::new(&settings);
        Athena { rt, meta, objects, lake, engine, settings, runner }
    }

    /// Takes up the queries of before the restart and begins to forget old ones. Called once, before
    /// the first request.
    pub async fn start(self: &Arc<Self>) -> Result<(), MetaError> {
        self.resume().await?;
        let athena = Arc::clone(self);
        drop(self.rt.spawn("athena history", async move { athena.forget_old_executions().await }));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
