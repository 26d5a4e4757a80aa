use std::sync::Arc;

use aws::{ApiError, Context};

use crate::model::{PutResourcePolicyInput, PutResourcePolicyOutput};
use crate::resource::Resource;
use crate::{Kinesis, policy};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: PutResourcePolicyInput,
) -> Result<PutResourcePolicyOutput, ApiError> {
    let resource = Resource::parse(&ctx, &input.resource_arn)?;
    policy::check(&input.policy)?;
    svc.set_policy(&resource, Some(&input.policy)).await?;
    Ok(PutResourcePolicyOutput {})
}

impl Kinesis {
    pub(crate) async fn set_policy(&self, resource: &Resource, policy: Option<&str>) -> Result<(), ApiError> {
        let policy = policy.map(str::to_owned);
        match resource {
            Resource::Stream(stream) => {
                let change = |record: &mut crate::stream::StreamRecord| {
                    record.policy.clone_from(&policy);
                    Ok(())
                };
                self.change(stream, change).await.map(|_| ())
            }
            Resource::Consumer(consumer) => {
                let change = |record: &mut crate::consumer::ConsumerRecord| {
                    record.policy.clone_from(&policy);
                    Ok(())
                };
                self.change_consumer(consumer, change).await
            }
        }
    }
}
