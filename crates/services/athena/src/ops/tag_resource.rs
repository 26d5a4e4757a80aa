use std::sync::Arc;

use aws::{ApiError, Context};
use std::collections::BTreeMap;

use crate::Athena;
use crate::error::{Rejection, invalid};
use crate::limits::TAGS_MAX;
use crate::model::{Tag, TagResourceInput, TagResourceOutput};
use crate::workgroup::named_by;

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: TagResourceInput,
) -> Result<TagResourceOutput, ApiError> {
    let tags = checked(input.tags)?;
    let name = named_by(&ctx.scope, &input.resource_arn)?;
    athena
        .change_work_group(&ctx.scope, &name, |record| {
            record.tags.extend(tags.clone());
            within_limit(&record.tags)
        })
        .await?;
    Ok(TagResourceOutput {})
}

/// Tags by key; each key once, and not one of the reserved ones.
pub(crate) fn checked(tags: Vec<Tag>) -> Result<BTreeMap<String, String>, ApiError> {
    let mut checked = BTreeMap::new();
    for tag in tags {
        let key = tag.key.ok_or_else(|| invalid(Rejection::Input, "A tag needs a key"))?;
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid(Rejection::Input, "Tag keys that begin with aws: are reserved"));
        }
        if checked.insert(key.clone(), tag.value.unwrap_or_default()).is_some() {
            return Err(invalid(Rejection::Input, format!("Duplicate tag key {key}")));
        }
    }
    within_limit(&checked)?;
    Ok(checked)
}

fn within_limit(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if tags.len() <= TAGS_MAX {
        return Ok(());
    }
    Err(invalid(Rejection::Input, format!("There may be at most {TAGS_MAX} tags on a resource")))
}
