//! `key=value` folders: how Hive writes partition values into paths.

use crate::model::Column;

/// The folder name of an absent value.
pub const DEFAULT_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// `k1=v1/k2=v2`, escaped, without slashes at its ends. Keys without a value are left out.
pub fn path(keys: &[Column], values: &[String]) -> String {
    let mut path = String::new();
    for (key, value) in keys.iter().zip(values) {
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(&escape(&key.name.to_lowercase()));
        path.push('=');
        path.push_str(&if value.is_empty() { DEFAULT_PARTITION.to_owned() } else { escape(value) });
    }
    path
}

/// The key and value of one `key=value` folder name, unescaped; `None` for any other name.
pub fn parse_folder(name: &str) -> Option<(String, String)> {
    let (key, value) = name.split_once('=')?;
    if key.is_empty() || value.is_empty() {
        return None;
    }
    Some((unescape(key), unescape(value)))
}

/// Hive's path escaping: `%XX` for control characters and for those that mean something in a path.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if must_escape(c) {
            escaped.push_str(&format!("%{:02X}", c as u32));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// The inverse of [`escape`]; a `%` that starts no escape stands for itself, as in Hive.
pub fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(code) => {
                plain.push(code);
                at += 3;
            }
            None => {
                plain.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(plain).unwrap_or_else(|broken| String::from_utf8_lossy(broken.as_bytes()).into_owned())
}

fn must_escape(c: char) -> bool {
    c.is_ascii_control()
        || matches!(
            c,
            '"' | '#' | '%' | '\'' | '*' | '/' | ':' | '=' | '?' | '\\' | '{' | '}' | '[' | ']' | '^'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_partition_path_is_what_hive_writes() {
        let keys = [Column::new("Day", "date"), Column::new("city", "string"), Column::new("n", "int")];
        let values = ["2024-01-02".to_owned(), "São/Paulo: 1".to_owned(), String::new()];
        assert_eq!(path(&keys, &values), "day=2024-01-02/city=São%2FPaulo%3A 1/n=__HIVE_DEFAULT_PARTITION__");
    }

    #[test]
    fn only_a_key_and_a_value_make_a_partition_folder() {
        assert_eq!(parse_folder("a=b=c"), Some(("a".into(), "b=c".into())));
        for name in ["plain", "=x", "x="] {
            assert_eq!(parse_folder(name), None, "{name}");
        }
    }

    #[test]
    fn a_percent_that_escapes_nothing_stands_for_itself() {
        assert_eq!(unescape("100%"), "100%");
        assert_eq!(unescape("%zz%4"), "%zz%4");
    }

    proptest! {
        #[test]
        fn any_value_survives_a_path(value in any::<String>()) {
            let escaped = escape(&value);
            prop_assert!(!escaped.contains('/') && !escaped.contains('='));
            prop_assert_eq!(unescape(&escaped), value);
        }
    }
}
