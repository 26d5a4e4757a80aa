use std::borrow::Cow;

/// What an item begins with: its type, and its length or its value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Head {
    Unsigned(u64),
    /// The number is minus one minus this.
    Negative(u64),
    Bytes(Length),
    Text(Length),
    /// That many items follow.
    Array(Length),
    /// That many pairs follow.
    Map(Length),
    /// Says something of the item that follows.
    Tag(u64),
    Bool(bool),
    /// Null, or undefined.
    Null,
    Float(f64),
}

/// `None`: until a break.
pub type Length = Option<u64>;

/// Why a body is not CBOR, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CborError {
    #[error("the body ends within an item")]
    Truncated,
    #[error("the byte at {at} begins no item that may stand there")]
    Malformed { at: usize },
    #[error("the text before byte {at} is not UTF-8")]
    NotText { at: usize },
}

/// A cursor over CBOR.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

const BREAK: u8 = 0xff;

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, at: 0 }
    }

    pub fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// Bytes read so far.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Takes the head of the next item. The content of a string follows by [`Reader::text`] or
    /// [`Reader::bytes`], the items of a container as [`Reader::more`] tells.
    pub fn head(&mut self) -> Result<Head, CborError> {
        let at = self.at;
        let first = self.take(1)?[0];
        let (major, info) = (first >> 5, first & 0x1f);
        if major == 7 {
            return self.simple(info, at);
        }
        let number = match info {
            0..=23 => Some(u64::from(info)),
            24 => Some(u64::from(self.take(1)?[0])),
            25 => Some(u64::from(u16::from_be_bytes(self.array()?))),
            26 => Some(u64::from(u32::from_be_bytes(self.array()?))),
            27 => Some(u64::from_be_bytes(self.array()?)),
            31 => None,
            _ => return Err(CborError::Malformed { at }),
        };
        Ok(match (major, number) {
            (2, length) => Head::Bytes(length),
            (3, length) => Head::Text(length),
            (4, length) => Head::Array(length),
            (5, length) => Head::Map(length),
            (0, Some(number)) => Head::Unsigned(number),
            (1, Some(number)) => Head::Negative(number),
            (6, Some(number)) => Head::Tag(number),
            _ => return Err(CborError::Malformed { at }),
        })
    }

    /// Whether another item (another pair, of a map) follows in a container. `left` is the length from its
    /// head and counts down; the break of an indefinite one is taken.
    pub fn more(&mut self, left: &mut Length) -> Result<bool, CborError> {
        match left {
            Some(0) => Ok(false),
            Some(count) => {
                *count -= 1;
                Ok(true)
            }
            None => match self.bytes.get(self.at) {
                Some(&BREAK) => {
                    self.at += 1;
                    Ok(false)
                }
                Some(_) => Ok(true),
                None => Err(CborError::Truncated),
            },
        }
    }

    /// The content of a byte string, lent where it is in one piece.
    pub fn bytes(&mut self, length: Length) -> Result<Cow<'a, [u8]>, CborError> {
        match length {
            Some(length) => self.take(length).map(Cow::Borrowed),
            None => self.pieces(|head| matches!(head, Head::Bytes(Some(_))), |_, _| Ok(())).map(Cow::Owned),
        }
    }

    /// The content of a text string, lent where it is in one piece.
    pub fn text(&mut self, length: Length) -> Result<Cow<'a, str>, CborError> {
        match length {
            Some(length) => {
                let piece = self.take(length)?;
                utf8(piece, self.at).map(Cow::Borrowed)
            }
            None => {
                // Each piece must be text of its own.
                let whole = self.pieces(
                    |head| matches!(head, Head::Text(Some(_))),
                    |piece, at| utf8(piece, at).map(drop),
                )?;
                String::from_utf8(whole).map(Cow::Owned).map_err(|_| CborError::NotText { at: self.at })
            }
        }
    }

    fn pieces(
        &mut self,
        fits: impl Fn(Head) -> bool,
        check: impl Fn(&[u8], usize) -> Result<(), CborError>,
    ) -> Result<Vec<u8>, CborError> {
        let mut whole = Vec::new();
        let mut left = None;
        while self.more(&mut left)? {
            let at = self.at;
            let head = self.head()?;
            let (Head::Bytes(Some(length)) | Head::Text(Some(length))) = head else {
                return Err(CborError::Malformed { at });
            };
            if !fits(head) {
                return Err(CborError::Malformed { at });
            }
            let piece = self.take(length)?;
            check(piece, self.at)?;
            whole.extend_from_slice(piece);
        }
        Ok(whole)
    }

    fn simple(&mut self, info: u8, at: usize) -> Result<Head, CborError> {
        Ok(match info {
            20 => Head::Bool(false),
            21 => Head::Bool(true),
            22 | 23 => Head::Null,
            25 => Head::Float(half(u16::from_be_bytes(self.array()?))),
            26 => Head::Float(f64::from(f32::from_be_bytes(self.array()?))),
            27 => Head::Float(f64::from_be_bytes(self.array()?)),
            _ => return Err(CborError::Malformed { at }),
        })
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], CborError> {
        let left = &self.bytes[self.at..];
        let length = usize::try_from(length).map_err(|_| CborError::Truncated)?;
        let taken = left.get(..length).ok_or(CborError::Truncated)?;
        self.at += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CborError> {
        let bytes = self.take(N as u64)?;
        Ok(bytes.try_into().expect("invariant: that many bytes were taken"))
    }
}

