use std::borrow::Cow;

use super::fault::Fault;

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
