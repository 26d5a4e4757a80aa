use std::fmt;

use names::Scope;

/// Ends a text segment. A zero byte inside one is written as `00 FF`, so that the end sorts first.
const TEXT_END: u8 = 0x00;
const ZERO_ESCAPE: u8 = 0xFF;
const TEXT: u8 = 0x02;
const NUMBER: u8 = 0x03;
/// Greater than every key and, appended to a key, greater than everything below it.
pub(crate) const END: &[u8] = &[0xFF];

/// A path of segments. Keys sort segment by segment: text by its bytes, numbers by value and after
/// text, a path before everything below it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Vec<u8>);

/// One step of a key's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    Text(Vec<u8>),
    Number(u64),
}

impl Segment {
    /// The text, if it is text and UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Segment::Text(bytes) => std::str::from_utf8(bytes).ok(),
            Segment::Number(_) => None,
        }
    }

    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Segment::Text(_) => None,
            Segment::Number(number) => Some(*number),
        }
    }
}

impl Key {
    /// `account / region / owner`, where the owner is the name of the crate that keeps the key.
    pub fn scoped(scope: &Scope, owner: &str) -> Key {
        Key(Vec::with_capacity(64)).with(scope.account.as_str()).with(scope.region.as_str()).with(owner)
    }

    /// `global / owner`, for what belongs to no account and region.
    pub fn global(owner: &str) -> Key {
        Key(Vec::with_capacity(64)).with("global").with(owner)
    }

    /// One step further down. Any bytes are allowed, also none.
    #[must_use]
    pub fn with(mut self, text: impl AsRef<[u8]>) -> Key {
        let text = text.as_ref();
        self.0.reserve(text.len() + 2);
        self.0.push(TEXT);
        for &byte in text {
            self.0.push(byte);
            if byte == TEXT_END {
                self.0.push(ZERO_ESCAPE);
            }
        }
        self.0.push(TEXT_END);
        self
    }

    /// One step further down, sorted by value.
    #[must_use]
    pub fn with_u64(mut self, number: u64) -> Key {
        self.0.push(NUMBER);
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    pub fn segments(&self) -> Vec<Segment> {
        let mut segments = Vec::new();
        let mut from = 0;
        for to in self.boundaries() {
            segments.push(decode(&self.0[from..to]));
            from = to;
        }
        segments
    }

    /// The segment at this position, the first being 0.
    pub fn segment(&self, index: usize) -> Option<Segment> {
        let mut boundaries = self.boundaries();
        let from = if index == 0 { 0 } else { boundaries.nth(index - 1)? };
        let to = boundaries.next()?;
        Some(decode(&self.0[from..to]))
    }

    /// How many segments there are.
    pub fn depth(&self) -> usize {
        self.boundaries().count()
    }

    /// The last segment as text, which is most often the name of the thing the key stands for.
    pub fn last_str(&self) -> Option<String> {
        self.segments().last().and_then(Segment::as_str).map(str::to_owned)
    }

    /// The last segment as a number.
    pub fn last_u64(&self) -> Option<u64> {
        self.segments().last().and_then(Segment::as_u64)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this key is `prefix` or lies below it.
    pub fn starts_with(&self, prefix: &Key) -> bool {
        // A zero byte in the segment itself goes on where the prefix ends.
        self.0.starts_with(&prefix.0) && self.0.get(prefix.0.len()) != Some(&ZERO_ESCAPE)
    }

    pub(crate) fn from_stored(bytes: &[u8]) -> Key {
        Key(bytes.to_vec())
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The least bytes greater than this key.
    pub(crate) fn just_after(&self) -> Vec<u8> {
        [&self.0[..], &[0]].concat()
    }

    /// The half-open range of what lies strictly below this key.
    pub(crate) fn below(&self) -> (Vec<u8>, Vec<u8>) {
        (self.just_after(), [&self.0[..], END].concat())
    }

    /// Where each segment ends.
    pub(crate) fn boundaries(&self) -> impl Iterator<Item = usize> + '_ {
        let bytes = &self.0;
        let mut at = 0;
        std::iter::from_fn(move || {
            let tag = *bytes.get(at)?;
            at += 1;
            if tag == NUMBER {
                at += size_of::<u64>();
            } else {
                loop {
                    let byte = *bytes.get(at)?;
                    at += 1;
                    if byte == TEXT_END {
                        if bytes.get(at) != Some(&ZERO_ESCAPE) {
                            break;
                        }
                        at += 1;
                    }
                }
            }
            (at <= bytes.len()).then_some(at)
        })
    }
}

fn decode(segment: &[u8]) -> Segment {
    let (tag, body) = segment.split_first().expect("a segment begins with its tag");
    if *tag == NUMBER {
        return Segment::Number(u64::from_be_bytes(body.try_into().expect("a number has eight bytes")));
    }
    let mut text = Vec::with_capacity(body.len());
    let mut bytes = body[..body.len() - 1].iter();
    while let Some(&byte) = bytes.next() {
        text.push(byte);
        if byte == TEXT_END {
            bytes.next();
        }
    }
    Segment::Text(text)
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.segments().iter().enumerate() {
            if index > 0 {
                f.write_str("/")?;
            }
            match segment {
                Segment::Text(text) => f.write_str(&String::from_utf8_lossy(text))?,
                Segment::Number(number) => write!(f, "{number}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}
