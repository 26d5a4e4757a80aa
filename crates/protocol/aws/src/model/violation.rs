//! What is wrong with a value, in the words the services use.

use std::fmt::{self, Display};

use serde_json::Value;

use super::Schema;

/// A request with more violations than this is not examined further.
pub const VIOLATIONS_MAX: usize = 20;

/// A printed value is cut after this many characters.
const VALUE_PRINTED_MAX: usize = 1024;

/// One violation and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// As the services print it: `records.1.member.data`.
    pub path: String,
    pub kind: Kind,
    /// The sentence without its place, or what the sentence is made of.
    pub detail: String,
}

/// Which error a violation becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The value's JSON type does not fit the shape.
    WrongType,
    /// No such member in the model.
    Unknown,
    /// Length, range, pattern, enumeration or presence.
    Constraint,
}

impl Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::WrongType => write!(f, "{} at '{}'", self.detail, self.path),
            Kind::Unknown => write!(f, "Unknown field '{}'", self.detail),
            Kind::Constraint => f.write_str(&self.detail),
        }
    }
}

/// Where the walk is; lives on the stack and costs nothing until something is wrong.
#[derive(Clone, Copy)]
pub(super) enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
    Entry(&'a Path<'a>, &'a str),
}

impl Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parent, last) = match self {
            Path::Root => return Ok(()),
            Path::Field(parent, name) => (parent, lower_first(name)),
            Path::Item(parent, index) => (parent, format!("{}.member", index + 1)),
            Path::Entry(parent, key) => (parent, format!("{key}.member")),
        };
        match parent {
            Path::Root => f.write_str(&last),
            _ => write!(f, "{parent}.{last}"),
        }
    }
}

/// Adds the sentence for a constraint: "Value 'x' at 'y' failed to satisfy constraint: …".
pub(super) fn constraint(path: &Path<'_>, schema: &Schema, value: Option<&Value>, rule: &str) -> Violation {
    let path = path.to_string();
    let shown = match (schema, value) {
        (Schema::String(text), Some(_)) if text.sensitive => String::new(),
        (_, None | Some(Value::Null)) => " null".to_owned(),
        (_, Some(value)) => format!(" '{}'", shorten(printed(schema, value))),
    };
    let detail = format!("Value{shown} at '{path}' failed to satisfy constraint: {rule}");
    Violation { path, kind: Kind::Constraint, detail }
}

pub(super) fn wrong_type(path: &Path<'_>, value: &Value, wanted: &str) -> Violation {
    let detail = match value {
        Value::Object(_) => "Start of structure or map found where not expected".to_owned(),
        Value::Array(_) => "Start of list found where not expected".to_owned(),
        Value::String(_) => format!("STRING_VALUE can not be converted to {wanted}"),
        Value::Number(_) => format!("NUMBER_VALUE can not be converted to {wanted}"),
        Value::Bool(true) => format!("TRUE_VALUE can not be converted to {wanted}"),
        Value::Bool(false) => format!("FALSE_VALUE can not be converted to {wanted}"),
        Value::Null => format!("NULL_VALUE can not be converted to {wanted}"),
    };
    Violation { path: path.to_string(), kind: Kind::WrongType, detail }
}

pub(super) fn unknown(path: &Path<'_>, name: &str) -> Violation {
    let place = match path {
        Path::Root => name.to_owned(),
        _ => format!("{path}.{name}"),
    };
    Violation { path: place.clone(), kind: Kind::Unknown, detail: place }
}

/// The services print values as Java's `toString` does.
fn printed(schema: &Schema, value: &Value) -> String {
    match (schema, value) {
        (Schema::Blob { .. }, Value::String(text)) => {
            let length = decoded_length(text).unwrap_or(text.len());
            format!("java.nio.HeapByteBuffer[pos=0 lim={length} cap={length}]")
        }
        (Schema::String(text), Value::String(_)) if text.sensitive => "***".to_owned(),
        (_, Value::String(text)) => text.clone(),
        (Schema::List { member, .. }, Value::Array(items)) => {
            let items: Vec<_> =
                items.iter().take(VALUE_PRINTED_MAX / 4).map(|item| printed(member, item)).collect();
            format!("[{}]", items.join(", "))
        }
        (Schema::Map { value: schema, .. }, Value::Object(entries)) => {
            let entries: Vec<_> = entries
                .iter()
                .take(VALUE_PRINTED_MAX / 4)
                .map(|(key, value)| format!("{key}={}", printed(schema, value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        (Schema::Structure(structure), Value::Object(entries)) => {
            let members = structure.members.iter().filter_map(|member| {
                let value = entries.get(member.name)?;
                Some(format!("{}={}", lower_first(member.name), printed(member.schema, value)))
            });
            format!("{}({})", structure.name, members.collect::<Vec<_>>().join(", "))
        }
        (_, other) => other.to_string(),
    }
}

/// Bytes behind a base64 text, or `None` when it is not base64.
pub(super) fn decoded_length(text: &str) -> Option<usize> {
    base64_simd::STANDARD.check(text.as_bytes()).ok()?;
    let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count();
    Some(text.len() / 4 * 3 - padding)
}

fn shorten(mut text: String) -> String {
    if let Some((cut, _)) = text.char_indices().nth(VALUE_PRINTED_MAX) {
        text.truncate(cut);
        text.push('…');
    }
    text
}

/// `StreamName` → `streamName`, as the services print members.
fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
