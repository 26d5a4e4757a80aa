use std::sync::Arc;

use aws::{ApiError, Context};
use meta::Txn;

use crate::Athena;
use crate::error::from_commit;
use crate::keys::AthenaKey;
use crate::model::{DeleteNamedQueryInput, DeleteNamedQueryOutput};

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: DeleteNamedQueryInput,
) -> Result<DeleteNamedQueryOutput, ApiError> {
    let record = athena.existing_named(&ctx.scope, &input.named_query_id).await?;
    let named_in = AthenaKey::NamedIn { work_group: &record.work_group, id: &record.id };
    let txn = Txn::new()
        .delete(AthenaKey::Named(&record.id).in_scope(&ctx.scope))
        .delete(named_in.in_scope(&ctx.scope));
    athena.meta.commit(txn).await.map_err(from_commit)?;
    Ok(DeleteNamedQueryOutput {})
}
