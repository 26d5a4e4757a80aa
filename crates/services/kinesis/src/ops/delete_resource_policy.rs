use std::sync::Arc;

use aws::{ApiError, Context};

use crate::Kinesis;
use crate::model::{DeleteResourcePolicyInput, DeleteResourcePolicyOutput};
use crate::resource::Resource;

/// A resource without a policy is none the worse for it.
pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: DeleteResourcePolicyInput,
) -> Result<DeleteResourcePolicyOutput, ApiError> {
    let resource = Resource::parse(&ctx, &input.resource_arn)?;
    svc.set_policy(&resource, None).await?;
    Ok(DeleteResourcePolicyOutput {})
}
