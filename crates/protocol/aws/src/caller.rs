use std::sync::{Arc, OnceLock, Weak};

use names::Scope;
use serde_json::Value;

use crate::router::Inner;
use crate::{ApiError, Context, Principal};

/// Calls any operation in process, with the authorisation, checks and log of a call over HTTP.
///
/// Services get a clone before the router exists; calls before that fail as unavailable. Volume
/// does not belong here: it goes through the engines.
#[derive(Clone, Default)]
pub struct Caller {
    router: Arc<OnceLock<Weak<Inner>>>,
}

impl Caller {
    pub(crate) fn bind(&self, router: &Arc<Inner>) {
        // A caller is bound once, by the builder that made it.
        let _ = self.router.set(Arc::downgrade(router));
    }

    /// On behalf of the principal of `context`, in the same account and region. `input` has the
    /// JSON form of the operation's input, and so has the answer.
    pub async fn call(
        &self,
        context: &Context,
        service: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, ApiError> {
        self.call_as(&context.principal, &context.scope, service, operation, input).await
    }

    /// On behalf of a principal, for work that no request is waiting for.
    pub async fn call_as(
        &self,
        principal: &Principal,
        scope: &Scope,
        service: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, ApiError> {
        let router = self.router.get().and_then(Weak::upgrade);
        let router = router.ok_or_else(|| ApiError::unavailable("the server is starting or stopping"))?;
        router.call(principal.clone(), scope.clone(), service, operation, input).await
    }
}
