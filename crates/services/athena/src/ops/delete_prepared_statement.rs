use std::sync::Arc;

use aws::{ApiError, Context};
use meta::Txn;

use crate::Athena;
use crate::error::from_commit;
use crate::keys::AthenaKey;
use crate::model::{DeletePreparedStatementInput, DeletePreparedStatementOutput};

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: DeletePreparedStatementInput,
) -> Result<DeletePreparedStatementOutput, ApiError> {
    let record = athena.existing_prepared(&ctx.scope, &input.work_group, &input.statement_name).await?;
    let key = AthenaKey::Prepared { work_group: &input.work_group, name: &record.name }.in_scope(&ctx.scope);
    athena.meta.commit(Txn::new().delete(key)).await.map_err(from_commit)?;
    Ok(DeletePreparedStatementOutput {})
}
