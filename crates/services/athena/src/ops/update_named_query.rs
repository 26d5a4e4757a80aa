use std::sync::Arc;

use aws::{ApiError, Context};
use meta::Txn;

use crate::Athena;
use crate::error::from_commit;
use crate::keys::AthenaKey;
use crate::model::{UpdateNamedQueryInput, UpdateNamedQueryOutput};

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: UpdateNamedQueryInput,
) -> Result<UpdateNamedQueryOutput, ApiError> {
    let mut record = athena.existing_named(&ctx.scope, &input.named_query_id).await?;
    record.name = input.name;
    record.sql = input.query_string;
    if input.description.is_some() {
        record.description = input.description;
    }
    let key = AthenaKey::Named(&record.id).in_scope(&ctx.scope);
    let txn = Txn::new().require_present(key.clone()).put_json(key, &record);
    athena.meta.commit(txn).await.map_err(from_commit)?;
    Ok(UpdateNamedQueryOutput {})
}
