use std::sync::Arc;

use aws::{ApiError, Context};

use crate::error::from_catalog;
use crate::model::{GetUserDefinedFunctionsInput, GetUserDefinedFunctionsOutput};
use crate::{Glue, require_catalog};
use crate::{limits, page};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: GetUserDefinedFunctionsInput,
) -> Result<GetUserDefinedFunctionsOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    page::request(&ctx, input.next_token.as_deref(), input.max_results, limits::PAGE)?;
    if let Some(database) = &input.database_name {
        glue.catalog().database(&ctx.scope, database).await.map_err(from_catalog)?;
    }
    // None can be created, so there are none.
    Ok(GetUserDefinedFunctionsOutput { user_defined_functions: Some(Vec::new()), next_token: None })
}
