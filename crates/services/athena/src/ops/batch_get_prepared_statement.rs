use std::sync::Arc;

use crate::Athena;
use crate::model::UnprocessedPreparedStatementName;
use crate::model::{BatchGetPreparedStatementInput, BatchGetPreparedStatementOutput};
use crate::prepared::no_such_statement_text;
use crate::shapes::prepared_statement;
use aws::{ApiError, Context};

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: BatchGetPreparedStatementInput,
) -> Result<BatchGetPreparedStatementOutput, ApiError> {
    let group = &input.work_group;
    athena.work_group(&ctx.scope, group).await?;
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for name in input.prepared_statement_names {
        match athena.prepared(&ctx.scope, group, &name).await? {
            Some(record) => found.push(prepared_statement(record, group)),
            None => missing.push(UnprocessedPreparedStatementName {
                error_message: Some(no_such_statement_text(&name, group)),
                error_code: Some("STATEMENT_NOT_FOUND".to_owned()),
                statement_name: Some(name),
            }),
        }
    }
    Ok(BatchGetPreparedStatementOutput {
        prepared_statements: Some(found),
        unprocessed_prepared_statement_names: Some(missing),
    })
}
