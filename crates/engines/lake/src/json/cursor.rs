use std::borrow::Cow;
use std::fmt;

/// How deep a value that no column reads may nest.
const DEPTH_MAX: usize = 128;

/// How much of an offending value a reason shows.
const SHOWN_CHARS: usize = 60;

/// Why a record was refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// In bytes from the record's start.
    at: usize,
    /// From the innermost field outwards.
    path: Vec<String>,
    reason: Cow<'static, str>,
}

impl Fault {
    pub(super) fn new(at: usize, reason: impl Into<Cow<'static, str>>) -> Box<Fault> {
        Box::new(Fault { at, path: Vec::new(), reason: reason.into() })
    }

    /// The same fault, seen from the struct that has it in `field`.
    pub(super) fn within(mut self: Box<Self>, field: &str) -> Box<Fault> {
        self.path.push(field.to_owned());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            let path: Vec<&str> = self.path.iter().rev().map(String::as_str).collect();
            write!(f, "field '{}', ", path.join("."))?;
        }
        write!(f, "byte {}: {}", self.at, self.reason)
    }
}

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

/// A string as it is written between its quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'a> {
    pub raw: &'a str,
    pub escaped: bool,
    /// Where `raw` starts.
    pub at: usize,
}

impl<'a> Text<'a> {
    pub(super) fn plain(&self) -> Result<Cow<'a, str>, Box<Fault>> {
        if !self.escaped {
            return Ok(Cow::Borrowed(self.raw));
        }
        let mut plain = Vec::with_capacity(self.raw.len());
        self.append_to(&mut plain)?;
        Ok(Cow::Owned(String::from_utf8(plain).expect("unescaping appends whole characters")))
    }

    /// Appends the text, unescaped. On an error some of it may have been appended.
    pub(super) fn append_to(&self, out: &mut Vec<u8>) -> Result<(), Box<Fault>> {
        if !self.escaped {
            out.extend_from_slice(self.raw.as_bytes());
            return Ok(());
        }
        let mut rest = self.raw;
        while let Some(backslash) = rest.find('\\') {
            out.extend_from_slice(&rest.as_bytes()[..backslash]);
            let escape = &rest[backslash..];
            let (c, length) = unescape(escape)
                .ok_or_else(|| Fault::new(self.at + self.raw.len() - escape.len(), "not a JSON escape"))?;
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            rest = &escape[length..];
        }
        out.extend_from_slice(rest.as_bytes());
        Ok(())
    }
}

/// The character at the start of `escape` and how many bytes it took.
fn unescape(escape: &str) -> Option<(char, usize)> {
    let simple = match escape.as_bytes().get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let high = code_unit(escape.get(2..6)?)?;
            if let Some(c) = char::from_u32(high) {
                return Some((c, 6));
            }
            let low = code_unit(escape.get(6..12)?.strip_prefix("\\u")?)?;
            let paired = (0xD800..0xDC00).contains(&high) && (0xDC00..0xE000).contains(&low);
            let code = paired.then(|| 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))?;
            return Some((char::from_u32(code)?, 12));
        }
        _ => return None,
    };
    Some((simple, 2))
}

fn code_unit(hex: &str) -> Option<u32> {
    if !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(hex, 16).ok()
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
