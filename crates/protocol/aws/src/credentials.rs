use std::collections::HashMap;
use std::fmt;

use names::{AccountId, Region};
use parking_lot::RwLock;
use rt::Timestamp;

use crate::Principal;

/// What an access key stands for.
#[derive(Clone)]
pub struct Credential {
    pub secret: String,
    /// Requests must carry exactly this token when there is one.
    pub session_token: Option<String>,
    pub account: AccountId,
    /// Whom the key belongs to.
    pub arn: String,
    /// Temporary credentials end here.
    pub expires: Option<Timestamp>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("arn", &self.arn)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

impl Credential {
    /// A long-lived key of the account's root.
    pub fn root(account: AccountId, secret: impl Into<String>) -> Credential {
        let arn = format!("arn:aws:iam::{account}:root");
        Credential { secret: secret.into(), session_token: None, account, arn, expires: None }
    }

    pub fn principal(&self, access_key: &str) -> Principal {
        Principal { account: self.account.clone(), access_key: access_key.to_owned(), arn: self.arn.clone() }
    }
}

/// Where the rim finds the secret behind an access key. Called for every request: answers from
/// memory, never blocks.
pub trait CredentialStore: Send + Sync + 'static {
    fn lookup(&self, access_key: &str) -> Option<Credential>;

    /// The same for a request with a session token, in which a store may keep everything it needs
    /// to know about temporary credentials.
    fn lookup_session(&self, access_key: &str, token: &str) -> Option<Credential> {
        let _ = token;
        self.lookup(access_key)
    }

    /// Set when signatures are not checked at all; then every request acts as this identity.
    fn unchecked(&self) -> Option<Unchecked> {
        None
    }
}

/// The identity and default region of requests when signatures are not checked.
#[derive(Clone, Debug)]
pub struct Unchecked {
    pub account: AccountId,
    /// Used where the request names none in a signature.
    pub region: Region,
}

/// Keys held in memory.
#[derive(Default)]
pub struct MemoryCredentials {
    keys: RwLock<HashMap<String, Credential>>,
    unchecked: Option<Unchecked>,
}

impl MemoryCredentials {
    pub fn new() -> MemoryCredentials {
        MemoryCredentials::default()
    }

    /// Accepts whatever signature a request has, or none.
    pub fn insecure_any(account: AccountId, region: Region) -> MemoryCredentials {
        MemoryCredentials { keys: RwLock::default(), unchecked: Some(Unchecked { account, region }) }
    }

    #[must_use]
    pub fn with(self, access_key: impl Into<String>, credential: Credential) -> MemoryCredentials {
        self.keys.write().insert(access_key.into(), credential);
        self
    }

    pub fn insert(&self, access_key: impl Into<String>, credential: Credential) {
        self.keys.write().insert(access_key.into(), credential);
    }
}

impl CredentialStore for MemoryCredentials {
    fn lookup(&self, access_key: &str) -> Option<Credential> {
        self.keys.read().get(access_key).cloned()
    }

    fn unchecked(&self) -> Option<Unchecked> {
        self.unchecked.clone()
    }
}
