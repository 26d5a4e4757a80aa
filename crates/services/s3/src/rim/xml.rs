//! XML documents in requests. `s3s` skips elements it does not know; here they are refused by name, and
//! the document is compared with the digests it was sent with.

use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, header};
use objects::Expected;
use quick_xml::Reader;
use quick_xml::events::Event;
use rt::Rt;
use s3s::{Body, S3Result, s3_error};

use super::headers::parameters;
use super::hosts::Hosts;
use crate::checksums;
use crate::error::{not_implemented, refused};
use crate::limits::XML_BYTES_MAX;

/// A document that has not arrived after this is given up.
const ARRIVAL_MAX: Duration = Duration::from_secs(60);

const CREATE_BUCKET: &[&str] = &["CreateBucketConfiguration", "LocationConstraint"];
const DELETE: &[&str] =
    &["Delete", "Object", "Key", "VersionId", "ETag", "Size", "LastModifiedTime", "Quiet"];
const COMPLETE: &[&str] = &[
    "CompleteMultipartUpload",
    "Part",
    "PartNumber",
    "ETag",
    "ChecksumCRC32",
    "ChecksumCRC32C",
    "ChecksumCRC64NVME",
    "ChecksumSHA1",
    "ChecksumSHA256",
];
const TAGGING: &[&str] = &["Tagging", "TagSet", "Tag", "Key", "Value"];

/// The body, read and checked if it is a document.
pub(crate) async fn check(rt: &Rt, hosts: &Hosts, parts: &Parts, mut body: Body) -> S3Result<Body> {
    let Some(known) = document(hosts, parts) else { return Ok(body) };
    let hash = parts.headers.get("x-amz-content-sha256");
    if hash.is_some_and(|hash| hash.as_bytes().starts_with(b"STREAMING-")) {
        return Err(not_implemented("an XML document in aws-chunked encoding"));
    }
    let read = rt.timeout(ARRIVAL_MAX, body.store_all_limited(XML_BYTES_MAX)).await;
    let Some(read) = read else {
        return Err(s3_error!(RequestTimeout, "The request's body did not arrive in time"));
    };
    let document = read.map_err(|_| {
        s3_error!(MaxMessageLengthExceeded, "Your request was too big or did not arrive whole.")
    })?;
    expected(parts)?.verify(&document).map_err(refused)?;
    refuse_unknown(&document, known)?;
    Ok(Body::from(document))
}

/// The elements a document of this request may have, if it is one that has a document.
fn document(hosts: &Hosts, parts: &Parts) -> Option<&'static [&'static str]> {
    let has = |wanted: &str| parameters(parts).any(|(name, _)| name == wanted);
    match parts.method {
        Method::POST if has("delete") => Some(DELETE),
        Method::POST if has("uploadId") => Some(COMPLETE),
        Method::PUT if has("tagging") => Some(TAGGING),
        Method::PUT if is_bucket(hosts, parts) => Some(CREATE_BUCKET),
        _ => None,
    }
}

fn is_bucket(hosts: &Hosts, parts: &Parts) -> bool {
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or(parts.uri.authority().map(http::uri::Authority::as_str)).unwrap_or("");
    let path = parts.uri.path().trim_start_matches('/');
    let key = match hosts.bucket(host) {
        Some(_) => path,
        None => path.split_once('/').map_or("", |(_, key)| key),
    };
    // A parameter names something of the bucket; what SDKs add for their own sake does not.
    key.is_empty() && parameters(parts).all(|(name, _)| name == "x-id" || name.starts_with("X-Amz-"))
}

fn expected(parts: &Parts) -> S3Result<Expected> {
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut expected = Expected { md5: text("content-md5"), ..Expected::default() };
    // Completing an upload has these headers too, and means the object by them.
    if !parameters(parts).any(|(name, _)| name == "uploadId") {
        for algorithm in checksums::ALL {
            let name = format!("x-amz-checksum-{}", algorithm.name().to_ascii_lowercase());
            if let Some(value) = text(&name) {
                expected.checksums.insert(algorithm, Some(value));
            }
        }
    }
    Ok(expected)
}

fn refuse_unknown(document: &Bytes, known: &[&str]) -> S3Result<()> {
    let mut reader = Reader::from_reader(&document[..]);
    loop {
        match reader.read_event() {
            Ok(Event::Start(element) | Event::Empty(element)) => {
                let name = element.local_name();
                let name = String::from_utf8_lossy(name.as_ref());
                if !known.contains(&&*name) {
                    return Err(not_implemented(&name));
                }
            }
            // Whether it is well formed is for the reader of its content to say.
            Ok(Event::Eof) | Err(_) => return Ok(()),
            Ok(_) => {}
        }
    }
}
