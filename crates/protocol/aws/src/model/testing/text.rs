//! Strings that match a pattern, and strings that do not.

use regex_syntax::hir::{Class, Hir, HirKind};

use crate::model::{Pattern, Schema, StringSchema};

/// How often an open repetition is tried at most.
const REPEAT_MAX: u32 = 600;

/// A string that satisfies every constraint.
///
/// # Panics
/// When none was found; the pattern and the lengths contradict each other, or this search is too simple.
pub fn matching(schema: &StringSchema) -> String {
    if let Some(value) = schema.values.first() {
        return (*value).to_owned();
    }
    let least = usize::try_from(schema.min.unwrap_or(0)).unwrap_or(usize::MAX);
    let Some(pattern) = schema.pattern else {
        return "a".repeat(least.max(usize::from(schema.max != Some(0))));
    };
    let hir = regex_syntax::parse(pattern.expression()).expect("invariant: the pattern compiles");
    for repeat in 1..REPEAT_MAX {
        let mut text = String::new();
        write(&hir, repeat, &mut text);
        let length = text.chars().count() as u64;
        let fits = length >= least as u64 && schema.max.is_none_or(|max| length <= max);
        if fits && pattern.is_match(&text) {
            return text;
        }
    }
    panic!("no text was found for the pattern {}", pattern.source());
}

/// The `index`-th of some different strings, for the keys of a map.
pub fn distinct(schema: &'static Schema, index: u64) -> String {
    match schema {
        Schema::String(text) if !text.values.is_empty() => {
            text.values[usize::try_from(index).unwrap_or(0) % text.values.len()].to_owned()
        }
        Schema::String(text) => matching(text) + &"a".repeat(usize::try_from(index).unwrap_or(0)),
        _ => format!("key{index}"),
    }
}

/// A string of an allowed length that the pattern does not match.
pub fn mismatching(schema: &StringSchema, pattern: &Pattern) -> Option<String> {
    let least = usize::try_from(schema.min.unwrap_or(0).max(1)).ok()?;
    let candidates = ["\u{0}", "\n", " ", "#", "aws:", "\u{7f}", "é", "/", "-", "a"];
    candidates.iter().map(|candidate| candidate.repeat(least)).find(|text| {
        schema.max.is_none_or(|max| text.chars().count() as u64 <= max) && !pattern.is_match(text)
    })
}

fn write(hir: &Hir, repeat: u32, out: &mut String) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => out.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(class) => out.push(letter(class)),
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(REPEAT_MAX);
            for _ in 0..repeat.clamp(repetition.min, most.max(repetition.min)) {
                write(&repetition.sub, repeat, out);
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, repeat, out),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, repeat, out)),
        // The last alternative is the most telling one in patterns like `^$|arn:…`.
        HirKind::Alternation(parts) => {
            if let Some(part) = parts.last() {
                write(part, repeat, out);
            }
        }
    }
}

fn letter(class: &Class) -> char {
    let contains = |wanted: char| match class {
        Class::Unicode(class) => {
            class.ranges().iter().any(|range| (range.start()..=range.end()).contains(&wanted))
        }
        Class::Bytes(class) => {
            class.ranges().iter().any(|range| range.start() <= wanted as u8 && wanted as u8 <= range.end())
        }
    };
    let first = match class {
        Class::Unicode(class) => class.ranges().first().map(regex_syntax::hir::ClassUnicodeRange::start),
        Class::Bytes(class) => class.ranges().first().map(|range| char::from(range.start())),
    };
    ['a', 'A', '1'].into_iter().find(|wanted| contains(*wanted)).or(first).unwrap_or('a')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_for_patterns_of_the_kinds_that_occur() {
        static ARN: Pattern = Pattern::new("", "(?:|arn:[^\n]*:[0-9]{12}:(stream|queue)/[^ ]+)");
        static UUID: Pattern = Pattern::new("", "[0-9a-f]{8}-[0-9a-f]{4}");
        for (pattern, min) in [(&ARN, 40), (&UUID, 13)] {
            let schema = StringSchema {
                min: Some(min),
                max: Some(64),
                pattern: Some(pattern),
                values: &[],
                sensitive: false,
            };
            let text = matching(&schema);
            assert!(text.len() as u64 >= min && pattern.is_match(&text), "{text}");
            assert!(!pattern.is_match(&mismatching(&schema, pattern).unwrap()));
        }
    }
}
