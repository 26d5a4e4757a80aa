use std::sync::Arc;

use crate::Athena;
use crate::model::{ListEngineVersionsInput, ListEngineVersionsOutput};
use crate::page;
use crate::shapes::engine_version;
use crate::workgroup::{ENGINE_AUTO, ENGINE_VERSION};
use aws::{ApiError, Context};

pub(crate) async fn handle(
    _ctx: Context,
    _athena: Arc<Athena>,
    input: ListEngineVersionsInput,
) -> Result<ListEngineVersionsOutput, ApiError> {
    let versions = [ENGINE_AUTO, ENGINE_VERSION];
    let start = match page::after(input.next_token.as_deref())? {
        Some(after) => versions.iter().position(|version| *version == after).map_or(0, |at| at + 1),
        None => 0,
    };
    let mut page = versions[start..].to_vec();
    let limit = page::limit(input.max_results, versions.len());
    let next = page::cut(&mut page, limit, |version| (*version).to_owned());
    let versions = page.into_iter().map(engine_version).collect();
    Ok(ListEngineVersionsOutput { engine_versions: Some(versions), next_token: next })
}
