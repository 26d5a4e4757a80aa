use std::sync::Arc;

use crate::Athena;
use crate::error::from_meta;
use crate::keys::{self, AthenaKey};
use crate::limits::PAGE_MAX;
use crate::model::{ListPreparedStatementsInput, ListPreparedStatementsOutput, PreparedStatementSummary};
use crate::page;
use crate::prepared::PreparedRecord;
use aws::{ApiError, Context};

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: ListPreparedStatementsInput,
) -> Result<ListPreparedStatementsOutput, ApiError> {
    let group = &input.work_group;
    athena.work_group(&ctx.scope, group).await?;
    let after = page::after(input.next_token.as_deref())?;
    let after = after.map(|name| AthenaKey::Prepared { work_group: group, name: &name }.in_scope(&ctx.scope));
    let limit = page::limit(input.max_results, PAGE_MAX);
    let prefix = keys::prepared_in(&ctx.scope, group);
    let entries = athena.meta.scan(&prefix, after.as_ref(), limit + 1).await.map_err(from_meta)?;
    let records = entries.iter().map(meta::Entry::json).collect::<Result<Vec<PreparedRecord>, _>>();
    let mut records = records.map_err(from_meta)?;
    let next = page::cut(&mut records, limit, |record| record.name.clone());
    let summaries = records.into_iter().map(|record| PreparedStatementSummary {
        statement_name: Some(record.name),
        last_modified_time: Some(record.modified.into()),
    });
    Ok(ListPreparedStatementsOutput { prepared_statements: Some(summaries.collect()), next_token: next })
}
