//! SQL the way Athena's users write it, run on DataFusion over the lake's tables.
//!
//! # Concepts
//!
//! * A **statement** is routed by its first words: data definition speaks Hive's grammar ([`ddl`]),
//!   everything else Trino's ([`parse`]).
//! * A query is parsed with [`dialect::AthenaDialect`], **rewritten** on its syntax tree into what
//!   DataFusion can plan ([`rewrite`]), **planned** against the catalog ([`plan`]) and executed with
//!   bounded memory ([`engine`]).
//! * **Functions** carry Trino's names and meaning ([`functions`]); a name that is not among them is
//!   refused, also when DataFusion would know it.
//! * A **scan** ([`scan`]) prunes partitions before anything is listed, asks for the byte ranges it
//!   needs and counts them; that count is what a statement's statistics report.
//! * Values leave as **text** in Athena's forms ([`text`]); the Arrow batches stay available.
//!
//! # Guarantees
//!
//! * The session's time is the statement's time: `now()` is one value throughout.
//! * A statement observes `stop` between batches; its memory is bounded by [`QuerySettings`].
//! * What is not built is refused by name.
//!
//! # What it never does
//!
//! It stores no statements and no results, knows no wire protocol, and no DataFusion type leaves it
//! except Arrow's record batches.
//!
//! Start with [`Engine::run`].

mod answer;
mod ddl;
mod dialect;
mod engine;
mod error;
mod failure;
mod functions;
mod information;
mod parse;
mod plan;
mod rewrite;
mod scan;
mod tables;
mod text;
mod types;
mod view;

pub use answer::{Answer, AnswerColumn, Kind, Rows, Stats};
pub use engine::{Engine, QuerySettings, Session};
pub use error::{ErrorKind, Position, QueryError};
pub use parse::Prepared;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
