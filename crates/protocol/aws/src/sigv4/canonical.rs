use std::borrow::Cow;

use http::HeaderMap;
use percent_encoding::percent_decode_str;

/// How the path enters the canonical request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathStyle {
    /// Taken as sent, encoded once: object keys may contain anything.
    S3,
    /// Dot segments and empty segments removed, then encoded again: every other service.
    Normalized,
}

/// The text whose hash is signed.
///
/// `signed_headers` is the list as the signature names it (`host;x-amz-date`). A header that is
/// listed but absent yields `None`: such a signature cannot be right.
pub fn canonical_request(
    parts: &http::request::Parts,
    signed_headers: &str,
    payload_hash: &str,
    style: PathStyle,
) -> Option<String> {
    let query = parts.uri.query().unwrap_or("");
    let mut out = String::with_capacity(512 + query.len());
    out.push_str(parts.method.as_str());
    out.push('\n');
    canonical_path(&mut out, parts.uri.path(), style);
    out.push('\n');
    canonical_query(&mut out, query);
    out.push('\n');
    for name in signed_headers.split(';') {
        out.push_str(name);
        out.push(':');
        canonical_header(&mut out, parts, name)?;
        out.push('\n');
    }
    out.push('\n');
    out.push_str(signed_headers);
    out.push('\n');
    out.push_str(payload_hash);
    Some(out)
}

/// Percent-encodes all but `A–Z a–z 0–9 - _ . ~`; slashes too unless `keep_slash`.
pub fn encode_uri(out: &mut String, bytes: &[u8], keep_slash: bool) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b'/' if keep_slash => out.push('/'),
            _ => {
                out.push('%');
                out.push(char::from(DIGITS[usize::from(byte >> 4)]));
                out.push(char::from(DIGITS[usize::from(byte & 15)]));
            }
        }
    }
}

fn canonical_path(out: &mut String, path: &str, style: PathStyle) {
    if path.is_empty() || path == "/" {
        out.push('/');
        return;
    }
    match style {
        PathStyle::S3 => {
            let decoded: Cow<'_, [u8]> = percent_decode_str(path).into();
            encode_uri(out, &decoded, true);
        }
        PathStyle::Normalized => encode_uri(out, normalize(path).as_bytes(), true),
    }
}

/// RFC 3986's removal of dot segments, and of empty ones.
fn normalize(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            _ => segments.push(segment),
        }
    }
    let mut out = String::with_capacity(path.len());
    for segment in &segments {
        out.push('/');
        out.push_str(segment);
    }
    if out.is_empty() || path.ends_with('/') {
        out.push('/');
    }
    out
}

/// Parameters decoded, encoded in the one canonical way, and sorted; a presigned request's own
/// signature is left out.
fn canonical_query(out: &mut String, query: &str) {
    if query.is_empty() {
        return;
    }
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (recode(name), recode(value)))
        .filter(|(name, _)| name != "X-Amz-Signature")
        .collect();
    pairs.sort();
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            out.push('&');
        }
        out.push_str(name);
        out.push('=');
        out.push_str(value);
    }
}

fn recode(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    // A plus means a space where the parameter is read, so the signature must cover it as one.
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        encode_uri(&mut out, &Cow::from(percent_decode_str(&spaced)), false);
    } else {
        encode_uri(&mut out, &Cow::from(percent_decode_str(text)), false);
    }
    out
}

fn canonical_header(out: &mut String, parts: &http::request::Parts, name: &str) -> Option<()> {
    let mut values = parts.headers.get_all(name).iter().peekable();
    if values.peek().is_none() {
        return implied_header(out, &parts.headers, parts, name);
    }
    let mut first = true;
    for value in values {
        if !first {
            out.push(',');
        }
        first = false;
        push_collapsed(out, &String::from_utf8_lossy(value.as_bytes()));
    }
    Some(())
}

/// What HTTP libraries strip or move: the authority of HTTP/2, and a length of zero.
fn implied_header(
    out: &mut String,
    headers: &HeaderMap,
    parts: &http::request::Parts,
    name: &str,
) -> Option<()> {
    match name {
        "host" => out.push_str(parts.uri.authority()?.as_str()),
        // What a client that speaks HTTP/2 signs instead, as it was sent or as a proxy passed it on.
        ":authority" => match parts.uri.authority() {
            Some(authority) => out.push_str(authority.as_str()),
            None => return canonical_header(out, parts, "host"),
        },
        "content-length" if !headers.contains_key("transfer-encoding") => out.push('0'),
        _ => return None,
    }
    Some(())
}

/// The value without outer blanks, inner runs of blanks as one.
fn push_collapsed(out: &mut String, value: &str) {
    let trimmed = value.trim_matches([' ', '\t']);
    if !trimmed.contains("  ") {
        out.push_str(trimmed);
        return;
    }
    let mut blank = false;
    for c in trimmed.chars() {
        if c != ' ' || !blank {
            out.push(c);
        }
        blank = c == ' ';
    }
}

#[cfg(test)]
mod tests;
