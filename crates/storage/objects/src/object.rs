use std::collections::BTreeMap;
use std::ops::Range;

use rt::Timestamp;

use crate::checksum::{Hashed, Hashes};
use crate::{ChecksumAlgorithm, Checksums, ObjectError};

/// An object as it is, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    pub bucket: String,
    pub key: String,
    pub size: u64,
    /// Without quotes: the MD5 digest in hexadecimal, or for a multipart upload the digest of its parts'
    /// digests and `-` and their number.
    pub etag: String,
    pub modified: Timestamp,
    pub content_type: Option<String>,
    /// Header names in lower case, such as `cache-control`, with their values as given.
    pub headers: BTreeMap<String, String>,
    pub user_metadata: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    pub checksums: Checksums,
    /// How many parts it was uploaded in, if it was uploaded in parts.
    pub parts: Option<u32>,
}

/// What to store with the bytes, and what must hold.
#[derive(Clone, Debug, Default)]
pub struct PutOptions {
    pub content_type: Option<String>,
    pub headers: BTreeMap<String, String>,
    pub user_metadata: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    pub condition: Option<Condition>,
    pub expected: Expected,
    pub etag: EtagKind,
}

/// How an object's ETag comes about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EtagKind {
    /// The MD5 digest of the bytes, as clients of single puts expect it.
    #[default]
    Md5,
    /// Unique, of the form that a multipart upload's has: digesting costs more than writing, and of objects
    /// that no client put, nobody knows the digest.
    Unique,
}

/// What the bytes are announced to be. What does not match is not stored.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    pub size: Option<u64>,
    /// The MD5 digest in base64.
    pub md5: Option<String>,
    /// Checksums to compute and store, verified where a value (base64) is given.
    pub checksums: BTreeMap<ChecksumAlgorithm, Option<String>>,
}

impl Expected {
    /// Whether these bytes are what was announced.
    pub fn verify(&self, bytes: &[u8]) -> Result<(), ObjectError> {
        if let Some(expected) = self.size
            && expected != bytes.len() as u64
        {
            return Err(ObjectError::SizeMismatch { expected, received: bytes.len() as u64 });
        }
        let mut hashes = Hashes::new(EtagKind::Md5, self.checksums.keys().copied());
        hashes.update(bytes);
        self.compare(&hashes.finish())
    }

    pub(crate) fn compare(&self, hashed: &Hashed) -> Result<(), ObjectError> {
        if let Some(md5) = &self.md5
            && Some(md5) != hashed.md5.map(|md5| base64_simd::STANDARD.encode_to_string(md5)).as_ref()
        {
            return Err(ObjectError::DigestMismatch);
        }
        for (&algorithm, value) in &self.checksums {
            if let Some(value) = value
                && hashed.checksums.get(&algorithm) != Some(value)
            {
                return Err(ObjectError::ChecksumMismatch { algorithm });
            }
        }
        Ok(())
    }
}

/// What must hold of the key's current object when the new one becomes visible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    Absent,
    /// It exists and has this ETag (without quotes).
    Matches(String),
    /// It exists.
    Present,
}

impl Condition {
    pub(crate) fn holds(&self, etag: Option<&str>) -> bool {
        match self {
            Condition::Absent => etag.is_none(),
            Condition::Matches(expected) => etag == Some(expected),
            Condition::Present => etag.is_some(),
        }
    }
}

/// A part of an object's bytes. What reaches beyond the end is cut off there.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// From this offset to the end.
    From(u64),
    /// From the first offset up to, without, the second.
    FromTo(u64, u64),
    /// The last so many bytes.
    Last(u64),
}

impl ByteRange {
    /// The offsets in an object of `size` bytes, or `None` if the range has no byte in it.
    pub fn within(self, size: u64) -> Option<Range<u64>> {
        let range = match self {
            ByteRange::From(from) => from..size,
            ByteRange::FromTo(from, to) => from..to.min(size),
            ByteRange::Last(count) => size.saturating_sub(count)..size,
        };
        (range.start < range.end).then_some(range)
    }
}
