use std::sync::Arc;

use crate::Athena;
use crate::error::from_meta;
use crate::keys::{self, AthenaKey};
use crate::limits::PAGE_MAX;
use crate::model::{ListWorkGroupsInput, ListWorkGroupsOutput};
use crate::page;
use crate::shapes::work_group_summary;
use crate::workgroup::{PRIMARY, WorkGroupRecord};
use aws::{ApiError, Context};

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: ListWorkGroupsInput,
) -> Result<ListWorkGroupsOutput, ApiError> {
    athena.work_group(&ctx.scope, PRIMARY).await?;
    let after = page::after(input.next_token.as_deref())?;
    let after = after.map(|name| AthenaKey::WorkGroup(&name).in_scope(&ctx.scope));
    let limit = page::limit(input.max_results, PAGE_MAX);
    let prefix = keys::work_groups(&ctx.scope);
    let entries = athena.meta.scan(&prefix, after.as_ref(), limit + 1).await.map_err(from_meta)?;
    let records = entries.iter().map(meta::Entry::json).collect::<Result<Vec<WorkGroupRecord>, _>>();
    let mut records = records.map_err(from_meta)?;
    let next = page::cut(&mut records, limit, |record| record.name.clone());
    let groups = records.into_iter().map(work_group_summary).collect();
    Ok(ListWorkGroupsOutput { work_groups: Some(groups), next_token: next })
}
