mod temporary;

use std::collections::HashMap;
use std::fmt;

use names::{AccountId, Region};
use parking_lot::RwLock;
use rt::Timestamp;

pub use temporary::{Issued, TemporaryKeys};

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
    ///
    /// A credential that has a session token must only be accepted together with it.
    fn lookup(&self, access_key: &str) -> Option<Credential>;

    /// The same for a request with a session token, in which a store may keep everything it needs
    /// to know about temporary credentials.
    fn lookup_session(&self, access_key: &str, token: &str) -> Option<Credential> {
        let _ = token;
        self.lookup(access_key)
    }

    /// What issues temporary credentials that [`CredentialStore::lookup_session`] recognises.
    fn temporary(&self) -> Option<&TemporaryKeys> {
        None
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

/// Keys held in memory, and temporary ones that follow from the first of them.
pub struct MemoryCredentials {
    keys: RwLock<HashMap<String, Credential>>,
    /// And the account of keys whose token is not at hand.
    temporary: Option<(TemporaryKeys, AccountId)>,
    unchecked: Option<Unchecked>,
}

impl Default for MemoryCredentials {
    fn default() -> MemoryCredentials {
        MemoryCredentials::new()
    }
}

impl MemoryCredentials {
    pub fn new() -> MemoryCredentials {
        MemoryCredentials { keys: RwLock::default(), temporary: None, unchecked: None }
    }

    /// Accepts whatever signature a request has, or none.
    pub fn insecure_any(account: AccountId, region: Region) -> MemoryCredentials {
        MemoryCredentials {
            keys: RwLock::default(),
            temporary: Some((TemporaryKeys::derived_from("signatures are not checked"), account.clone())),
            unchecked: Some(Unchecked { account, region }),
        }
    }

    #[must_use]
    pub fn with(mut self, access_key: impl Into<String>, credential: Credential) -> MemoryCredentials {
        self.temporary.get_or_insert_with(|| {
            (TemporaryKeys::derived_from(&credential.secret), credential.account.clone())
        });
        self.insert(access_key, credential);
        self
    }

    /// Adds or replaces a key.
    pub fn insert(&self, access_key: impl Into<String>, credential: Credential) {
        self.keys.write().insert(access_key.into(), credential);
    }
}

impl CredentialStore for MemoryCredentials {
    fn lookup(&self, access_key: &str) -> Option<Credential> {
        if let Some(found) = self.keys.read().get(access_key) {
            return Some(found.clone());
        }
        let (temporary, account) = self.temporary.as_ref()?;
        let (secret, expires) = temporary.secret_of(access_key)?;
        // Whose it is stands in the token: without it, the key is nobody's and good for nothing.
        Some(Credential {
            secret,
            session_token: Some(UNKNOWN_TOKEN.to_owned()),
            account: account.clone(),
            arn: String::new(),
            expires: Some(expires),
        })
    }

    fn lookup_session(&self, access_key: &str, token: &str) -> Option<Credential> {
        match self.keys.read().get(access_key) {
            Some(found) => Some(found.clone()),
            None => self.temporary.as_ref()?.0.open(access_key, token),
        }
    }

    fn temporary(&self) -> Option<&TemporaryKeys> {
        self.temporary.as_ref().map(|(temporary, _)| temporary)
    }

    fn unchecked(&self) -> Option<Unchecked> {
        self.unchecked.clone()
    }
}

/// Equal to no token: headers cannot carry it.
const UNKNOWN_TOKEN: &str = "\n";
