use std::fmt::Write;

use serde_json::Value;

use crate::model::{Member, Schema, TimestampFormat};
use crate::timestamp::AwsTimestamp;

/// Writes `<name>value</name>` by the schema; nothing for null.
pub(super) fn element(out: &mut String, name: &str, schema: &Schema, value: &Value) {
    if value.is_null() {
        return;
    }
    let _ = write!(out, "<{name}>");
    content(out, schema, value);
    let _ = write!(out, "</{name}>");
}

/// Writes the members of a structure without an element around them.
pub(super) fn members(out: &mut String, schema: &Schema, value: &Value) {
    let Schema::Structure(structure) = schema else { return };
    for member in structure.members {
        if let Some(found) = value.get(member.name) {
            self::member(out, member, found);
        }
    }
}

fn member(out: &mut String, member: &Member, value: &Value) {
    let name = if member.wire_name.is_empty() { member.name } else { member.wire_name };
    match (member.schema, value) {
        (Schema::List { member: item, flattened: true, .. }, Value::Array(items)) => {
            for value in items {
                element(out, name, item, value);
            }
        }
        (Schema::Map { key, value: entry, flattened: true, .. }, Value::Object(entries)) => {
            for (found, value) in entries {
                map_entry(out, name, key, entry, found, value);
            }
        }
        _ => element(out, name, member.schema, value),
    }
}

fn content(out: &mut String, schema: &Schema, value: &Value) {
    match (schema, value) {
        (Schema::Structure(_), _) => members(out, schema, value),
        (Schema::List { member, item, .. }, Value::Array(items)) => {
            for value in items {
                element(out, item, member, value);
            }
        }
        (Schema::Map { key, value: entry, .. }, Value::Object(entries)) => {
            for (found, value) in entries {
                map_entry(out, "entry", key, entry, found, value);
            }
        }
        (Schema::Timestamp(format), Value::Number(seconds)) => {
            timestamp(out, *format, seconds.as_f64().unwrap_or_default());
        }
        _ => text(out, value),
    }
}

fn map_entry(out: &mut String, name: &str, key: &Schema, entry: &Schema, found: &str, value: &Value) {
    let _ = write!(out, "<{name}>");
    element(out, "key", key, &Value::String(found.to_owned()));
    element(out, "value", entry, value);
    let _ = write!(out, "</{name}>");
}

/// XML protocols write ISO 8601 unless the model says otherwise; models leave the default unsaid.
fn timestamp(out: &mut String, format: TimestampFormat, seconds: f64) {
    let at = AwsTimestamp::from_epoch_seconds(seconds).unwrap_or_default();
    match format {
        TimestampFormat::HttpDate => {
            let at = rt::Timestamp::from(at).to_utc();
            let _ = write!(out, "{}", at.format("%a, %d %b %Y %H:%M:%S GMT"));
        }
        TimestampFormat::EpochSeconds | TimestampFormat::Iso8601 => out.push_str(&at.to_iso8601()),
    }
}

/// A value without a schema: members of error shapes.
pub(super) fn plain(out: &mut String, name: &str, value: &Value) {
    let _ = write!(out, "<{name}>");
    text(out, value);
    let _ = write!(out, "</{name}>");
}

fn text(out: &mut String, value: &Value) {
    match value {
        Value::Null => {}
        Value::String(text) => escape(out, text),
        other => escape(out, &other.to_string()),
    }
}

/// Escapes markup, and drops the control characters XML 1.0 cannot carry.
pub(super) fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#xD;"),
            '\n' | '\t' => out.push(c),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            _ => out.push(c),
        }
    }
}
