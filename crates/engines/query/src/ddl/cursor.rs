//! A hand that reads a data definition's tokens.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use crate::error::{Position, QueryError};
use crate::parse::{Tokens, keyword, mismatched, position};

pub(super) struct Cursor<'a> {
    pub(super) tokens: &'a Tokens,
    pub(super) at: usize,
}

/// A table's or view's name with its database, if it was given; lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObjectName {
    pub(crate) database: Option<String>,
    pub(crate) name: String,
    pub(crate) position: (u64, u64),
}

impl ObjectName {
    pub(crate) fn position(&self) -> Position {
        Position { line: self.position.0, column: self.position.1 }
    }
}

impl<'a> Cursor<'a> {
    pub(super) fn new(tokens: &'a Tokens) -> Cursor<'a> {
        Cursor { tokens, at: 0 }
    }

    fn token(&self) -> Option<&'a TokenWithSpan> {
        self.tokens.list.get(self.at)
    }

    pub(super) fn position(&self) -> Position {
        self.token().map_or_else(|| self.tokens.end(), position)
    }

    pub(super) fn is_done(&self) -> bool {
        self.token().is_none()
    }

    /// The error that something else stands here.
    pub(super) fn expected(&self, what: &str) -> QueryError {
        let found = self.token().map_or_else(|| "<EOF>".to_owned(), |token| token.token.to_string());
        mismatched(self.position(), &found, what)
    }

    pub(super) fn done(&self) -> Result<(), QueryError> {
        if self.is_done() { Ok(()) } else { Err(self.expected("<EOF>")) }
    }

