use std::collections::BTreeMap;

use base64_simd::STANDARD;
use crc_fast::{CrcAlgorithm, Digest as Crc};
use md5::Md5;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::EtagKind;

/// The checksums an object can be stored with.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChecksumAlgorithm {
    Crc32,
    Crc32c,
    Crc64nvme,
    Sha1,
    Sha256,
}

impl ChecksumAlgorithm {
    pub fn name(self) -> &'static str {
        match self {
            ChecksumAlgorithm::Crc32 => "CRC32",
            ChecksumAlgorithm::Crc32c => "CRC32C",
            ChecksumAlgorithm::Crc64nvme => "CRC64NVME",
            ChecksumAlgorithm::Sha1 => "SHA1",
            ChecksumAlgorithm::Sha256 => "SHA256",
        }
    }

    fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            ChecksumAlgorithm::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            ChecksumAlgorithm::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            ChecksumAlgorithm::Crc64nvme => Some(CrcAlgorithm::Crc64Nvme),
            ChecksumAlgorithm::Sha1 | ChecksumAlgorithm::Sha256 => None,
        }
    }

    /// How many bytes the checksum has.
    fn width(self) -> usize {
        match self {
            ChecksumAlgorithm::Crc32 | ChecksumAlgorithm::Crc32c => 4,
            ChecksumAlgorithm::Crc64nvme => 8,
            ChecksumAlgorithm::Sha1 => 20,
            ChecksumAlgorithm::Sha256 => 32,
        }
    }
}

/// Checksums of an object in base64.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksums {
    pub values: BTreeMap<ChecksumAlgorithm, String>,
    /// They are checksums of the parts' checksums, with `-` and the number of parts, not of the bytes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub composite: bool,
}

impl Checksums {
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// Digests a stream of bytes in all wanted ways at once.
pub(crate) struct Hashes {
    md5: Option<Md5>,
    others: Vec<(ChecksumAlgorithm, Hash)>,
}

enum Hash {
    Crc(Box<Crc>),
    Sha1(Sha1),
    Sha256(Sha256),
}

pub(crate) struct Hashed {
    /// Unless it was not wanted.
    pub(crate) md5: Option<[u8; 16]>,
    pub(crate) checksums: BTreeMap<ChecksumAlgorithm, String>,
}

impl Hash {
    fn new(algorithm: ChecksumAlgorithm) -> Hash {
        match (algorithm.crc(), algorithm) {
            (Some(crc), _) => Hash::Crc(Box::new(Crc::new(crc))),
            (None, ChecksumAlgorithm::Sha1) => Hash::Sha1(Sha1::new()),
            (None, _) => Hash::Sha256(Sha256::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Hash::Crc(crc) => crc.update(bytes),
            Hash::Sha1(sha) => sha.update(bytes),
            Hash::Sha256(sha) => sha.update(bytes),
        }
    }

    fn finish(self, algorithm: ChecksumAlgorithm) -> String {
        match self {
            Hash::Crc(crc) => crc_text(algorithm, crc.finalize()),
            Hash::Sha1(sha) => STANDARD.encode_to_string(sha.finalize()),
            Hash::Sha256(sha) => STANDARD.encode_to_string(sha.finalize()),
        }
    }
}

impl Hashes {
    pub(crate) fn new(etag: EtagKind, algorithms: impl Iterator<Item = ChecksumAlgorithm>) -> Hashes {
        Hashes {
            md5: (etag == EtagKind::Md5).then(Md5::new),
            others: algorithms.map(|algorithm| (algorithm, Hash::new(algorithm))).collect(),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        for (_, hash) in &mut self.others {
            hash.update(bytes);
        }
    }

    pub(crate) fn finish(self) -> Hashed {
        let checksums =
            self.others.into_iter().map(|(algorithm, hash)| (algorithm, hash.finish(algorithm))).collect();
        Hashed { md5: self.md5.map(|md5| md5.finalize().into()), checksums }
    }
}

/// The MD5 digest of the parts' MD5 digests, with their number.
pub(crate) fn multipart_etag(parts: impl Iterator<Item = [u8; 16]>) -> String {
    let mut all = Md5::new();
    let mut count = 0;
    for md5 in parts {
        all.update(md5);
        count += 1;
    }
    format!("{}-{count}", hex::encode(all.finalize()))
}

/// The checksum of the parts' checksums, with their number. `None` if one is not well formed.
pub(crate) fn composite<'a>(
    algorithm: ChecksumAlgorithm,
    parts: impl Iterator<Item = &'a str>,
) -> Option<String> {
    let mut hash = Hash::new(algorithm);
    let mut count = 0;
    for part in parts {
        hash.update(&decode(algorithm, part)?);
        count += 1;
    }
    Some(format!("{}-{count}", hash.finish(algorithm)))
}

/// The CRC of all parts' bytes from the parts' CRCs and sizes. `None` for other checksums than CRCs.
pub(crate) fn combined<'a>(
    algorithm: ChecksumAlgorithm,
    mut parts: impl Iterator<Item = (&'a str, u64)>,
) -> Option<String> {
    let crc = algorithm.crc()?;
    let value = |text| Some(decode(algorithm, text)?.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)));
    let mut all = value(parts.next()?.0)?;
    for (text, size) in parts {
        all = crc_fast::checksum_combine(crc, all, value(text)?, size);
    }
    Some(crc_text(algorithm, all))
}

fn crc_text(algorithm: ChecksumAlgorithm, value: u64) -> String {
    let bytes = value.to_be_bytes();
    STANDARD.encode_to_string(&bytes[bytes.len() - algorithm.width()..])
}

fn decode(algorithm: ChecksumAlgorithm, text: &str) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode_to_vec(text).ok()?;
    (bytes.len() == algorithm.width()).then_some(bytes)
}
