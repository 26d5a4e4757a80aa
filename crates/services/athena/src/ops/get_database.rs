use std::sync::Arc;

use crate::Athena;
use crate::error::from_catalog;
use crate::model::{GetDatabaseInput, GetDatabaseOutput};
use crate::shapes::{check_catalog, database};
use aws::{ApiError, Context};

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: GetDatabaseInput,
) -> Result<GetDatabaseOutput, ApiError> {
    athena.check_work_group(&ctx.scope, input.work_group.as_deref()).await?;
    check_catalog(&input.catalog_name)?;
    let found = athena.lake.catalog().database(&ctx.scope, &input.database_name).await;
    Ok(GetDatabaseOutput { database: Some(database(found.map_err(from_catalog)?)) })
}
