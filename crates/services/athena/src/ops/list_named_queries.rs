use std::sync::Arc;

use crate::Athena;
use crate::error::from_meta;
use crate::keys::{self, AthenaKey};
use crate::limits::PAGE_MAX;
use crate::model::{ListNamedQueriesInput, ListNamedQueriesOutput};
use crate::page;
use crate::workgroup::PRIMARY;
use aws::{ApiError, Context};

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: ListNamedQueriesInput,
) -> Result<ListNamedQueriesOutput, ApiError> {
    let group = input.work_group.as_deref().unwrap_or(PRIMARY);
    athena.work_group(&ctx.scope, group).await?;
    let after = page::after(input.next_token.as_deref())?;
    let after = after.map(|id| AthenaKey::NamedIn { work_group: group, id: &id }.in_scope(&ctx.scope));
    let limit = page::limit(input.max_results, PAGE_MAX);
    let prefix = keys::named_in(&ctx.scope, group);
    let entries = athena.meta.scan(&prefix, after.as_ref(), limit + 1).await.map_err(from_meta)?;
    let mut ids = entries.iter().filter_map(|entry| entry.key.last_str()).collect::<Vec<_>>();
    let next = page::cut(&mut ids, limit, String::clone);
    Ok(ListNamedQueriesOutput { named_query_ids: Some(ids), next_token: next })
}
