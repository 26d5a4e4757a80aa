//! Bodies whose chunks are signed one by one (`aws-chunked`).
//!
//! The request's own signature covers [`STREAMING_PAYLOAD`] in place of a hash and is the seed:
//! every chunk's signature covers the one before it and the hash of the chunk, and the last chunk
//! is empty. So a body can be sent before its end is known, and still nothing can be changed,
//! moved or cut.

use bytes::Bytes;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::key::sign_hex;
use super::{Authorization, EMPTY_PAYLOAD, SigningKeys};

/// Stands for the payload hash of a request with signed chunks.
pub const STREAMING_PAYLOAD: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";

/// A chunk's head: sixteen digits of size and a signature.
const HEAD_BYTES_MAX: usize = 128;

/// What the chunks' signatures depend on.
pub struct Seed {
    key: [u8; 32],
    /// Timestamp and scope, as every string to sign has them.
    preamble: String,
    signature: String,
}

/// Why a body of signed chunks was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    #[error("the body is not a sequence of signed chunks")]
    Malformed,
    #[error("the signature of chunk {0} does not match")]
    Signature(usize),
    #[error("the body ends before its last chunk")]
    Truncated,
}

impl Seed {
    /// From a request whose signature has been verified with `secret`.
    pub fn new(authorization: &Authorization<'_>, secret: &str, keys: &SigningKeys) -> Seed {
        let scope = &authorization.scope;
        let (day, region, service) = (&*scope.day, &*scope.region, &*scope.service);
        Seed {
            key: keys.get(secret, day, region, service),
            preamble: format!(
                "AWS4-HMAC-SHA256-PAYLOAD\n{}\n{day}/{region}/{service}/aws4_request\n",
                authorization.timestamp
            ),
            signature: authorization.signature.to_string(),
        }
    }

    fn next(&self, previous: &str, chunk: &[u8]) -> String {
        let mut string = String::with_capacity(300);
        for part in [&self.preamble, previous, "\n", EMPTY_PAYLOAD, "\n"] {
            string.push_str(part);
        }
        string.push_str(&hex::encode(Sha256::digest(chunk)));
        sign_hex(&self.key, &string)
    }
}

/// The payload of a body of signed chunks. Without a seed the signatures are not checked.
pub fn decode(body: &[u8], seed: Option<&Seed>) -> Result<Bytes, ChunkError> {
    let mut payload = Vec::with_capacity(body.len());
    let mut previous = seed.map(|seed| seed.signature.clone()).unwrap_or_default();
    let mut rest = body;
    for index in 1.. {
        let Chunk { data: chunk, signature, after } = split_chunk(rest)?;
        if let Some(seed) = seed {
            let expected = seed.next(&previous, chunk);
            if !bool::from(expected.as_bytes().ct_eq(signature)) {
                return Err(ChunkError::Signature(index));
            }
            previous = expected;
        }
        if chunk.is_empty() {
            return if after.is_empty() { Ok(Bytes::from(payload)) } else { Err(ChunkError::Malformed) };
        }
        payload.extend_from_slice(chunk);
        rest = after;
    }
    Err(ChunkError::Malformed)
}

struct Chunk<'a> {
    data: &'a [u8],
    signature: &'a [u8],
    /// What follows it in the body.
    after: &'a [u8],
}

/// Takes `400;chunk-signature=…\r\n` data `\r\n` off the front.
fn split_chunk(body: &[u8]) -> Result<Chunk<'_>, ChunkError> {
    let window = &body[..body.len().min(HEAD_BYTES_MAX)];
    let Some(end) = window.windows(2).position(|pair| pair == b"\r\n") else {
        return Err(if body.len() < HEAD_BYTES_MAX { ChunkError::Truncated } else { ChunkError::Malformed });
    };
    let head = std::str::from_utf8(&body[..end]).map_err(|_| ChunkError::Malformed)?;
    let (size, signature) = head.split_once(";chunk-signature=").ok_or(ChunkError::Malformed)?;
    let size = usize::from_str_radix(size, 16).map_err(|_| ChunkError::Malformed)?;
    let rest = &body[end + 2..];
    let (data, rest) = rest.split_at_checked(size).ok_or(ChunkError::Truncated)?;
    let after = match rest.strip_prefix(b"\r\n") {
        Some(after) => after,
        // The very last line end may be left out.
        None if size == 0 && rest.is_empty() => rest,
        None if rest.len() < 2 => return Err(ChunkError::Truncated),
        None => return Err(ChunkError::Malformed),
    };
    Ok(Chunk { data, signature: signature.as_bytes(), after })
}

/// The body that carries `payload` in signed chunks of `chunk_bytes`.
pub fn encode(payload: &[u8], chunk_bytes: usize, seed: &Seed) -> Bytes {
    let mut body = Vec::with_capacity(payload.len() + payload.len() / chunk_bytes.max(1) * 96 + 192);
    let mut previous = seed.signature.clone();
    for chunk in payload.chunks(chunk_bytes.max(1)).chain([&b""[..]]) {
        previous = seed.next(&previous, chunk);
        body.extend_from_slice(format!("{:x};chunk-signature={previous}\r\n", chunk.len()).as_bytes());
        body.extend_from_slice(chunk);
        body.extend_from_slice(b"\r\n");
    }
    Bytes::from(body)
}

#[cfg(test)]
mod tests;
