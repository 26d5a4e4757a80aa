use std::sync::Arc;

use crate::Athena;
use crate::error::from_catalog;
use crate::model::{GetTableMetadataInput, GetTableMetadataOutput};
use crate::shapes::{check_catalog, table};
use aws::{ApiError, Context};

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: GetTableMetadataInput,
) -> Result<GetTableMetadataOutput, ApiError> {
    athena.check_work_group(&ctx.scope, input.work_group.as_deref()).await?;
    check_catalog(&input.catalog_name)?;
    let found = athena.lake.catalog().table(&ctx.scope, &input.database_name, &input.table_name).await;
    Ok(GetTableMetadataOutput { table_metadata: Some(table(found.map_err(from_catalog)?)) })
}
