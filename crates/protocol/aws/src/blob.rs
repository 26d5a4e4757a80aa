use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A blob member of a wire shape: raw bytes here and in CBOR, base64 text in JSON and query documents.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Blob(pub Bytes);

impl Blob {
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

impl Deref for Blob {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Blob {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Bytes> for Blob {
    fn from(bytes: Bytes) -> Blob {
        Blob(bytes)
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Blob {
        Blob(bytes.into())
    }
}

impl From<&'static str> for Blob {
    fn from(text: &'static str) -> Blob {
        Blob(Bytes::from_static(text.as_bytes()))
    }
}

impl From<Blob> for Bytes {
    fn from(blob: Blob) -> Bytes {
        blob.0
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return serializer.serialize_bytes(&self.0);
        }
        serializer.serialize_str(&base64_simd::STANDARD.encode_to_string(&self.0))
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Blob, D::Error> {
        struct Base64;

        impl Visitor<'_> for Base64 {
            type Value = Blob;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("base64 text")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Blob, E> {
                decode_base64(text.as_bytes()).map(Blob).ok_or_else(|| E::custom("invalid base64"))
            }
        }

        deserializer.deserialize_str(Base64)
    }
}

/// Standard base64, padded or not, as AWS's services accept it.
pub fn decode_base64(text: &[u8]) -> Option<Bytes> {
    let decoded = base64_simd::STANDARD
        .decode_to_vec(text)
        .or_else(|_| base64_simd::STANDARD_NO_PAD.decode_to_vec(text));
    decoded.ok().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn base64_is_taken_with_and_without_padding_and_nothing_else() {
        for (text, bytes) in [("", &b""[..]), ("aGk=", b"hi"), ("aGk", b"hi"), ("aGkh", b"hi!")] {
            assert_eq!(decode_base64(text.as_bytes()).unwrap(), bytes, "{text}");
        }
        for text in ["a", "aGk==", "a Gk=", "aGk=\n", "-_-_", "\u{e9}"] {
            assert_eq!(decode_base64(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_survive_json(bytes: Vec<u8>) {
            let blob = Blob::from(bytes);
            let json = serde_json::to_string(&blob).unwrap();
            prop_assert_eq!(serde_json::from_str::<Blob>(&json).unwrap(), blob);
        }
    }
}
