mod temporary;

use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;

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
    temporary: OnceLock<(TemporaryKeys, AccountId)>,
    unchecked: Option<Unchecked>,
}

impl Default for MemoryCredentials {
    fn default() -> MemoryCredentials {
        MemoryCredentials::new()
    }
}

impl MemoryCredentials {
    pub fn new() -> MemoryCredentials {
        MemoryCredentials { keys: RwLock::default(), temporary: OnceLock::new(), unchecked: None }
    }

    /// Accepts whatever signature a request has, or none.
    pub fn insecure_any(account: AccountId, region: Region) -> MemoryCredentials {
        let keys = TemporaryKeys::derived_from("signatures are not checked");
        MemoryCredentials {
            keys: RwLock::default(),
            temporary: OnceLock::from((keys, account.clone())),
            unchecked: Some(Unchecked { account, region }),
        }
    }

    #[must_use]
    pub fn with(self, access_key: impl Into<String>, credential: Credential) -> MemoryCredentials {
        self.insert(access_key, credential);
        self
    }

    /// Adds or replaces a key. The first one is what temporary credentials follow from.
    pub fn insert(&self, access_key: impl Into<String>, credential: Credential) {
        self.temporary
            .get_or_init(|| (TemporaryKeys::derived_from(&credential.secret), credential.account.clone()));
        self.keys.write().insert(access_key.into(), credential);
    }
}

impl CredentialStore for MemoryCredentials {
    fn lookup(&self, access_key: &str) -> Option<Credential> {
        if let Some(found) = self.keys.read().get(access_key) {
            return Some(found.clone());
        }
        let (temporary, account) = self.temporary.get()?;
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
            None => self.temporary.get()?.0.open(access_key, token),
        }
    }

    fn temporary(&self) -> Option<&TemporaryKeys> {
        self.temporary.get().map(|(temporary, _)| temporary)
    }

    fn unchecked(&self) -> Option<Unchecked> {
        self.unchecked.clone()
    }
}

/// Equal to no token: headers cannot carry it.
const UNKNOWN_TOKEN: &str = "\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(secret: &str) -> Credential {
        Credential::root(AccountId::new("000000000000").expect("twelve digits"), secret)
    }

    #[test]
    fn temporary_credentials_follow_from_the_first_key_that_was_added() {
        let (rt, _clock) = rt::Rt::manual(Timestamp::from_millis(1_795_000_000_000), 7);
        let store = MemoryCredentials::new();
        assert!(store.temporary().is_none());
        store.insert("FIRST", credential("one"));
        store.insert("SECOND", credential("two"));
        let account = credential("one").account;
        let issued = store.temporary().unwrap().issue(&account, "arn", rt.now(), &rt);
        let restarted = MemoryCredentials::new().with("FIRST", credential("one"));
        let found = restarted.lookup_session(&issued.access_key, &issued.session_token).unwrap();
        assert_eq!((found.secret, found.arn.as_str()), (issued.secret.clone(), "arn"));
        let other = MemoryCredentials::new().with("FIRST", credential("changed"));
        assert!(other.lookup_session(&issued.access_key, &issued.session_token).is_none());
    }

    #[test]
    fn a_temporary_key_without_its_token_is_known_but_equals_no_token() {
        let (rt, _clock) = rt::Rt::manual(Timestamp::from_millis(1_795_000_000_000), 7);
        let store = MemoryCredentials::new().with("FIRST", credential("one"));
        let issued = store.temporary().unwrap().issue(&credential("one").account, "arn", rt.now(), &rt);
        let found = store.lookup(&issued.access_key).unwrap();
        assert_eq!(found.secret, issued.secret);
        assert_eq!(found.session_token.as_deref(), Some(UNKNOWN_TOKEN));
        assert!(http::HeaderValue::from_str(UNKNOWN_TOKEN).is_err());
        assert!(store.lookup("AKIAIOSFODNN7EXAMPLE").is_none());
    }
}
