use std::sync::Arc;

use crate::Athena;
use crate::model::{GetPreparedStatementInput, GetPreparedStatementOutput};
use crate::shapes::prepared_statement;
use aws::{ApiError, Context};

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: GetPreparedStatementInput,
) -> Result<GetPreparedStatementOutput, ApiError> {
    let record = athena.existing_prepared(&ctx.scope, &input.work_group, &input.statement_name).await?;
    let statement = prepared_statement(record, &input.work_group);
    Ok(GetPreparedStatementOutput { prepared_statement: Some(statement) })
}
