use std::sync::Arc;

use aws::{ApiError, Context};

use crate::Kinesis;
use crate::model::{DescribeAccountSettingsInput, DescribeAccountSettingsOutput};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    _input: DescribeAccountSettingsInput,
) -> Result<DescribeAccountSettingsOutput, ApiError> {
    let account = svc.account(&ctx.scope).await?;
    Ok(DescribeAccountSettingsOutput {
        minimum_throughput_billing_commitment: Some(account.describe(ctx.now)),
    })
}
