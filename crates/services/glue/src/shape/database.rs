use aws::Context;
use serde::{Deserialize, Serialize};

use super::{parameters_out, read_extra, write_extra};
use crate::model::{self, PrincipalPermissions};

#[derive(Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Extra {
    #[serde(skip_serializing_if = "Option::is_none")]
    create_table_default_permissions: Option<Vec<PrincipalPermissions>>,
}

pub(crate) fn database_in(input: model::DatabaseInput) -> lake::Database {
    let extra = Extra { create_table_default_permissions: input.create_table_default_permissions };
    lake::Database {
        description: input.description,
        location: input.location_uri,
        parameters: input.parameters.unwrap_or_default(),
        extra: write_extra(&extra),
        ..lake::Database::new(input.name)
    }
}

pub(crate) fn database_out(ctx: &Context, database: lake::Database) -> model::Database {
    let extra: Extra = read_extra(&database.extra);
    model::Database {
        name: database.name,
        description: database.description,
        location_uri: database.location,
        parameters: parameters_out(database.parameters),
        create_time: Some(database.created.into()),
        create_table_default_permissions: extra.create_table_default_permissions,
        catalog_id: Some(ctx.scope.account.to_string()),
        ..model::Database::default()
    }
}
