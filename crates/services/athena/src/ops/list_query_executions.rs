use std::sync::Arc;

use aws::{ApiError, Context};
use meta::Key;

use crate::Athena;
use crate::error::{Rejection, from_meta, invalid};
use crate::keys;
use crate::limits::PAGE_MAX;
use crate::model::{ListQueryExecutionsInput, ListQueryExecutionsOutput};
use crate::page;
use crate::workgroup::PRIMARY;

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: ListQueryExecutionsInput,
) -> Result<ListQueryExecutionsOutput, ApiError> {
    let group = input.work_group.as_deref().unwrap_or(PRIMARY);
    athena.work_group(&ctx.scope, group).await?;
    let prefix = keys::history_of(&ctx.scope, group);
    let after =
        page::after(input.next_token.as_deref())?.map(|place| position(&prefix, &place)).transpose()?;
    let limit = page::limit(input.max_results, PAGE_MAX);
    let mut entries = athena.meta.scan(&prefix, after.as_ref(), limit + 1).await.map_err(from_meta)?;
    let next = page::cut(&mut entries, limit, |entry| place(&entry.key));
    let ids = entries.iter().filter_map(|entry| entry.key.last_str()).collect();
    Ok(ListQueryExecutionsOutput { query_execution_ids: Some(ids), next_token: next })
}

/// The last two steps of a history key: when, and which.
fn place(key: &Key) -> String {
    let segments = key.segments();
    let mut last = segments.iter().rev();
    let id = last.next().and_then(|segment| segment.as_str()).unwrap_or_default();
    let when = last.next().and_then(|segment| segment.as_u64()).unwrap_or_default();
    format!("{when} {id}")
}

fn position(prefix: &Key, place: &str) -> Result<Key, ApiError> {
    let (when, id) = place
        .split_once(' ')
        .and_then(|(when, id)| Some((when.parse::<u64>().ok()?, id)))
        .ok_or_else(|| invalid(Rejection::Input, "The nextPageToken is malformed"))?;
    Ok(prefix.clone().with_u64(when).with(id))
}
