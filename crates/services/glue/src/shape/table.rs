use aws::{AwsTimestamp, Context};
use serde::{Deserialize, Serialize};

use super::storage::{storage_in, storage_out};
use super::{columns_in, columns_out, parameters_out, read_extra, write_extra};
use crate::model;

#[derive(Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Extra {
    #[serde(skip_serializing_if = "Option::is_none")]
    last_access_time: Option<AwsTimestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_analyzed_time: Option<AwsTimestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<String>,
}

/// `created_by` is an ARN: the caller's at creation, what was stored after.
pub(crate) fn table_in(
    database: String,
    input: model::TableInput,
    created_by: Option<String>,
) -> lake::Table {
    let mut storage = storage_in(input.storage_descriptor);
    let columns = std::mem::take(&mut storage.columns);
    let extra = Extra {
        last_access_time: input.last_access_time,
        last_analyzed_time: input.last_analyzed_time,
        created_by,
    };
    lake::Table {
        description: input.description,
        owner: input.owner,
        table_type: input.table_type,
        columns,
        partition_keys: columns_in(input.partition_keys),
        storage,
        parameters: input.parameters.unwrap_or_default(),
        view_original_text: input.view_original_text,
        view_expanded_text: input.view_expanded_text,
        retention: input.retention,
        extra: write_extra(&extra),
        ..lake::Table::new(database, input.name)
    }
}

pub(crate) fn created_by(table: &lake::Table) -> Option<String> {
    read_extra::<Extra>(&table.extra).created_by
}

pub(crate) fn table_out(ctx: &Context, table: lake::Table) -> model::Table {
    let extra: Extra = read_extra(&table.extra);
    let mut storage = table.storage;
    storage.columns = table.columns;
    model::Table {
        name: table.name,
        database_name: Some(table.database),
        description: table.description,
        owner: table.owner,
        create_time: Some(table.created.into()),
        update_time: Some(table.updated.into()),
        last_access_time: extra.last_access_time,
        last_analyzed_time: extra.last_analyzed_time,
        retention: Some(table.retention.unwrap_or_default()),
        storage_descriptor: storage_out(storage, true),
        partition_keys: Some(columns_out(table.partition_keys)),
        view_original_text: table.view_original_text,
        view_expanded_text: table.view_expanded_text,
        table_type: table.table_type,
        parameters: parameters_out(table.parameters),
        created_by: extra.created_by,
        is_registered_with_lake_formation: Some(false),
        catalog_id: Some(ctx.scope.account.to_string()),
        version_id: Some(table.version.to_string()),
        ..model::Table::default()
    }
}

pub(crate) fn version_out(ctx: &Context, table: lake::Table) -> model::TableVersion {
    let version_id = Some(table.version.to_string());
    model::TableVersion { table: Some(table_out(ctx, table)), version_id }
}
