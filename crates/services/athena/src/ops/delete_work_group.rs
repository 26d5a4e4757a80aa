use std::sync::Arc;

use aws::{ApiError, Context};
use meta::{Key, Txn};
use names::Scope;

use crate::Athena;
use crate::error::{Rejection, from_commit, from_meta, invalid};
use crate::keys::{self, AthenaKey};
use crate::limits::SWEEP_BATCH;
use crate::model::{DeleteWorkGroupInput, DeleteWorkGroupOutput};
use crate::workgroup::PRIMARY;

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: DeleteWorkGroupInput,
) -> Result<DeleteWorkGroupOutput, ApiError> {
    let name = &input.work_group;
    if name == PRIMARY {
        return Err(invalid(Rejection::Input, "WorkGroup primary cannot be deleted."));
    }
    athena.work_group(&ctx.scope, name).await?;
    let contents = [
        keys::history_of(&ctx.scope, name),
        keys::named_in(&ctx.scope, name),
        keys::prepared_in(&ctx.scope, name),
    ];
    if input.recursive_delete_option != Some(true) {
        for prefix in &contents {
            if !athena.meta.scan(prefix, None, 1).await.map_err(from_meta)?.is_empty() {
                return Err(invalid(Rejection::Input, format!("WorkGroup {name} is not empty")));
            }
        }
    }
    let execution = |id: &str| AthenaKey::Execution(id).in_scope(&ctx.scope);
    delete_listed(&athena, &ctx.scope, &contents[0], execution).await?;
    let named = |id: &str| AthenaKey::Named(id).in_scope(&ctx.scope);
    delete_listed(&athena, &ctx.scope, &contents[1], named).await?;
    let txn = contents.into_iter().fold(Txn::new(), Txn::delete_prefix);
    let txn = txn
        .delete_prefix(keys::reusable_in(&ctx.scope, name))
        .delete(AthenaKey::WorkGroup(name).in_scope(&ctx.scope));
    athena.meta.commit(txn).await.map_err(from_commit)?;
    Ok(DeleteWorkGroupOutput {})
}

/// Deletes the entries of a list and the records that only they lead to, a batch at a time.
async fn delete_listed(
    athena: &Athena,
    scope: &Scope,
    list: &Key,
    record: impl Fn(&str) -> Key,
) -> Result<(), ApiError> {
    loop {
        let entries = athena.meta.scan(list, None, SWEEP_BATCH).await.map_err(from_meta)?;
        if entries.is_empty() {
            return Ok(());
        }
        let mut txn = Txn::new();
        for entry in entries {
            let id = entry.key.last_str().unwrap_or_default();
            if let Some(live) = athena.runner.live(&id) {
                live.stop.cancel();
            }
            txn = txn.delete(record(&id)).delete(keys::pending(scope, &id)).delete(entry.key);
        }
        athena.meta.commit(txn).await.map_err(from_commit)?;
    }
}
