use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::Parameters;

/// How JSON keys find their columns and how times are read. Stored with a flow, so every field has
/// a default that an older writer meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct JsonOptions {
    /// Whether `Ticker` fills the column `ticker`. Default true.
    pub case_insensitive: bool,
    /// Column name → the JSON key it is filled from, at every level.
    pub column_to_key: BTreeMap<String, String>,
    /// Whether the key `a.b` fills the column `a_b`. Default false.
    pub dots_to_underscores: bool,
    /// Tried in order before the built-in forms: patterns such as `yyyy-MM-dd'T'HH:mm:ss.SSSZ`, or
    /// `millis` for epoch milliseconds.
    pub timestamp_formats: Vec<String>,
    /// Whether a lone value fills an array column as its only element, as OpenX reads it. Default
    /// true.
    pub lone_value_as_array: bool,
}

impl Default for JsonOptions {
    fn default() -> JsonOptions {
        JsonOptions {
            case_insensitive: true,
            column_to_key: BTreeMap::new(),
            dots_to_underscores: false,
            timestamp_formats: Vec::new(),
            lone_value_as_array: true,
        }
    }
}

impl JsonOptions {
    /// From the properties of `org.openx.data.jsonserde.JsonSerDe`: `case.insensitive`,
    /// `dots.in.keys`, `mapping.<column>` = key, `timestamp.formats`.
    pub fn open_x(properties: &Parameters) -> JsonOptions {
        let flag = |name: &str, default: bool| {
            properties.get(name).map_or(default, |value| value.trim().eq_ignore_ascii_case("true"))
        };
        let mappings = properties.iter().filter_map(|(name, key)| {
            let column = name.strip_prefix("mapping.")?;
            Some((column.to_owned(), key.clone()))
        });
        JsonOptions {
            case_insensitive: flag("case.insensitive", true),
            column_to_key: mappings.collect(),
            dots_to_underscores: flag("dots.in.keys", false),
            timestamp_formats: timestamp_formats(properties),
            lone_value_as_array: true,
        }
    }

    /// From the properties of `org.apache.hive.hcatalog.data.JsonSerDe`: `timestamp.formats`.
    pub fn hive(properties: &Parameters) -> JsonOptions {
        JsonOptions {
            timestamp_formats: timestamp_formats(properties),
            lone_value_as_array: false,
            ..JsonOptions::default()
        }
    }
}

/// Hive separates the patterns by commas.
fn timestamp_formats(properties: &Parameters) -> Vec<String> {
    let text = properties.get("timestamp.formats").map_or("", String::as_str);
    text.split(',').map(str::trim).filter(|format| !format.is_empty()).map(str::to_owned).collect()
}
