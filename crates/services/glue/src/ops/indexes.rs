//! Partition indexes. Partitions are found through their key with or without one, so an index is
//! kept as given and always active.

use aws::{ApiError, Context};
use lake::{Owner, Table};

use crate::error::from_catalog;
use crate::model::{KeySchemaElement, PartitionIndex, PartitionIndexDescriptor, PartitionIndexStatus, error};
use crate::{Glue, limits};

/// What attachments of this kind are called in the catalog.
pub(super) const KIND: &str = "index";

/// Refuses indexes over what is no partition key, and too many of them.
pub(super) fn check(new: &[PartitionIndex], table: &Table, present: usize) -> Result<(), ApiError> {
    if new.len() + present > limits::INDEXES {
        let message = format!("A table has at most {} partition indexes.", limits::INDEXES);
        return Err(error::resource_number_limit_exceeded_exception(message));
    }
    for key in new.iter().flat_map(|index| &index.keys) {
        if !table.partition_keys.iter().any(|column| column.name.eq_ignore_ascii_case(key)) {
            return Err(error::invalid_input_exception(format!("{key} is not a partition key.")));
        }
    }
    Ok(())
}

pub(super) async fn add(
    ctx: &Context,
    glue: &Glue,
    (database, table): (&str, &str),
    indexes: &[PartitionIndex],
) -> Result<(), ApiError> {
    let items: Vec<_> = indexes
        .iter()
        .map(|index| Ok((index.index_name.clone(), serde_json::to_value(index)?)))
        .collect::<Result<_, serde_json::Error>>()
        .map_err(ApiError::internal)?;
    let owner = Owner::Table { database, table };
    glue.catalog().attach(&ctx.scope, owner, KIND, &items).await.map_err(from_catalog)
}

pub(super) async fn all(
    ctx: &Context,
    glue: &Glue,
    (database, table): (&str, &str),
) -> Result<Vec<PartitionIndex>, ApiError> {
    let owner = Owner::Table { database, table };
    let items = glue.catalog().attached(&ctx.scope, owner, KIND).await.map_err(from_catalog)?;
    let read = items.into_iter().map(|(_, value)| serde_json::from_value(value));
    read.collect::<Result<_, _>>().map_err(ApiError::internal)
}

pub(super) fn described(index: PartitionIndex, table: &Table) -> PartitionIndexDescriptor {
    let type_of = |key: &str| {
        let column = table.partition_keys.iter().find(|column| column.name.eq_ignore_ascii_case(key));
        column.map_or_else(String::new, |column| column.type_.clone())
    };
    let keys = index.keys.into_iter().map(|name| KeySchemaElement { type_: type_of(&name), name });
    PartitionIndexDescriptor {
        index_name: index.index_name,
        keys: keys.collect(),
        index_status: PartitionIndexStatus::Active,
        backfill_errors: None,
    }
}
