//! Patterns over table names: Hive's, where `*` is any text and `|` separates choices, and regular
//! expressions, where it repeats what stands before it.
//!
//! Both are in use (`flights*` by Hive's clients, `flights.*` by awswrangler), and in no table name
//! does a letter repeat by pattern, so a `*` after a letter, digit or underscore is Hive's.

use aws::ApiError;
use regex::Regex;

use crate::model::error;

/// The most memory a compiled pattern takes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

pub(crate) struct NamePattern(Option<Regex>);

impl NamePattern {
    /// An absent or empty pattern matches everything.
    pub(crate) fn new(expression: Option<&str>) -> Result<NamePattern, ApiError> {
        let Some(expression) = expression.filter(|text| !text.is_empty()) else {
            return Ok(NamePattern(None));
        };
        let mut pattern = String::with_capacity(expression.len() + 8);
        let mut before = None;
        for c in expression.chars() {
            let any_text = before.is_none_or(|c: char| c.is_alphanumeric() || matches!(c, '_' | '|' | '('));
            if c == '*' && any_text {
                pattern.push('.');
            }
            pattern.push(c);
            before = Some(c);
        }
        regex::RegexBuilder::new(&format!("^(?:{pattern})$"))
            .case_insensitive(true)
            .size_limit(PATTERN_BYTES_MAX)
            .build()
            .map(|regex| NamePattern(Some(regex)))
            .map_err(|_| {
                error::invalid_input_exception(format!("'{expression}' is not a pattern of table names."))
            })
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        self.0.as_ref().is_none_or(|regex| regex.is_match(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hive_patterns_and_regular_expressions_both_match_whole_names() {
        for (pattern, name, matches) in [
            ("flights*", "flights_2001", true),
            ("flights.*", "flights_2001", true),
            ("*", "anything", true),
            ("a*|b*", "bee", true),
            ("*lights", "flights", true),
            ("FLIGHTS", "flights", true),
            ("flight", "flights", false),
            ("[a-f]lights", "flights", true),
            ("", "x", true),
        ] {
            assert_eq!(NamePattern::new(Some(pattern)).unwrap().matches(name), matches, "{pattern}");
        }
        assert!(NamePattern::new(Some("(")).is_err());
    }
}
