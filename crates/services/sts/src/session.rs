//! What temporary credentials and identities have in common.

use std::time::Duration;

use aws::{ApiError, Context, Principal};
use names::AccountId;

use crate::Sts;
use crate::model::Credentials;

pub(crate) fn issue(
    sts: &Sts,
    ctx: &Context,
    arn: &str,
    duration: Duration,
) -> Result<Credentials, ApiError> {
    let keys = sts.credentials.temporary();
    let keys = keys.ok_or_else(|| ApiError::internal("no keys to issue temporary credentials with"))?;
    let issued = keys.issue(&ctx.principal.account, arn, ctx.now.plus(duration), &sts.rt);
    Ok(Credentials {
        access_key_id: issued.access_key,
        secret_access_key: issued.secret,
        session_token: issued.session_token,
        expiration: issued.expires.into(),
    })
}

/// The duration asked for; the model has checked its range.
pub(crate) fn duration(seconds: Option<i32>, default: Duration) -> Duration {
    seconds.and_then(|seconds| u64::try_from(seconds).ok()).map_or(default, Duration::from_secs)
}

/// Temporary access keys have a prefix of their own.
pub(crate) fn is_temporary(principal: &Principal) -> bool {
    principal.access_key.starts_with("ASIA")
}

pub(crate) fn is_root(principal: &Principal) -> bool {
    principal.arn.ends_with(":root")
}

/// The unique id of a principal: the account for its root, role id and session for a session.
pub(crate) fn user_id(principal: &Principal) -> String {
    let mut path = principal.arn.rsplit(':').next().unwrap_or_default().split('/');
    match (path.next(), path.next(), path.next()) {
        (Some("assumed-role"), Some(role), Some(session)) => {
            assumed_role_id(&principal.account, role, session)
        }
        (Some("user"), Some(user), _) => unique_id("AIDA", &principal.account, user),
        _ => principal.account.to_string(),
    }
}

pub(crate) fn assumed_role_id(account: &AccountId, role: &str, session: &str) -> String {
    format!("{}:{session}", unique_id("AROA", account, role))
}

/// Always the same for the same name, in the alphabet of AWS's ids.
fn unique_id(prefix: &str, account: &AccountId, name: &str) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let hash = aws::sigv4::hash_hex(format!("{prefix}\n{account}\n{name}").as_bytes());
    let pairs = hash.as_bytes().chunks(2).take(17);
    let letters = pairs.map(|pair| {
        let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0) as usize;
        char::from(LETTERS[(digit(pair[0]) * 16 + digit(pair[1])) % LETTERS.len()])
    });
    prefix.chars().chain(letters).collect()
}
