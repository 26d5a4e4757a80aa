//! Java's regular expressions in the spelling of the `regex` crate.
//!
//! Differences that occur in the models: `\w`, `\d` and `\s` mean ASCII; `.` stops at every Unicode
//! line end; `\uD800\uDC00-\uDBFF\uDFFF` is every character beyond the basic plane; a leading `(?!…)`
//! forbids a beginning. Any other look-around is refused, so that a new one is noticed.

use anyhow::{Result, bail};

/// Every character beyond the basic plane, as surrogates and as the models misspell it.
const SUPPLEMENTARY: [&str; 2] = [r"\uD800\uDC00-\uDBFF\uDFFF", r"\u10000-\u10FFFF"];

#[derive(Debug, PartialEq, Eq)]
pub struct Translated {
    pub expression: String,
    /// What the text must not begin with.
    pub not_prefix: Option<String>,
}

/// Patterns that no text can violate.
pub fn allows_everything(source: &str) -> bool {
    matches!(source.trim_start_matches('^').trim_end_matches('$'), r"[\s\S]*" | r"[\S\s]*" | "")
}

pub fn translate(source: &str) -> Result<Translated> {
    let (not_prefix, rest) = match leading_not(source) {
        Some((not, rest)) => (Some(spell(not)?), rest),
        None => (None, source),
    };
    let expression = spell(rest)?;
    for (text, what) in [(Some(&expression), "pattern"), (not_prefix.as_ref(), "look-ahead")] {
        if let Some(text) = text {
            let built = regex::RegexBuilder::new(&format!(r"\A(?:{text})\z")).size_limit(32 << 20).build();
            if let Err(error) = built {
                bail!("this {what} cannot be expressed: {error}");
            }
        }
    }
    Ok(Translated { expression, not_prefix })
}

/// Splits `^(?!X)Y` into X and Y. With an alternative at the top the look-ahead would cover only the
/// first of them.
fn leading_not(source: &str) -> Option<(&str, &str)> {
    let inner = source.strip_prefix('^').unwrap_or(source).strip_prefix("(?!")?;
    let mut depth = 1;
    let (mut escaped, mut class, mut end) = (false, false, None);
    for (index, letter) in inner.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' if !class => class = true,
            ']' if class => class = false,
            '(' if !class => depth += 1,
            ')' if !class => {
                depth -= 1;
                if depth == 0 && end.is_none() {
                    end = Some(index);
                }
            }
            '|' if !class && depth == 0 => return None,
            _ => {}
        }
    }
    let end = end?;
    Some((&inner[..end], &inner[end + 1..]))
}

fn spell(source: &str) -> Result<String> {
    let mut source = source.to_owned();
    for spelling in SUPPLEMENTARY {
        source = source.replace(spelling, r"\x{10000}-\x{10FFFF}");
    }
    if source.contains("(?=") || source.contains("(?!") || source.contains("(?<") {
        bail!("look-around inside a pattern is not supported");
    }
    let mut result = String::new();
    let mut class = false;
    let mut letters = source.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                let escaped = letters.next().unwrap_or('\\');
                result.push_str(&escape(escaped, class));
            }
            '[' if class => result.push_str(r"\["),
            '[' => {
                class = true;
                result.push('[');
            }
            ']' => {
                class = false;
                result.push(']');
            }
            '.' if !class => result.push_str(r"[^\n\r\x{85}\x{2028}\x{2029}]"),
            '&' | '~' if class => {
                result.push('\\');
                result.push(letter);
            }
            _ => result.push(letter),
        }
    }
    Ok(result)
}

fn escape(letter: char, class: bool) -> String {
    let inside = match letter.to_ascii_lowercase() {
        'w' => "0-9A-Za-z_",
        'd' => "0-9",
        's' => r" \t\n\x0B\f\r",
        _ => return format!("\\{letter}"),
    };
    match (letter.is_ascii_uppercase(), class) {
        (true, _) => format!("[^{inside}]"),
        (false, true) => inside.to_owned(),
        (false, false) => format!("[{inside}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(source: &str, text: &str) -> bool {
        let translated = translate(source).unwrap();
        let full = |body: &str| regex::Regex::new(body).unwrap();
        let begins = translated.not_prefix.map(|not| full(&format!(r"\A(?:{not})")));
        begins.is_none_or(|not| !not.is_match(text))
            && full(&format!(r"\A(?:{})\z", translated.expression)).is_match(text)
    }

    #[test]
    fn classes_are_ascii() {
        assert!(matches(r"\d+\w[\w.]*", "12a.b"));
        assert!(!matches(r"\d", "٣"));
        assert!(!matches(r"\w", "é"));
        assert!(matches(r"[\S]*", "é"));
        assert!(!matches(r"\S+", "a b"));
    }

    #[test]
    fn surrogate_pairs_mean_the_characters_beyond_the_basic_plane() {
        let single_line = r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*";
        assert!(matches(single_line, "물길 🦀\t"));
        assert!(!matches(single_line, "a\nb"));
    }

    #[test]
    fn a_dot_stops_at_line_ends() {
        assert!(matches("arn:.*", "arn:x"));
        assert!(!matches("arn:.*", "arn:\u{2028}"));
        assert!(matches(r"a\.b[.]c", "a.b.c"));
    }

    #[test]
    fn a_leading_look_ahead_is_kept_and_any_other_is_refused() {
        assert!(matches(r"^(?!aws:)[\w:]*$", "team:aws:"));
        assert!(!matches(r"^(?!aws:)[\w:]*$", "aws:team"));
        assert!(!matches(r"^(?!(.*[.\/\\]|aws:)).*$", "a/b"));
        assert!(translate(r"a(?!b)").is_err());
        assert!(translate(r"(?!a)b|c").is_err());
    }

    #[test]
    fn patterns_that_mean_nothing_are_known() {
        assert!(allows_everything(r"[\s\S]*"));
        assert!(!allows_everything(r".*"));
    }
}
