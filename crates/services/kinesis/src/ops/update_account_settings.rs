use std::sync::Arc;

use aws::{ApiError, Context};

use crate::Kinesis;
use crate::model::{UpdateAccountSettingsInput, UpdateAccountSettingsOutput};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: UpdateAccountSettingsInput,
) -> Result<UpdateAccountSettingsOutput, ApiError> {
    let wanted = input.minimum_throughput_billing_commitment.status;
    let account = svc.change_account(&ctx.scope, wanted, ctx.now).await?;
    Ok(UpdateAccountSettingsOutput { minimum_throughput_billing_commitment: Some(account.describe(ctx.now)) })
}
