use std::collections::HashMap;

use hmac::{Hmac, KeyInit, Mac};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

/// Keys of more (secret, day, region, service) combinations than this are derived again.
const KEYS_MAX: usize = 1024;

/// Remembers derived signing keys: four HMACs saved per request.
#[derive(Default)]
pub struct SigningKeys {
    derived: Mutex<HashMap<(String, String), Derived>>,
}

struct Derived {
    day: String,
    key: [u8; 32],
}

impl SigningKeys {
    pub fn new() -> SigningKeys {
        SigningKeys::default()
    }

    /// The key that signs requests of `day` (`20261122`) in `region` to `service`.
    pub fn get(&self, secret: &str, day: &str, region: &str, service: &str) -> [u8; 32] {
        let mut place = String::with_capacity(region.len() + service.len() + 1);
        place.push_str(region);
        place.push('/');
        place.push_str(service);
        let id = (secret.to_owned(), place);
        let mut derived = self.derived.lock();
        if let Some(found) = derived.get(&id)
            && found.day == day
        {
            return found.key;
        }
        let key = derive(secret, day, region, service);
        if derived.len() >= KEYS_MAX {
            derived.clear();
        }
        derived.insert(id, Derived { day: day.to_owned(), key });
        key
    }
}

fn derive(secret: &str, day: &str, region: &str, service: &str) -> [u8; 32] {
    let mut start = Vec::with_capacity(4 + secret.len());
    start.extend_from_slice(b"AWS4");
    start.extend_from_slice(secret.as_bytes());
    let mut key = hmac(&start, day.as_bytes());
    for part in [region, service, "aws4_request"] {
        key = hmac(&key, part.as_bytes());
    }
    key
}

pub(crate) fn hmac(key: &[u8], data: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(data);
    mac.finalize().into_bytes().into()
}

/// The signature of a string to sign, in hexadecimal.
pub fn sign_hex(key: &[u8; 32], string_to_sign: &str) -> String {
    hex::encode(hmac(key, string_to_sign.as_bytes()))
}

/// SHA-256 in hexadecimal.
pub fn hash_hex(data: &[u8]) -> String {
    hex::encode(Sha256::digest(data))
}
