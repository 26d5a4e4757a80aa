//! The keys below a prefix, page by page.

use aws::client::Client;
use bytes::Bytes;
use http::Method;
use percent_encoding::percent_decode_str;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, Event};

use super::ReplayError;

pub(super) struct Page {
    pub(super) keys: Vec<String>,
    pub(super) more: bool,
}

/// Why a listing cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ListingError {
    #[error("it is no XML document")]
    Xml(#[from] quick_xml::Error),
    #[error("its text is not in UTF-8")]
    Encoding(#[from] quick_xml::encoding::EncodingError),
    #[error("the entity &{0}; is not known")]
    Entity(String),
    #[error("it ends in the middle")]
    Cut,
    #[error("there is more to list, but after no key")]
    NoKey,
}

/// The keys after `after`.
pub(super) async fn page(
    client: &Client,
    bucket: &str,
    prefix: &str,
    after: Option<&str>,
) -> Result<Page, ReplayError> {
    // Not every character of a key can stand in a document of XML.
    let mut query = vec![("list-type", "2"), ("prefix", prefix), ("encoding-type", "url")];
    query.extend(after.map(|after| ("start-after", after)));
    let path = format!("/{bucket}");
    let answer = client.send(Method::GET, "s3", &path, &query, &[], Bytes::new()).await?.checked()?;
    Ok(parse(&answer.body)?)
}

fn parse(document: &[u8]) -> Result<Page, ListingError> {
    let mut reader = Reader::from_reader(document);
    let mut page = Page { keys: Vec::new(), more: false };
    let (mut path, mut text, mut encoded) = (Vec::<Vec<u8>>::new(), String::new(), false);
    loop {
        match reader.read_event()? {
            Event::Start(element) => {
                path.push(element.local_name().as_ref().to_vec());
                text.clear();
            }
            Event::Text(part) => text.push_str(&part.decode()?),
            Event::CData(part) => text.push_str(&part.decode()?),
            Event::GeneralRef(entity) => text.push_str(&resolved(&entity)?),
            Event::End(_) => {
                match path.iter().map(Vec::as_slice).collect::<Vec<_>>()[..] {
                    [b"ListBucketResult", b"Contents", b"Key"] => page.keys.push(std::mem::take(&mut text)),
                    [b"ListBucketResult", b"IsTruncated"] => page.more = text == "true",
                    [b"ListBucketResult", b"EncodingType"] => encoded = text == "url",
                    _ => {}
                }
                path.pop();
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if !path.is_empty() {
        return Err(ListingError::Cut);
    }
    if page.more && page.keys.is_empty() {
        return Err(ListingError::NoKey);
    }
    if encoded {
        page.keys.iter_mut().for_each(|key| *key = decoded(key));
    }
    Ok(page)
}

fn resolved(entity: &BytesRef<'_>) -> Result<String, ListingError> {
    if let Some(character) = entity.resolve_char_ref()? {
        return Ok(character.to_string());
    }
    let name = entity.decode()?;
    resolve_predefined_entity(&name).map(str::to_owned).ok_or_else(|| ListingError::Entity(name.into_owned()))
}

/// As forms are encoded: a plus is a space.
fn decoded(key: &str) -> String {
    percent_decode_str(&key.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(content: &str) -> Result<Page, ListingError> {
        parse(format!("<?xml version=\"1.0\"?><ListBucketResult>{content}</ListBucketResult>").as_bytes())
    }

    #[test]
    fn keys_are_read_as_they_are() {
        let page = listed(
            "<IsTruncated>true</IsTruncated><Prefix>a/</Prefix>\
             <Contents><Key>a/b&amp;c&#x27;d</Key><Size>1</Size></Contents>\n\
             <Contents><Key>&lt;&#65;&gt; +</Key></Contents>\
             <CommonPrefixes><Prefix>x</Prefix></CommonPrefixes>",
        )
        .unwrap();
        assert_eq!(page.keys, ["a/b&c'd", "<A> +"]);
        assert!(page.more && !listed("<IsTruncated>false</IsTruncated>").unwrap().more);
    }

    #[test]
    fn keys_that_were_encoded_are_decoded() {
        let page =
            listed("<EncodingType>url</EncodingType><Contents><Key>a/b+c%2Bd%0D%EB%AC%BC</Key></Contents>")
                .unwrap();
        assert_eq!(page.keys, ["a/b c+d\r물"]);
    }

    #[test]
    fn what_is_no_listing_is_not_an_empty_one() {
        assert!(matches!(parse(b"<ListBucketResult><Contents><Key>a"), Err(ListingError::Cut)));
        assert!(matches!(parse(b"<ListBucketResult></Contents>"), Err(ListingError::Xml(_))));
        assert!(matches!(listed("<Contents><Key>&who;</Key></Contents>"), Err(ListingError::Entity(_))));
        assert!(matches!(listed("<IsTruncated>true</IsTruncated>"), Err(ListingError::NoKey)));
    }
}
