use std::sync::Arc;

use aws::{ApiError, Context};

use crate::error::from_catalog;
use crate::model::{GetUserDefinedFunctionInput, GetUserDefinedFunctionOutput, error};
use crate::{Glue, require_catalog};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: GetUserDefinedFunctionInput,
) -> Result<GetUserDefinedFunctionOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    glue.catalog().database(&ctx.scope, &input.database_name).await.map_err(from_catalog)?;
    Err(error::entity_not_found_exception(format!("Function {} not found.", input.function_name)))
}
