//! Regular expressions of the models, compiled when they are first needed.
//!
//! The models are written for Java. The generator translates (ASCII classes, surrogate pairs, line
//! ends, a leading negative look-ahead) and keeps the original, because error messages print it.

use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};

/// Largest compiled program of one pattern, in bytes.
const PROGRAM_BYTES_MAX: usize = 32 << 20;

/// A pattern that the whole text must match.
#[derive(Debug)]
pub struct Pattern {
    source: &'static str,
    expression: &'static str,
    not_prefix: Option<&'static str>,
    compiled: OnceLock<Compiled>,
}

#[derive(Debug)]
struct Compiled {
    expression: Regex,
    not_prefix: Option<Regex>,
}

impl Pattern {
    /// `source` is the model's text, `expression` its translation.
    pub const fn new(source: &'static str, expression: &'static str) -> Pattern {
        Pattern { source, expression, not_prefix: None, compiled: OnceLock::new() }
    }

    /// As [`Pattern::new`], for a source that began with `(?!…)`.
    pub const fn unless(source: &'static str, prefix: &'static str, expression: &'static str) -> Pattern {
        Pattern { source, expression, not_prefix: Some(prefix), compiled: OnceLock::new() }
    }

    /// The model's own text.
    pub fn source(&self) -> &'static str {
        self.source
    }

    /// The translation, without the anchors.
    pub fn expression(&self) -> &'static str {
        self.expression
    }

    pub fn is_match(&self, text: &str) -> bool {
        let compiled = self.compiled.get_or_init(|| {
            self.compile().expect("invariant: the generator and a test compiled every pattern")
        });
        compiled.not_prefix.as_ref().is_none_or(|not| !not.is_match(text))
            && compiled.expression.is_match(text)
    }

    /// Compiles without keeping the result; tests prove that this succeeds for every pattern.
    pub fn try_compile(&self) -> Result<(), regex::Error> {
        self.compile().map(|_| ())
    }

    fn compile(&self) -> Result<Compiled, regex::Error> {
        let build = |text: String| RegexBuilder::new(&text).size_limit(PROGRAM_BYTES_MAX).build();
        Ok(Compiled {
            expression: build(format!(r"\A(?:{})\z", self.expression))?,
            not_prefix: self.not_prefix.map(|not| build(format!(r"\A(?:{not})"))).transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_text_must_match_also_when_alternatives_are_given() {
        static DIGITS: Pattern = Pattern::new("a|[0-9]+", "a|[0-9]+");
        assert!(DIGITS.is_match("12"));
        assert!(!DIGITS.is_match("12a"));
        assert!(!DIGITS.is_match("a1"));
    }

    #[test]
    fn a_leading_negative_look_ahead_forbids_the_beginning_only() {
        static TAG: Pattern = Pattern::unless("^(?!aws:)[a-z:]*$", "aws:", "[a-z:]*");
        assert!(TAG.is_match("team"));
        assert!(TAG.is_match("not-aws:".trim_start_matches("not-").trim_end_matches(':')));
        assert!(!TAG.is_match("aws:team"));
    }
}
