use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use http::request::Parts;
use rt::Timestamp;

use super::verify::{format_timestamp, string_to_sign};
use super::{ALGORITHM, PathStyle, SigningKeys, canonical_request, encode_uri, sign_hex};

/// Who signs, and for which region and service.
#[derive(Clone, Copy)]
pub struct SigningIdentity<'a> {
    pub access_key: &'a str,
    pub secret: &'a str,
    pub session_token: Option<&'a str>,
    pub region: &'a str,
    pub service: &'a str,
}

impl SigningIdentity<'_> {
    fn style(&self) -> PathStyle {
        if self.service == "s3" { PathStyle::S3 } else { PathStyle::Normalized }
    }
}

/// Signs a request in its `Authorization` header. The `host` header must be there already; the
/// `x-amz-` headers that signing needs are added, and all `x-amz-` headers are covered.
pub fn sign_request(
    parts: &mut Parts,
    payload_hash: &str,
    identity: &SigningIdentity<'_>,
    keys: &SigningKeys,
    now: Timestamp,
) {
    let timestamp = format_timestamp(now);
    set(parts, "x-amz-date", &timestamp);
    if let Some(token) = identity.session_token {
        set(parts, "x-amz-security-token", token);
    }
    if identity.service == "s3" {
        set(parts, "x-amz-content-sha256", payload_hash);
    }
    let signed_headers = headers_to_sign(parts);
    let day = &timestamp[..8];
    let canonical = canonical_request(parts, &signed_headers, payload_hash, identity.style())
        .expect("only headers that are present were listed");
    let SigningIdentity { access_key, region, service, .. } = identity;
    let string = string_to_sign(&timestamp, day, region, service, &canonical);
    let signature = sign_hex(&keys.get(identity.secret, day, region, service), &string);
    let value = format!(
        "{ALGORITHM} Credential={access_key}/{day}/{region}/{service}/aws4_request, SignedHeaders={signed_headers}, Signature={signature}"
    );
    parts.headers.remove(AUTHORIZATION);
    set(parts, "authorization", &value);
}

/// The path and query of a presigned request, good for `expires` seconds, to be sent with the
/// same host and without further headers.
pub fn presign_request(
    parts: &Parts,
    payload_hash: &str,
    identity: &SigningIdentity<'_>,
    keys: &SigningKeys,
    now: Timestamp,
    expires: u64,
) -> String {
    let timestamp = format_timestamp(now);
    let day = &timestamp[..8];
    let SigningIdentity { access_key, region, service, .. } = identity;
    let mut query = parts.uri.query().unwrap_or("").to_owned();
    let credential = format!("{access_key}/{day}/{region}/{service}/aws4_request");
    let expires = expires.to_string();
    for (name, value) in [
        ("X-Amz-Algorithm", Some(ALGORITHM)),
        ("X-Amz-Credential", Some(credential.as_str())),
        ("X-Amz-Date", Some(timestamp.as_str())),
        ("X-Amz-Expires", Some(expires.as_str())),
        ("X-Amz-SignedHeaders", Some("host")),
        ("X-Amz-Security-Token", identity.session_token),
    ] {
        let Some(value) = value else { continue };
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(name);
        query.push('=');
        encode_uri(&mut query, value.as_bytes(), false);
    }
    let mut unsigned = parts.clone();
    unsigned.uri = format!("{}?{query}", parts.uri.path()).parse().expect("an encoded query is a valid URI");
    let canonical = canonical_request(&unsigned, "host", payload_hash, identity.style())
        .expect("a request to presign names its host");
    let string = string_to_sign(&timestamp, day, region, service, &canonical);
    let signature = sign_hex(&keys.get(identity.secret, day, region, service), &string);
    format!("{}?{query}&X-Amz-Signature={signature}", parts.uri.path())
}

fn set(parts: &mut Parts, name: &'static str, value: &str) {
    let value = HeaderValue::from_str(value).expect("signing headers are printable ASCII");
    parts.headers.insert(HeaderName::from_static(name), value);
}

fn headers_to_sign(parts: &Parts) -> String {
    let mut names: Vec<&str> = parts
        .headers
        .keys()
        .map(HeaderName::as_str)
        .filter(|name| *name == "host" || *name == "content-type" || name.starts_with("x-amz-"))
        .collect();
    names.sort_unstable();
    names.join(";")
}
