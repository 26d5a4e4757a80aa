//! Calls from one service to another, without the wire.

use std::sync::Arc;

use names::Scope;
use serde_json::Value;

use super::Inner;
use super::answer::{Job, authorize, guarded, log_failure};
use super::target::unmounted;
use crate::codec::Format;
use crate::error::ApiError;
use crate::operation::{Payload, Service};
use crate::{Context, Principal};

impl Inner {
    /// A call in process; see [`crate::Caller`].
    pub(crate) async fn call(
        self: &Arc<Self>,
        principal: Principal,
        scope: Scope,
        service: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, ApiError> {
        let request_id = self.rt.uuid();
        let mut job = Job { router: self, request_id: &request_id, service: "unknown", operation: "unknown" };
        let found = self.services.iter().find(|mounted| mounted.model.name == service);
        let outcome = match found {
            None => Err(unmounted(Format::Json, &format!("the service '{service}'"))),
            Some(service) => {
                job.service = service.model.name;
                call_in_process(&mut job, service, principal, scope, operation, input).await
            }
        };
        if let Err(error) = &outcome {
            log_failure(error, &job);
        }
        let status = outcome.as_ref().map_or_else(ApiError::status, |_| 200);
        tracing::debug!(target: "aws::access", request_id, service = job.service, operation = job.operation, status, "call");
        outcome
    }
}

async fn call_in_process(
    job: &mut Job<'_>,
    service: &Service,
    principal: Principal,
    scope: Scope,
    operation: &str,
    input: Value,
) -> Result<Value, ApiError> {
    let index = service.find(operation, Format::Json)?;
    job.operation = service.operation(index).name;
    let context = Context {
        scope,
        principal,
        request_id: job.request_id.to_owned(),
        service: job.service,
        operation: job.operation,
        now: job.router.rt.now(),
    };
    authorize(job.router, &context)?;
    match guarded(service.run(index, context, Format::Json, Payload::Value(input))).await? {
        Payload::Value(value) => Ok(value),
        Payload::Wire(_) | Payload::Events(_) => {
            Err(ApiError::internal("bytes came back from a call in process"))
        }
    }
}
