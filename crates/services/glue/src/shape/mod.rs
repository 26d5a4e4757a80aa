//! Between Glue's shapes and the lake's model.
//!
//! What both know is converted; what only Glue knows is kept in the `extra` of the lake's value,
//! under its name on the wire, and comes back as given. Values that the service always answers with
//! (`Compressed`, `NumberOfBuckets`, `Retention`, …) are answered with its defaults when not given.

mod database;
mod partition;
mod storage;
mod table;

pub(crate) use database::{database_in, database_out};
pub(crate) use partition::{partition_in, partition_out};
pub(crate) use table::{created_by, table_in, table_out, version_out};

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::model;

/// What the lake keeps for us. Another writer of the catalog has nothing there.
fn read_extra<T: DeserializeOwned + Default>(extra: &Value) -> T {
    T::deserialize(extra).unwrap_or_default()
}

fn write_extra<T: Serialize>(extra: &T) -> Value {
    serde_json::to_value(extra).expect("wire shapes are JSON")
}

fn parameters_out(parameters: BTreeMap<String, String>) -> Option<BTreeMap<String, String>> {
    (!parameters.is_empty()).then_some(parameters)
}

fn columns_in(columns: Option<Vec<model::Column>>) -> Vec<lake::Column> {
    let convert = |column: model::Column| lake::Column {
        name: column.name,
        type_: column.type_.unwrap_or_default(),
        comment: column.comment,
        parameters: column.parameters.unwrap_or_default(),
    };
    columns.unwrap_or_default().into_iter().map(convert).collect()
}

fn columns_out(columns: Vec<lake::Column>) -> Vec<model::Column> {
    let convert = |column: lake::Column| model::Column {
        name: column.name,
        type_: Some(column.type_).filter(|type_| !type_.is_empty()),
        comment: column.comment,
        parameters: parameters_out(column.parameters),
    };
    columns.into_iter().map(convert).collect()
}
