use crate::{ApiError, Context, Principal};

/// Decides who may do what. Asked once before every handler, over HTTP and in process alike.
pub trait Authorizer: Send + Sync + 'static {
    /// `action` as policies spell it (`kinesis:PutRecords`); `resource` is an ARN where the caller
    /// knows one already. An error is the answer the caller gets.
    fn authorize(
        &self,
        principal: &Principal,
        action: &str,
        resource: Option<&str>,
        context: &Context,
    ) -> Result<(), ApiError>;

    /// False when every decision is yes, so that the hot path need not spell out the action.
    fn is_restrictive(&self) -> bool {
        true
    }
}

/// The owner of an account may do everything in it: anyone whose signature was valid.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalAccount;

impl Authorizer for LocalAccount {
    fn authorize(&self, _: &Principal, _: &str, _: Option<&str>, _: &Context) -> Result<(), ApiError> {
        Ok(())
    }

    fn is_restrictive(&self) -> bool {
        false
    }
}
