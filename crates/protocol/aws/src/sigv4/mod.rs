//! AWS Signature Version 4: how a request is signed, and how a signature is checked.
//!
//! A signature covers method, path, query, the headers it lists and the hash of the body, in the
//! canonical spelling of `canonical`. The key is derived from the secret for a day, a region and
//! a service ([`SigningKeys`] remembers the derivations). Server and client share all of it;
//! signatures are compared in constant time.

mod canonical;
pub mod chunked;
mod client;
mod key;
mod parse;
mod verify;

pub use canonical::{PathStyle, canonical_request, encode_uri};
pub use client::{SigningIdentity, presign_request, sign_request};
pub(crate) use key::hmac;
pub use key::{SigningKeys, hash_hex, sign_hex};
pub use parse::{Authorization, SigningScope, claimed_scope};
pub use verify::{SignatureError, verify};

/// The only algorithm there is.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Hash of a body that the signature does not cover.
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// SHA-256 of nothing, in hexadecimal.
pub const EMPTY_PAYLOAD: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
