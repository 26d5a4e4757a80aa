use std::sync::Arc;

use aws::{ApiError, Context};

use crate::Kinesis;
use crate::model::{GetResourcePolicyInput, GetResourcePolicyOutput, error};
use crate::resource::Resource;

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: GetResourcePolicyInput,
) -> Result<GetResourcePolicyOutput, ApiError> {
    let policy = match Resource::parse(&ctx, &input.resource_arn)? {
        Resource::Stream(stream) => svc.record(&stream).await?.policy,
        Resource::Consumer(consumer) => svc.consumer(&consumer).await?.record.policy,
    };
    let missing = || {
        error::resource_not_found_exception(format!(
            "There is no resource policy for {}.",
            input.resource_arn
        ))
    };
    Ok(GetResourcePolicyOutput { policy: policy.ok_or_else(missing)? })
}
