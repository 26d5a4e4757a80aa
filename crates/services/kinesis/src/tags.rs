use std::collections::BTreeMap;

use aws::ApiError;
use log::TopicId;

use crate::limits::TAGS_MAX;
use crate::model::{Tag, error};

/// What the service says of the characters of keys and values.
fn is_valid(text: &str) -> bool {
    text.chars().all(|char| char.is_alphanumeric() || char.is_whitespace() || "_.:/=+-%@".contains(char))
}

/// Adds tags, replacing those with the same key.
pub(crate) fn add(
    stream: &TopicId,
    tags: &mut BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
) -> Result<(), ApiError> {
    if !new.iter().all(|(key, value)| is_valid(key) && is_valid(value)) {
        return Err(error::invalid_argument_exception(
            "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, \
             _ . : / = + - % @.",
        ));
    }
    if new.keys().any(|key| key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"))) {
        return Err(error::invalid_argument_exception(
            "Tag keys that begin with aws: are reserved for system use.",
        ));
    }
    tags.extend(new.iter().map(|(key, value)| (key.clone(), value.clone())));
    if tags.len() > TAGS_MAX {
        return Err(error::invalid_argument_exception(format!(
            "Failed to add tags to stream {} under account {} because a given stream cannot have more than \
             {TAGS_MAX} tags associated with it.",
            stream.name, stream.scope.account
        )));
    }
    Ok(())
}

pub(crate) fn tag((key, value): (&String, &String)) -> Tag {
    Tag { key: key.clone(), value: Some(value.clone()) }
}

/// Keys without a tag are no error.
#[expect(clippy::unnecessary_wraps, reason = "the shape of every change")]
pub(crate) fn remove(tags: &mut BTreeMap<String, String>, keys: &[String]) -> Result<(), ApiError> {
    keys.iter().for_each(|key| drop(tags.remove(key)));
    Ok(())
}
