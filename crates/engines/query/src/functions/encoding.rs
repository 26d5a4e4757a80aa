//! Hashes and encodings.

use std::fmt::Write;

use base64_simd::{STANDARD, URL_SAFE};
use datafusion::error::Result;
use datafusion::logical_expr::ScalarUDF;
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::scalar::{P, R, exact};
use crate::error::invalid;

pub(super) fn all() -> Vec<ScalarUDF> {
    vec![
        exact("md5", &[P::Bytes], R::Bytes, |args| {
            args.binaries(|row| Ok(Some(Md5::digest(args.bytes(0).value(row)).to_vec())))
        }),
        exact("sha1", &[P::Bytes], R::Bytes, |args| {
            args.binaries(|row| Ok(Some(Sha1::digest(args.bytes(0).value(row)).to_vec())))
        }),
        exact("sha256", &[P::Bytes], R::Bytes, |args| {
            args.binaries(|row| Ok(Some(Sha256::digest(args.bytes(0).value(row)).to_vec())))
        }),
        exact("sha512", &[P::Bytes], R::Bytes, |args| {
            args.binaries(|row| Ok(Some(Sha512::digest(args.bytes(0).value(row)).to_vec())))
        }),
        exact("xxhash64", &[P::Bytes], R::Bytes, |args| {
            args.binaries(|row| {
                Ok(Some(twox_hash::XxHash64::oneshot(0, args.bytes(0).value(row)).to_be_bytes().to_vec()))
            })
        }),
        exact("crc32", &[P::Bytes], R::Int, |args| {
            args.ints(|row| Ok(Some(i64::from(crc32fast::hash(args.bytes(0).value(row))))))
        }),
        exact("to_hex", &[P::Bytes], R::Str, |args| {
            args.texts(|row| Ok(Some(hex(args.bytes(0).value(row)))))
        }),
        exact("from_hex", &[P::Str], R::Bytes, |args| {
            args.binaries(|row| unhex(args.str(0).value(row)).map(Some))
        }),
        exact("to_base64", &[P::Bytes], R::Str, |args| {
            args.texts(|row| Ok(Some(STANDARD.encode_to_string(args.bytes(0).value(row)))))
        }),
        exact("from_base64", &[P::Str], R::Bytes, |args| {
            args.binaries(|row| {
                STANDARD
                    .decode_to_vec(args.str(0).value(row))
                    .map(Some)
                    .map_err(|_| invalid("Illegal base64 character"))
            })
        }),
        exact("to_base64url", &[P::Bytes], R::Str, |args| {
            args.texts(|row| Ok(Some(URL_SAFE.encode_to_string(args.bytes(0).value(row)))))
        }),
        exact("from_base64url", &[P::Str], R::Bytes, |args| {
            args.binaries(|row| {
                URL_SAFE
                    .decode_to_vec(args.str(0).value(row))
                    .map(Some)
                    .map_err(|_| invalid("Illegal base64 character"))
            })
        }),
        exact("to_utf8", &[P::Str], R::Bytes, |args| {
            args.binaries(|row| Ok(Some(args.str(0).value(row).as_bytes().to_vec())))
        }),
        exact("from_utf8", &[P::Bytes], R::Str, |args| {
            args.texts(|row| Ok(Some(String::from_utf8_lossy(args.bytes(0).value(row)).into_owned())))
        }),
    ]
}

fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(out, "{byte:02X}");
    }
    out
}

fn unhex(text: &str) -> Result<Vec<u8>> {
    let digits = text.as_bytes();
    let byte = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(text, 16).ok().filter(|_| pair.len() == 2)
    };
    let decoded: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
    decoded.ok_or_else(|| invalid("The input to from_hex must have an even number of hexadecimal digits"))
}
