use std::sync::Arc;

use crate::Athena;
use crate::model::{GetWorkGroupInput, GetWorkGroupOutput};
use crate::shapes::work_group;
use aws::{ApiError, Context};

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: GetWorkGroupInput,
) -> Result<GetWorkGroupOutput, ApiError> {
    let record = athena.work_group(&ctx.scope, &input.work_group).await?;
    Ok(GetWorkGroupOutput { work_group: Some(work_group(record)) })
}
