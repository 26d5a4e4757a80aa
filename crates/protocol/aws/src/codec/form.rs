use std::borrow::Cow;

use percent_encoding::percent_decode;

/// More parameters than this are refused; the services' own limits lie far below.
pub(super) const PARAMETERS_MAX: usize = 10_000;

/// The pairs of an `application/x-www-form-urlencoded` text, decoded. `None` for text that is not
/// UTF-8, or too many pairs.
pub(super) fn pairs(body: &[u8]) -> Option<Vec<(Cow<'_, str>, Cow<'_, str>)>> {
    let mut pairs = Vec::new();
    for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        if pairs.len() == PARAMETERS_MAX {
            return None;
        }
        let split = pair.iter().position(|byte| *byte == b'=');
        let (name, value) = split.map_or((pair, &b""[..]), |at| (&pair[..at], &pair[at + 1..]));
        pairs.push((decode(name)?, decode(value)?));
    }
    Some(pairs)
}

/// The value of one parameter.
pub(crate) fn parameter(body: &[u8], wanted: &str) -> Option<String> {
    body.split(|byte| *byte == b'&').find_map(|pair| {
        let value = pair.strip_prefix(wanted.as_bytes())?.strip_prefix(b"=")?;
        decode(value).map(Cow::into_owned)
    })
}

fn decode(text: &[u8]) -> Option<Cow<'_, str>> {
    if text.contains(&b'+') {
        let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        return percent_decode(&spaced).decode_utf8().ok().map(|text| Cow::Owned(text.into_owned()));
    }
    percent_decode(text).decode_utf8().ok()
}
