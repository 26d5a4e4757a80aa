//! Data definition: Hive's statements, as Athena takes them, on the lake's catalog.

mod cursor;
mod iceberg;
mod parse;
mod run;
mod show;
mod statement;
mod tables;

#[cfg(test)]
mod tests;

pub(crate) use parse::parse;
pub(crate) use run::run;
