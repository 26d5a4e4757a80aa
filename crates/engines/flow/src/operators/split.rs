//! Records that hold several.

use bytes::Bytes;
use serde::de::IgnoredAny;

use crate::records::Refusal;
use crate::reject::Cause;

/// A record that holds more is refused: the smallest have two bytes, and each costs many times that while it
/// is in work.
const RECORDS_MAX: usize = 1 << 17;

/// JSON objects one after the other, with or without white space between them.
pub(crate) fn json(data: &Bytes, out: &mut Vec<Bytes>) -> Result<(), Refusal> {
    let refused = |reason: String| Refusal::new(Cause::Split, reason);
    let mut values = serde_json::Deserializer::from_slice(data).into_iter::<IgnoredAny>();
    loop {
        let from = skip_space(data, values.byte_offset());
        match values.next() {
            None => return Ok(()),
            Some(Ok(IgnoredAny)) if data[from] != b'{' => {
                return Err(refused(format!("at byte {from}: a JSON object was expected")));
            }
            Some(Ok(IgnoredAny)) if out.len() == RECORDS_MAX => {
                return Err(refused(format!("the record holds more than {RECORDS_MAX} records")));
            }
            Some(Ok(IgnoredAny)) => out.push(data.slice(from..values.byte_offset())),
            Some(Err(error)) => {
                return Err(refused(format!("behind byte {from}: {error}, a JSON object was expected")));
            }
        }
    }
}

pub(crate) fn delimited(data: &Bytes, delimiter: &[u8], out: &mut Vec<Bytes>) {
    let mut from = 0;
    while from < data.len() && out.len() < RECORDS_MAX - 1 {
        let length = find(&data[from..], delimiter).unwrap_or(data.len() - from);
        if length > 0 {
            out.push(data.slice(from..from + length));
        }
        from += length + delimiter.len();
    }
    // What is left beyond the bound stays one record.
    if from < data.len() {
        out.push(data.slice(from..));
    }
}

fn skip_space(data: &[u8], from: usize) -> usize {
    let space = data[from..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    from + space
}

fn find(data: &[u8], delimiter: &[u8]) -> Option<usize> {
    data.windows(delimiter.len().max(1)).position(|window| window == delimiter)
}
