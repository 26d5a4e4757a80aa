use std::sync::Arc;

use crate::Athena;
use crate::model::{UntagResourceInput, UntagResourceOutput};
use crate::workgroup::named_by;
use aws::{ApiError, Context};

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: UntagResourceInput,
) -> Result<UntagResourceOutput, ApiError> {
    let name = named_by(&ctx.scope, &input.resource_arn)?;
    athena
        .change_work_group(&ctx.scope, &name, |record| {
            record.tags.retain(|key, _| !input.tag_keys.contains(key));
            Ok(())
        })
        .await?;
    Ok(UntagResourceOutput {})
}
