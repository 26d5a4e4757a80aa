//! The Security Token Service: who am I, and credentials that end.
//!
//! Temporary credentials are made by [`aws::TemporaryKeys`] and recognised at the rim from the
//! session token they carry; nothing is stored here. There are no roles yet: any role of the
//! caller's own account can be assumed, and the session acts under the role's name.
//!
//! It never decides what a principal may do; [`aws::Authorizer`] does.

pub mod model;
mod ops;
mod session;

use std::sync::Arc;

use aws::CredentialStore;
use rt::Rt;

/// The service's state: the place where keys are known.
pub struct Sts {
    rt: Rt,
    credentials: Arc<dyn CredentialStore>,
}

impl Sts {
    pub fn new(rt: Rt, credentials: Arc<dyn CredentialStore>) -> Sts {
        Sts { rt, credentials }
    }
}

/// The handlers of every built operation.
pub fn operations() -> Vec<aws::Operation<Sts>> {
    use model::op;
    vec![
        aws::operation(&op::ASSUME_ROLE, ops::assume_role::handle),
        aws::operation(&op::GET_ACCESS_KEY_INFO, ops::get_access_key_info::handle),
        aws::operation(&op::GET_CALLER_IDENTITY, ops::get_caller_identity::handle),
        aws::operation(&op::GET_SESSION_TOKEN, ops::get_session_token::handle),
    ]
}

#[cfg(test)]
mod tests;
