use std::sync::Arc;

use aws::{ApiError, Context};
use meta::{CommitError, Txn};

use crate::Athena;
use crate::error::{Rejection, from_commit, invalid};
use crate::keys::AthenaKey;
use crate::model::{CreatePreparedStatementInput, CreatePreparedStatementOutput};
use crate::prepared::PreparedRecord;

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: CreatePreparedStatementInput,
) -> Result<CreatePreparedStatementOutput, ApiError> {
    athena.work_group(&ctx.scope, &input.work_group).await?;
    let record = PreparedRecord {
        name: input.statement_name,
        sql: input.query_statement,
        description: input.description,
        modified: athena.rt.now(),
    };
    let key = AthenaKey::Prepared { work_group: &input.work_group, name: &record.name }.in_scope(&ctx.scope);
    let txn = Txn::new().require_absent(key.clone()).put_json(key, &record);
    match athena.meta.commit(txn).await {
        Ok(_) => Ok(CreatePreparedStatementOutput {}),
        Err(CommitError::Conflict { .. }) => {
            let (name, group) = (&record.name, &input.work_group);
            let message = format!("Prepared statement {name} already exists in WorkGroup {group}");
            Err(invalid(Rejection::Input, message))
        }
        Err(error) => Err(from_commit(error)),
    }
}
