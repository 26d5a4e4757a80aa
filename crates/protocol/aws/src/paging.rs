//! Opaque continuation tokens.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// Longer tokens are not ours.
const TOKEN_BYTES_MAX: usize = 4096;

const CHECK_BYTES: usize = 4;

/// A token that carries `position`, for the caller to hand back. It holds letters, digits, `-` and
/// `_` only. Not secret, and no proof of anything: what it leads to is authorised like any request.
pub fn encode<T: Serialize>(position: &T) -> String {
    let mut bytes = serde_json::to_vec(position).expect("positions are plain data");
    let check = Sha256::digest(&bytes);
    bytes.extend_from_slice(&check[..CHECK_BYTES]);
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(&bytes)
}

/// The position in a token; `None` for anything that [`encode`] did not make of the same type.
pub fn decode<T: DeserializeOwned>(token: &str) -> Option<T> {
    if token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let bytes = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(token.as_bytes()).ok()?;
    let (position, check) = bytes.split_at_checked(bytes.len().checked_sub(CHECK_BYTES)?)?;
    if Sha256::digest(position)[..CHECK_BYTES] != *check {
        return None;
    }
    serde_json::from_slice(position).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_brings_its_position_back() {
        let token = encode(&("flights", 7_u64));
        assert_eq!(decode::<(String, u64)>(&token), Some(("flights".to_owned(), 7)));
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    }

    #[test]
    fn a_token_that_was_touched_or_made_up_is_refused() {
        let token = encode(&"flights");
        let mut touched = token.clone().into_bytes();
        touched[2] ^= 1;
        assert_eq!(decode::<String>(&String::from_utf8(touched).unwrap()), None);
        for made_up in ["", "x", "AAAA", "!!!", &"A".repeat(5000)] {
            assert_eq!(decode::<String>(made_up), None);
        }
        assert_eq!(decode::<u64>(&token), None);
    }
}
