//! The JSON path subset of Trino's `json_extract`: `$.a.b[0]["c d"]`.

use serde_json::Value;

/// A parsed path.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Path(Vec<Step>);

#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// A member; of an array, the element of that number.
    Name(String),
    Index(usize),
}

impl Path {
    /// `None` when the text is no path of the subset.
    pub(super) fn parse(text: &str) -> Option<Path> {
        let mut rest = text.trim();
        let mut steps = Vec::new();
        match rest.strip_prefix('$') {
            Some(after) => rest = after,
            None => {
                let (name, after) = name(rest)?;
                steps.push(Step::Name(name));
                rest = after;
            }
        }
        while !rest.is_empty() {
            let (step, after) = if let Some(after) = rest.strip_prefix('.') {
                let (name, after) = name(after)?;
                (Step::Name(name), after)
            } else {
                bracket(rest.strip_prefix('[')?)?
            };
            steps.push(step);
            rest = after;
        }
        Some(Path(steps))
    }

    pub(super) fn find<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(value, |value, step| match (step, value) {
            (Step::Name(name), Value::Object(members)) => members.get(name),
            (Step::Name(name), Value::Array(items)) => items.get(name.parse::<usize>().ok()?),
            (Step::Index(index), Value::Array(items)) => items.get(*index),
            (Step::Index(index), Value::Object(members)) => members.get(&index.to_string()),
            _ => None,
        })
    }
}

fn name(text: &str) -> Option<(String, &str)> {
    let end = text.find(['.', '[']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    (!name.is_empty() && !name.contains(['*', '"', ']'])).then(|| (name.to_owned(), rest))
}

fn bracket(text: &str) -> Option<(Step, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let mut name = String::new();
        let mut chars = quoted.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => name.push(chars.next()?.1),
                '"' => return quoted[at + 1..].strip_prefix(']').map(|rest| (Step::Name(name), rest)),
                c => name.push(c),
            }
        }
        return None;
    }
    let (inner, rest) = text.split_once(']')?;
    let inner = inner.trim();
    match inner.parse() {
        Ok(index) => Some((Step::Index(index), rest)),
        Err(_) => {
            let word = !inner.is_empty() && inner.chars().all(|c| c.is_alphanumeric() || c == '_');
            word.then(|| (Step::Name(inner.to_owned()), rest))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_walks_members_and_elements() {
        let value = json!({"a": [{"b c": 1}, {"x.y": null}], "d": {"0": "z"}});
        let found = |path: &str| Path::parse(path).and_then(|path| path.find(&value).cloned());
        assert_eq!(found("$.a[0][\"b c\"]"), Some(json!(1)));
        assert_eq!(found("$[\"a\"][1][\"x.y\"]"), Some(Value::Null));
        assert_eq!(found("$.d.0"), Some(json!("z")));
        assert_eq!(found("$"), Some(value.clone()));
        assert_eq!(found("$.a[2]"), None);
        assert_eq!(Path::parse("$.a["), None);
        assert_eq!(Path::parse("$..a"), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_path_parser_panic(text in any::<String>()) {
            let _ = Path::parse(&text);
            let _ = Path::parse(&format!("$[\"{text}"));
        }
    }
}
