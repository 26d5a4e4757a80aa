use std::sync::Arc;

use aws::{ApiError, Context};

use crate::error::{detail_of, from_catalog};
use crate::model::{BatchDeleteTableVersionInput, BatchDeleteTableVersionOutput, TableVersionError};
use crate::ops::get_table_version::parse_version;
use crate::{Glue, require_catalog};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: BatchDeleteTableVersionInput,
) -> Result<BatchDeleteTableVersionOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    let (database, table) = (&input.database_name, &input.table_name);
    glue.catalog().table(&ctx.scope, database, table).await.map_err(from_catalog)?;
    let mut errors = Vec::new();
    for id in input.version_ids {
        let outcome = match parse_version(&id) {
            Ok(version) => {
                let deleted = glue.catalog().delete_table_version(&ctx.scope, database, table, version);
                deleted.await.map_err(from_catalog)
            }
            Err(cause) => Err(cause),
        };
        if let Err(cause) = outcome {
            errors.push(TableVersionError {
                table_name: Some(table.clone()),
                version_id: Some(id),
                error_detail: Some(detail_of(&cause)),
            });
        }
    }
    Ok(BatchDeleteTableVersionOutput { errors: Some(errors) })
}
