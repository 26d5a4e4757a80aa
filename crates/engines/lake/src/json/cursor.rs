use super::fault::Fault;
use super::text::Text;

/// How deep a value that no column reads may nest.
const DEPTH_MAX: usize = 128;

/// How much of an offending value a reason shows.
const SHOWN_CHARS: usize = 60;

/// The start of a value: a scalar whole, an object or array up to its opening bracket.
#[derive(Debug, Clone, Copy)]
pub(super) enum Token<'a> {
    Null,
    Bool(bool),
    /// Its JSON text, checked.
    Number(&'a str),
    Text(Text<'a>),
    Object,
    Array,
}

/// A place in one record's text.
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Cursor<'a> {
        Cursor { text, at: 0 }
    }

    /// The position of the next character that is not white space.
    pub(super) fn position(&mut self) -> usize {
        self.spaces();
        self.at
    }

    pub(super) fn at_end(&mut self) -> bool {
        self.spaces();
        self.at == self.text.len()
    }

    /// The position right after what was read last.
    pub(super) fn here(&self) -> usize {
        self.at
    }

    /// The record's text from `start` to here.
    pub(super) fn since(&self, start: usize) -> &'a str {
        &self.text[start..self.at]
    }

    /// The value that `token` started at `start`, shortened for a reason; of an object or array,
    /// whose end is not known yet, the rest of the record.
    pub(super) fn shown(&self, start: usize, token: Token<'_>) -> String {
        let end = match token {
            Token::Object | Token::Array => self.text.len(),
            _ => self.at,
        };
        shortened(&self.text[start..end])
    }

    /// Reads the start of a value.
    pub(super) fn token(&mut self) -> Result<Token<'a>, Box<Fault>> {
        self.spaces();
        let token = match self.peek() {
            Some(b'"') => Token::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => Token::Number(self.number()?),
            Some(b'{') => {
                self.at += 1;
                Token::Object
            }
            Some(b'[') => {
                self.at += 1;
                Token::Array
            }
            Some(b't') => self.word("true", Token::Bool(true))?,
            Some(b'f') => self.word("false", Token::Bool(false))?,
            Some(b'n') => self.word("null", Token::Null)?,
            _ => return Err(self.unexpected("a JSON value")),
        };
        Ok(token)
    }

    /// The next key of an object, with its colon; `None` at the object's end. `first` tells whether
    /// the object was just opened.
    pub(super) fn key(&mut self, first: bool) -> Result<Option<Text<'a>>, Box<Fault>> {
        self.spaces();
        match self.peek() {
            Some(b'}') => {
                self.at += 1;
                return Ok(None);
            }
            Some(b',') if !first => {
                self.at += 1;
                self.spaces();
            }
            _ if first => {}
            _ => return Err(self.unexpected("',' or '}'")),
        }
        if self.peek() != Some(b'"') {
            return Err(self.unexpected("a key in double quotes"));
        }
        let key = self.string()?;
        self.spaces();
        if self.peek() != Some(b':') {
            return Err(self.unexpected("':'"));
        }
        self.at += 1;
        Ok(Some(key))
    }

    /// Whether an array has another element, stepping over the comma before it or the end.
    pub(super) fn element(&mut self, first: bool) -> Result<bool, Box<Fault>> {
        self.spaces();
        match self.peek() {
            Some(b']') => {
                self.at += 1;
                Ok(false)
            }
            Some(b',') if !first => {
                self.at += 1;
                Ok(true)
            }
            _ if first => Ok(true),
            _ => Err(self.unexpected("',' or ']'")),
        }
    }

    /// Steps over the rest of the value that `token` started, checking its syntax.
    pub(super) fn skip(&mut self, token: Token<'_>) -> Result<(), Box<Fault>> {
        self.skip_nested(token, 0)
    }

    fn skip_nested(&mut self, token: Token<'_>, depth: usize) -> Result<(), Box<Fault>> {
        if depth > DEPTH_MAX {
            return Err(Fault::new(self.at, format!("nested more than {DEPTH_MAX} deep")));
        }
        let mut first = true;
        match token {
            Token::Object => {
                while let Some(key) = self.key(first)? {
                    if key.escaped {
                        key.plain()?;
                    }
                    first = false;
                    let token = self.token()?;
                    self.skip_nested(token, depth + 1)?;
                }
            }
            Token::Array => {
                while self.element(first)? {
                    first = false;
                    let token = self.token()?;
                    self.skip_nested(token, depth + 1)?;
                }
            }
            Token::Text(text) if text.escaped => {
                text.plain()?;
            }
            _ => {}
        }
        Ok(())
    }

    fn spaces(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(self.at) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn unexpected(&self, wanted: &str) -> Box<Fault> {
        let found = match self.text[self.at..].chars().next() {
            Some(c) => format!("'{}'", c.escape_debug()),
            None => "the end of the record".to_owned(),
        };
        Fault::new(self.at, format!("{wanted} was expected, found {found}"))
    }

    fn word(&mut self, word: &str, token: Token<'a>) -> Result<Token<'a>, Box<Fault>> {
        let bytes = self.text.as_bytes();
        let end = self.at + word.len();
        let ends = bytes.get(end).is_none_or(|b| !b.is_ascii_alphanumeric());
        if ends && bytes.get(self.at..end) == Some(word.as_bytes()) {
            self.at = end;
            return Ok(token);
        }
        Err(self.unexpected("a JSON value"))
    }

    fn number(&mut self) -> Result<&'a str, Box<Fault>> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let digits = |mut at: usize| {
            while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
            at
        };
        let mut at = start + usize::from(bytes[start] == b'-');
        let integer = at;
        at = digits(at);
        let mut valid = at > integer && (bytes[integer] != b'0' || at == integer + 1);
        if bytes.get(at) == Some(&b'.') {
            let end = digits(at + 1);
            valid &= end > at + 1;
            at = end;
        }
        if let Some(b'e' | b'E') = bytes.get(at) {
            let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
            let end = digits(at + 1 + sign);
            valid &= end > at + 1 + sign;
            at = end;
        }
        if !valid || bytes.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_')) {
            return Err(Fault::new(start, format!("not a JSON number: {}", shortened(&self.text[start..]))));
        }
        self.at = at;
        Ok(&self.text[start..at])
    }

    /// Reads a string from its opening quote. Control characters are taken as they are, as Hive's
    /// readers do, but not a line break: that is where a cut-off string shows.
    fn string(&mut self) -> Result<Text<'a>, Box<Fault>> {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            at = next_special(bytes, at);
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    at += 2;
                }
                Some(b'\n' | b'\r') | None => {
                    return Err(Fault::new(self.at, "the string is never closed"));
                }
                Some(_) => at += 1,
            }
        }
        self.at = at + 1;
        Ok(Text { raw: &self.text[start..at], escaped, at: start })
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

const ONES: u64 = u64::MAX / 255;
const HIGHS: u64 = ONES * 128;

/// The first place from `at` on of a quote, backslash or control character; eight bytes at a time.
fn next_special(bytes: &[u8], mut at: usize) -> usize {
    let zero = |v: u64| v.wrapping_sub(ONES) & !v & HIGHS;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let v = u64::from_le_bytes(*chunk);
        let quote = zero(v ^ (ONES * u64::from(b'"')));
        let backslash = zero(v ^ (ONES * u64::from(b'\\')));
        let control = v.wrapping_sub(ONES * 0x20) & !v & HIGHS;
        let found = quote | backslash | control;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|b| !matches!(b, b'"' | b'\\' | 0..=0x1f)) {
        at += 1;
    }
    at
}