    /// Whether these words stand here; they are not taken.
    pub(super) fn sees(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(index, word)| {
            self.tokens.list.get(self.at + index).and_then(keyword).as_deref() == Some(*word)
        })
    }

    /// Takes these words if they all stand here.
    pub(super) fn take(&mut self, words: &[&str]) -> bool {
        let sees = self.sees(words);
        if sees {
            self.at += words.len();
        }
        sees
    }

    pub(super) fn expect(&mut self, words: &[&str]) -> Result<(), QueryError> {
        if self.take(words) {
            return Ok(());
        }
        let wanted: Vec<String> = words.iter().map(|word| format!("'{}'", word.to_uppercase())).collect();
        Err(self.expected(&wanted.join(" ")))
    }

    pub(super) fn take_symbol(&mut self, symbol: &Token) -> bool {
        let sees = self.token().is_some_and(|token| token.token == *symbol);
        self.at += usize::from(sees);
        sees
    }

    pub(super) fn symbol(&mut self, symbol: &Token) -> Result<(), QueryError> {
        if self.take_symbol(symbol) { Ok(()) } else { Err(self.expected(&format!("'{symbol}'"))) }
    }

    /// A name, lower case.
    pub(super) fn word(&mut self) -> Result<String, QueryError> {
        match self.token().map(|token| &token.token) {
            Some(Token::Word(Word { value, .. }) | Token::DoubleQuotedString(value)) if !value.is_empty() => {
                self.at += 1;
                Ok(value.to_lowercase())
            }
            Some(Token::Number(digits, _)) => {
                // Names may begin with digits in Hive: the tokenizer parts them.
                let digits = digits.clone();
                self.at += 1;
                let rest = match self.token().map(|token| &token.token) {
                    Some(Token::Word(Word { value, quote_style: None, .. })) => value.clone(),
                    _ => String::new(),
                };
                self.at += usize::from(!rest.is_empty());
                Ok(format!("{digits}{rest}").to_lowercase())
            }
            _ => Err(self.expected("<identifier>")),
        }
    }

    /// A number or a name.
    pub(super) fn argument(&mut self) -> Result<String, QueryError> {
        match self.token().map(|token| &token.token) {
            Some(Token::Number(digits, _)) => {
                self.at += 1;
                Ok(digits.clone())
            }
            _ => self.word(),
        }
    }

    pub(super) fn object(&mut self) -> Result<ObjectName, QueryError> {
        let Position { line, column } = self.position();
        let mut parts = vec![self.word()?];
        while self.take_symbol(&Token::Period) {
            parts.push(self.word()?);
        }
        // `db.table` may also stand in one pair of backticks.
        if let [one] = parts.as_slice()
            && let Some((database, name)) = one.split_once('.')
        {
            parts = vec![database.to_owned(), name.to_owned()];
        }
        let name = parts.pop().unwrap_or_default();
        Ok(ObjectName { database: parts.pop(), name, position: (line, column) })
    }

    pub(super) fn string(&mut self) -> Result<String, QueryError> {
        match self.token().map(|token| &token.token) {
            Some(Token::SingleQuotedString(text)) => {
                self.at += 1;
                Ok(unescape(&text.replace("''", "'")))
            }
            Some(Token::DoubleQuotedString(text)) => {
                self.at += 1;
                Ok(unescape(&text.replace("\"\"", "\"")))
            }
            _ => Err(self.expected("<string>")),
        }
    }

    /// A string, number or word, as its text.
    pub(super) fn literal(&mut self) -> Result<String, QueryError> {
        match self.token().map(|token| &token.token) {
            Some(Token::Number(digits, _)) => {
                self.at += 1;
                Ok(digits.clone())
            }
            Some(Token::Minus) => {
                self.at += 1;
                Ok(format!("-{}", self.literal()?))
            }
            Some(Token::Word(Word { value, .. })) => {
                self.at += 1;
                // DATE '2024-01-01'
                match self.string() {
                    Ok(text) if value.eq_ignore_ascii_case("date") => Ok(text),
                    _ => Ok(value.clone()),
                }
            }
            _ => self.string(),
        }
    }

    /// `( item, item, … )`
    pub(super) fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, QueryError>,
    ) -> Result<Vec<T>, QueryError> {
        self.symbol(&Token::LParen)?;
        let mut items = Vec::new();
        loop {
            items.push(item(self)?);
            if !self.take_symbol(&Token::Comma) {
                self.symbol(&Token::RParen)?;
                return Ok(items);
            }
        }
    }

    /// `('key' = 'value', …)`
    pub(super) fn properties(&mut self) -> Result<Vec<(String, String)>, QueryError> {
        self.list(|cursor| {
            let key = cursor.string()?;
            cursor.symbol(&Token::Eq)?;
            Ok((key, cursor.string()?))
        })
    }

    /// A Hive type as its text: a word, with what stands in brackets or parentheses after it.
    pub(super) fn type_text(&mut self) -> Result<String, QueryError> {
        let mut text = self.word()?;
        let mut depth = 0i32;
        while let Some(token) = self.token() {
            match &token.token {
                Token::Lt | Token::LParen => depth += 1,
                Token::Gt | Token::RParen if depth > 0 => depth -= 1,
                Token::ShiftRight if depth > 1 => depth -= 2,
                _ if depth == 0 => break,
                _ => {}
            }
            text.push_str(&match &token.token {
                Token::Word(Word { value, quote_style: Some(_), .. }) => format!("`{value}`"),
                other => other.to_string().to_lowercase(),
            });
            self.at += 1;
            let next_opens =
                self.token().is_some_and(|token| matches!(token.token, Token::Lt | Token::LParen));
            if depth == 0 && !next_opens {
                break;
            }
        }
        Ok(text)
    }
}

/// Hive's escapes in strings.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('u') => {
                let hex: String = chars.clone().take(4).collect();
                match u32::from_str_radix(&hex, 16).ok().filter(|_| hex.len() == 4).and_then(char::from_u32) {
                    Some(c) => {
                        out.push(c);
                        chars.nth(3);
                    }
                    None => out.push('u'),
                }
            }
            Some(digit @ '0'..='7') => {
                let mut code = digit.to_digit(8).unwrap_or(0);
                let mut taken = 1;
                while let Some(next) = chars.peek().and_then(|c| c.to_digit(8)).filter(|_| taken < 3) {
                    code = code * 8 + next;
                    taken += 1;
                    chars.next();
                }
                out.extend(char::from_u32(code));
            }
            Some(other) => out.push(other),
            None => out.push('\\'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hive_escapes_mean_their_characters() {
        assert_eq!(unescape(r"a\tb\001\u0041\\\'"), "a\tb\u{1}A\\'");
        assert_eq!(unescape(r"\"), "\\");
    }
}
