use aws::{AwsTimestamp, Context};
use serde::{Deserialize, Serialize};

use super::storage::{storage_in, storage_out};
use super::{parameters_out, read_extra, write_extra};
use crate::model;

#[derive(Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Extra {
    #[serde(skip_serializing_if = "Option::is_none")]
    last_analyzed_time: Option<AwsTimestamp>,
}

/// Without values of its own an update keeps those of `at`.
pub(crate) fn partition_in(input: model::PartitionInput, at: &[String]) -> lake::Partition {
    let extra = Extra { last_analyzed_time: input.last_analyzed_time };
    let values = input.values.unwrap_or_else(|| at.to_vec());
    lake::Partition {
        parameters: input.parameters.unwrap_or_default(),
        last_access: input.last_access_time.map(Into::into),
        extra: write_extra(&extra),
        ..lake::Partition::new(values, storage_in(input.storage_descriptor))
    }
}

/// A partition of the table with these names.
pub(crate) fn partition_out(
    ctx: &Context,
    (database, table): (&str, &str),
    partition: lake::Partition,
    with_columns: bool,
) -> model::Partition {
    let extra: Extra = read_extra(&partition.extra);
    model::Partition {
        values: Some(partition.values),
        database_name: Some(database.to_lowercase()),
        table_name: Some(table.to_lowercase()),
        creation_time: Some(partition.created.into()),
        last_access_time: partition.last_access.map(Into::into),
        storage_descriptor: storage_out(partition.storage, with_columns),
        parameters: parameters_out(partition.parameters),
        last_analyzed_time: extra.last_analyzed_time,
        catalog_id: Some(ctx.scope.account.to_string()),
    }
}
