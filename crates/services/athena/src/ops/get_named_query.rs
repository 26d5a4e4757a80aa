use std::sync::Arc;

use crate::Athena;
use crate::model::{GetNamedQueryInput, GetNamedQueryOutput};
use crate::shapes::named_query;
use aws::{ApiError, Context};

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: GetNamedQueryInput,
) -> Result<GetNamedQueryOutput, ApiError> {
    let record = athena.existing_named(&ctx.scope, &input.named_query_id).await?;
    Ok(GetNamedQueryOutput { named_query: Some(named_query(record)) })
}
