use names::{AccountId, Scope};
use rt::Timestamp;

/// Who asks, where, and what: handed to every handler, over HTTP and in process alike.
#[derive(Clone, Debug)]
pub struct Context {
    /// Account of the principal and region of the signature: the namespace of every resource.
    pub scope: Scope,
    pub principal: Principal,
    /// The id the caller sees in the answer and finds in the log.
    pub request_id: String,
    /// Name of the service, `kinesis`.
    pub service: &'static str,
    /// Name of the operation, `PutRecords`.
    pub operation: &'static str,
    /// When the request was accepted; one instant for everything the request does.
    pub now: Timestamp,
}

/// Whose request it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub account: AccountId,
    pub access_key: String,
    /// `arn:aws:iam::000000000000:root`, a user or an assumed role.
    pub arn: String,
}

impl Principal {
    /// The root of an account: the local user, and what in-process callers act as by default.
    pub fn root(account: AccountId, access_key: impl Into<String>) -> Principal {
        let arn = format!("arn:aws:iam::{account}:root");
        Principal { account, access_key: access_key.into(), arn }
    }
}

impl Context {
    /// `kinesis:PutRecords`, as policies spell it.
    pub fn action(&self) -> String {
        format!("{}:{}", self.service, self.operation)
    }
}
