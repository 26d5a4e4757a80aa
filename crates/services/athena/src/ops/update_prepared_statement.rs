use std::sync::Arc;

use aws::{ApiError, Context};
use meta::Txn;

use crate::Athena;
use crate::error::from_commit;
use crate::keys::AthenaKey;
use crate::model::{UpdatePreparedStatementInput, UpdatePreparedStatementOutput};
use crate::prepared::PreparedRecord;

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: UpdatePreparedStatementInput,
) -> Result<UpdatePreparedStatementOutput, ApiError> {
    let earlier = athena.existing_prepared(&ctx.scope, &input.work_group, &input.statement_name).await?;
    let record = PreparedRecord {
        name: earlier.name,
        sql: input.query_statement,
        description: input.description.or(earlier.description),
        modified: athena.rt.now(),
    };
    let key = AthenaKey::Prepared { work_group: &input.work_group, name: &record.name }.in_scope(&ctx.scope);
    athena.meta.commit(Txn::new().put_json(key, &record)).await.map_err(from_commit)?;
    Ok(UpdatePreparedStatementOutput {})
}