fn utf8(piece: &[u8], at: usize) -> Result<&str, CborError> {
    std::str::from_utf8(piece).map_err(|_| CborError::NotText { at })
}

/// A number of half precision: one bit of sign, five of exponent, ten of fraction.
fn half(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let fraction = f64::from(bits & 0x3ff);
    match (bits >> 10) & 0x1f {
        0 => sign * fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => sign * f64::INFINITY,
        31 => f64::NAN,
        exponent => sign * (1.0 + fraction / 1024.0) * 2_f64.powi(i32::from(exponent) - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(bytes: &[u8]) -> Result<Head, CborError> {
        Reader::new(bytes).head()
    }

    #[test]
    fn numbers_are_those_of_the_standards_examples() {
        for (bytes, number) in [
            (&[0x00][..], Head::Unsigned(0)),
            (&[0x17], Head::Unsigned(23)),
            (&[0x18, 0x18], Head::Unsigned(24)),
            (&[0x19, 0x03, 0xe8], Head::Unsigned(1000)),
            (&[0x1a, 0x00, 0x0f, 0x42, 0x40], Head::Unsigned(1_000_000)),
            (&[0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Head::Unsigned(u64::MAX)),
            (&[0x20], Head::Negative(0)),
            (&[0x39, 0x03, 0xe7], Head::Negative(999)),
            (&[0xf9, 0x00, 0x01], Head::Float(5.960_464_477_539_063e-8)),
            (&[0xf9, 0x3c, 0x00], Head::Float(1.0)),
            (&[0xf9, 0xc4, 0x00], Head::Float(-4.0)),
            (&[0xf9, 0x7b, 0xff], Head::Float(65504.0)),
            (&[0xf9, 0xfc, 0x00], Head::Float(f64::NEG_INFINITY)),
            (&[0xfa, 0x47, 0xc3, 0x50, 0x00], Head::Float(100_000.0)),
            (&[0xfb, 0x3f, 0xf1, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a], Head::Float(1.1)),
            (&[0xf4], Head::Bool(false)),
            (&[0xf7], Head::Null),
            (&[0xc1], Head::Tag(1)),
        ] {
            assert_eq!(head(bytes), Ok(number), "{bytes:x?}");
        }
        assert!(matches!(head(&[0xf9, 0x7e, 0x00]), Ok(Head::Float(number)) if number.is_nan()));
    }

    #[test]
    fn what_the_standard_calls_malformed_is_refused() {
        for bytes in [&[0x1c][..], &[0x1f], &[0x3f], &[0xdf], &[0xff], &[0xfc], &[0xf8, 0x20]] {
            assert_eq!(head(bytes), Err(CborError::Malformed { at: 0 }), "{bytes:x?}");
        }
        for bytes in [&[][..], &[0x18], &[0x1b, 0, 0], &[0xfb, 0]] {
            assert_eq!(head(bytes), Err(CborError::Truncated), "{bytes:x?}");
        }
    }

    #[test]
    fn strings_are_lent_or_joined() {
        let read = |bytes: &'static [u8]| {
            let mut reader = Reader::new(bytes);
            match reader.head()? {
                Head::Text(length) => reader.text(length).map(|text| text.into_owned().into_bytes()),
                Head::Bytes(length) => reader.bytes(length).map(Cow::into_owned),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(read(b"\x64\xf0\x90\x85\x91").unwrap(), "\u{10151}".as_bytes());
        assert_eq!(read(b"\x7f\x65strea\x64ming\xff").unwrap(), b"streaming");
        assert_eq!(read(b"\x5f\x42\x01\x02\x43\x03\x04\x05\xff").unwrap(), [1, 2, 3, 4, 5]);
        let mut lent = Reader::new(b"\x42hi");
        let length = lent.head().unwrap();
        assert_eq!(length, Head::Bytes(Some(2)));
        assert!(matches!(lent.bytes(Some(2)).unwrap(), Cow::Borrowed(b"hi")));
        // A character cut in two, pieces of another type, pieces in pieces, no end.
        assert!(matches!(read(b"\x7f\x62\xf0\x90\x62\x85\x91\xff"), Err(CborError::NotText { .. })));
        assert!(matches!(read(b"\x7f\x41a\xff"), Err(CborError::Malformed { .. })));
        assert!(matches!(read(b"\x7f\x7f\x61a\xff\xff"), Err(CborError::Malformed { .. })));
        assert_eq!(read(b"\x7f\x61a"), Err(CborError::Truncated));
        assert_eq!(read(b"\x7b\xff\xff\xff\xff\xff\xff\xff\xff"), Err(CborError::Truncated));
    }
}
