use std::sync::Arc;

use aws::{ApiError, Context};
use meta::{CommitError, Txn};

use crate::Athena;
use crate::error::{Rejection, from_commit, from_meta, invalid};
use crate::keys::AthenaKey;
use crate::model::{CreateNamedQueryInput, CreateNamedQueryOutput};
use crate::named::NamedRecord;
use crate::workgroup::PRIMARY;

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: CreateNamedQueryInput,
) -> Result<CreateNamedQueryOutput, ApiError> {
    let record = NamedRecord {
        id: athena.rt.uuid(),
        name: input.name,
        description: input.description,
        database: input.database,
        sql: input.query_string,
        work_group: input.work_group.unwrap_or_else(|| PRIMARY.to_owned()),
    };
    athena.work_group(&ctx.scope, &record.work_group).await?;
    let named_in = AthenaKey::NamedIn { work_group: &record.work_group, id: &record.id };
    let mut txn = Txn::new()
        .put_json(AthenaKey::Named(&record.id).in_scope(&ctx.scope), &record)
        .put(named_in.in_scope(&ctx.scope), bytes::Bytes::new());
    let token = input.client_request_token.map(|token| AthenaKey::NamedToken(&token).in_scope(&ctx.scope));
    if let Some(key) = &token {
        txn = txn.require_absent(key.clone()).put_json(key.clone(), &record.id);
    }
    match (athena.meta.commit(txn).await, token) {
        (Ok(_), _) => Ok(CreateNamedQueryOutput { named_query_id: Some(record.id) }),
        (Err(CommitError::Conflict { .. }), Some(key)) => {
            let entry = athena.meta.get(&key).await.map_err(from_meta)?;
            let id: String =
                entry.map_or_else(|| Ok(String::new()), |entry| entry.json()).map_err(from_meta)?;
            let earlier = athena.existing_named(&ctx.scope, &id).await?;
            if (NamedRecord { id: id.clone(), ..record }) != earlier {
                return Err(invalid(Rejection::IdempotencyMismatch, "Idempotent parameters do not match"));
            }
            Ok(CreateNamedQueryOutput { named_query_id: Some(id) })
        }
        (Err(error), _) => Err(from_commit(error)),
    }
}
