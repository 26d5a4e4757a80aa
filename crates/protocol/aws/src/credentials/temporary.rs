use names::AccountId;
use rt::{Rt, Timestamp};
use subtle::ConstantTimeEq;

use super::Credential;
use crate::sigv4::hmac;

/// What temporary access keys begin with, as in AWS.
const PREFIX: &str = "ASIA";

/// The letters of access keys: base 32.
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

const LETTERS_COUNT: usize = 16;
const TOKEN_VERSION: u8 = 1;
const TAG_BYTES: usize = 32;
const ACCOUNT_BYTES: usize = 12;

/// Makes and recognises temporary credentials without storing any.
///
/// The access key carries the expiry (seconds, 32 bits) and 48 random bits; the secret is derived
/// from the access key; the session token carries account and ARN and is authenticated together
/// with the access key. All of it depends on one key, so that credentials survive a restart with
/// the same key and nobody without it can make any.
#[derive(Clone)]
pub struct TemporaryKeys {
    key: [u8; 32],
}

/// Temporary credentials, to be handed to whoever asked.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    pub access_key: String,
    pub secret: String,
    pub session_token: String,
    pub expires: Timestamp,
}

impl TemporaryKeys {
    /// Follows from a long-lived secret; whoever knows it could sign anything anyway.
    pub fn derived_from(secret: &str) -> TemporaryKeys {
        TemporaryKeys { key: hmac(secret.as_bytes(), b"mulgil temporary credentials") }
    }

    /// Credentials of `arn` until `expires`, which is rounded down to seconds.
    pub fn issue(&self, account: &AccountId, arn: &str, expires: Timestamp, rt: &Rt) -> Issued {
        let seconds = u32::try_from(expires.as_millis() / 1000).unwrap_or(u32::MAX);
        let access_key = access_key(seconds, rt.random_u64());
        let mut token = vec![TOKEN_VERSION];
        token.extend_from_slice(account.as_str().as_bytes());
        token.extend_from_slice(arn.as_bytes());
        let tag = self.tag(&access_key, &token);
        token.extend_from_slice(&tag);
        Issued {
            secret: self.secret(&access_key),
            session_token: base64_simd::STANDARD.encode_to_string(&token),
            expires: Timestamp::from_millis(i64::from(seconds) * 1000),
            access_key,
        }
    }

    /// The credential behind an access key and the token that belongs to it.
    pub fn open(&self, access_key: &str, token: &str) -> Option<Credential> {
        let expires = expiry(access_key)?;
        let raw = base64_simd::STANDARD.decode_to_vec(token.as_bytes()).ok()?;
        let (payload, tag) = raw.split_at_checked(raw.len().checked_sub(TAG_BYTES)?)?;
        if !bool::from(self.tag(access_key, payload).ct_eq(tag)) {
            return None;
        }
        let (version, identity) = payload.split_first()?;
        if *version != TOKEN_VERSION {
            return None;
        }
        let (account, arn) = identity.split_at_checked(ACCOUNT_BYTES)?;
        Some(Credential {
            secret: self.secret(access_key),
            session_token: Some(token.to_owned()),
            account: AccountId::new(std::str::from_utf8(account).ok()?).ok()?,
            arn: String::from_utf8(arn.to_vec()).ok()?,
            expires: Some(expires),
        })
    }

    /// The secret behind a temporary access key, when its token is not at hand. Whether such a key
    /// was ever issued shows only in the signature; whose it is, only in the token.
    pub fn secret_of(&self, access_key: &str) -> Option<(String, Timestamp)> {
        expiry(access_key).map(|expires| (self.secret(access_key), expires))
    }

    fn secret(&self, access_key: &str) -> String {
        let bytes = hmac(&self.key, format!("secret\n{access_key}").as_bytes());
        // Thirty bytes are the forty characters that clients expect.
        base64_simd::STANDARD.encode_to_string(&bytes[..30])
    }

    fn tag(&self, access_key: &str, payload: &[u8]) -> [u8; TAG_BYTES] {
        hmac(&self.key, &[b"token\n", access_key.as_bytes(), b"\n", payload].concat())
    }
}

fn access_key(expires_seconds: u32, random: u64) -> String {
    let bits = (u128::from(expires_seconds) << 48) | u128::from(random >> 16);
    let letters = (0..LETTERS_COUNT).rev().map(|at| LETTERS[(bits >> (at * 5)) as usize & 31]);
    PREFIX.chars().chain(letters.map(char::from)).collect()
}

fn expiry(access_key: &str) -> Option<Timestamp> {
    let letters = access_key.strip_prefix(PREFIX).filter(|letters| letters.len() == LETTERS_COUNT)?;
    let mut bits = 0_u128;
    for letter in letters.bytes() {
        let value = LETTERS.iter().position(|known| *known == letter)?;
        bits = (bits << 5) | value as u128;
    }
    Some(Timestamp::from_millis((bits >> 48) as i64 * 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:sts::000000000000:assumed-role/loader/nightly";

    fn issue() -> (TemporaryKeys, Issued) {
        let (rt, _clock) = Rt::manual(Timestamp::from_millis(1_795_000_000_000), 7);
        let keys = TemporaryKeys::derived_from("secret");
        let account = AccountId::new("000000000000").unwrap();
        let issued = keys.issue(&account, ARN, Timestamp::from_millis(1_795_000_900_000), &rt);
        (keys, issued)
    }

    #[test]
    fn a_token_tells_whose_it_is_and_until_when() {
        let (keys, issued) = issue();
        let opened = keys.open(&issued.access_key, &issued.session_token).unwrap();
        assert_eq!(opened.secret, issued.secret);
        assert_eq!(opened.arn, ARN);
        assert_eq!(opened.account.as_str(), "000000000000");
        assert_eq!(opened.expires, Some(issued.expires));
        assert_eq!(issued.access_key.len(), 20);
        assert_eq!(issued.secret.len(), 40);
    }

    #[test]
    fn nothing_of_a_token_can_be_changed_or_moved_to_another_key() {
        let (keys, issued) = issue();
        for at in 0..issued.session_token.len() {
            let mut token = issued.session_token.clone().into_bytes();
            token[at] = if token[at] == b'A' { b'B' } else { b'A' };
            assert!(keys.open(&issued.access_key, &String::from_utf8(token).unwrap()).is_none());
        }
        let later = access_key(u32::MAX, 1);
        assert!(keys.open(&later, &issued.session_token).is_none());
        assert!(
            TemporaryKeys::derived_from("other").open(&issued.access_key, &issued.session_token).is_none()
        );
    }

    #[test]
    fn an_access_key_carries_its_expiry() {
        for seconds in [0, 1, 1_795_000_900, u32::MAX] {
            for random in [0, u64::MAX, 0x1234_5678_9abc_def0] {
                let key = access_key(seconds, random);
                assert_eq!(expiry(&key), Some(Timestamp::from_millis(i64::from(seconds) * 1000)), "{key}");
            }
        }
        for not_ours in ["", "ASIA", "AKIAIOSFODNN7EXAMPLE", "ASIAaaaaaaaaaaaaaaaa", "ASIA1111111111111111"] {
            assert_eq!(expiry(not_ours), None);
        }
    }
}
