use std::sync::Arc;

use crate::Athena;
use crate::model::UnprocessedNamedQueryId;
use crate::model::{BatchGetNamedQueryInput, BatchGetNamedQueryOutput};
use crate::shapes::named_query;
use aws::{ApiError, Context};

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: BatchGetNamedQueryInput,
) -> Result<BatchGetNamedQueryOutput, ApiError> {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for id in input.named_query_ids {
        match athena.named(&ctx.scope, &id).await? {
            Some(record) => found.push(named_query(record)),
            None => missing.push(UnprocessedNamedQueryId {
                error_message: Some(format!("NamedQuery {id} was not found")),
                error_code: Some("INVALID_INPUT".to_owned()),
                named_query_id: Some(id),
            }),
        }
    }
    Ok(BatchGetNamedQueryOutput { named_queries: Some(found), unprocessed_named_query_ids: Some(missing) })
}
