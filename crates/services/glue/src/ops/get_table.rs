use std::sync::Arc;

use aws::{ApiError, Context};

use crate::error::from_catalog;
use crate::model::{GetTableInput, GetTableOutput};
use crate::ops::attributes::selected;
use crate::shape::table_out;
use crate::{Glue, require_catalog};

pub async fn handle(ctx: Context, glue: Arc<Glue>, input: GetTableInput) -> Result<GetTableOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    let table =
        glue.catalog().table(&ctx.scope, &input.database_name, &input.name).await.map_err(from_catalog)?;
    let attributes = input.attributes_to_get.unwrap_or_default();
    Ok(GetTableOutput { table: Some(selected(table_out(&ctx, table), &attributes)) })
}
