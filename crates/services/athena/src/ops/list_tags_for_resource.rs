use std::sync::Arc;

use crate::Athena;
use crate::limits::TAGS_MAX;
use crate::model::{ListTagsForResourceInput, ListTagsForResourceOutput, Tag};
use crate::page;
use crate::workgroup::named_by;
use aws::{ApiError, Context};

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: ListTagsForResourceInput,
) -> Result<ListTagsForResourceOutput, ApiError> {
    let name = named_by(&ctx.scope, &input.resource_arn)?;
    let record = athena.work_group(&ctx.scope, &name).await?;
    let after = page::after(input.next_token.as_deref())?;
    let later = record.tags.into_iter().filter(|(key, _)| after.as_ref().is_none_or(|after| key > after));
    let mut tags = later.map(|(key, value)| Tag { key: Some(key), value: Some(value) }).collect::<Vec<_>>();
    let limit = page::limit(input.max_results, TAGS_MAX);
    let next = page::cut(&mut tags, limit, |tag| tag.key.clone().unwrap_or_default());
    Ok(ListTagsForResourceOutput { tags: Some(tags), next_token: next })
}
