//! The keys below a prefix, page by page.

use aws::client::{Client, ClientError};
use bytes::Bytes;
use http::Method;

pub(super) struct Page {
    pub(super) keys: Vec<String>,
    pub(super) more: bool,
}

/// The keys after `after`.
pub(super) async fn page(
    client: &Client,
    bucket: &str,
    prefix: &str,
    after: Option<&str>,
) -> Result<Page, ClientError> {
    let mut query = vec![("list-type", "2"), ("prefix", prefix)];
    query.extend(after.map(|after| ("start-after", after)));
    let path = format!("/{bucket}");
    let answer = client.send(Method::GET, "s3", &path, &query, &[], Bytes::new()).await?.checked()?;
    Ok(parse(&String::from_utf8_lossy(&answer.body)))
}

fn parse(listing: &str) -> Page {
    let after = listing.split("<Key>").skip(1);
    let keys = after.filter_map(|rest| rest.split_once("</Key>")).map(|(key, _)| unescape(key)).collect();
    Page { keys, more: listing.contains("<IsTruncated>true</IsTruncated>") }
}

/// The entities of XML, and characters by number.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let entity = rest.find(';').map(|end| (&rest[1..end], end + 1));
        let character = entity.and_then(|(name, length)| Some((character(name)?, length)));
        let (character, length) = character.unwrap_or(('&', 1));
        plain.push(character);
        rest = &rest[length..];
    }
    plain.push_str(rest);
    plain
}

fn character(entity: &str) -> Option<char> {
    match entity {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        number => {
            let number = number.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are() {
        let page = parse(
            "<IsTruncated>true</IsTruncated><Contents><Key>a/b&amp;c&#x27;d</Key></Contents>\
             <Contents><Key>&lt;&#65;&gt; &</Key></Contents>",
        );
        assert_eq!(page.keys, ["a/b&c'd", "<A> &"]);
        assert!(page.more && !parse("<IsTruncated>false</IsTruncated>").more);
    }
}
