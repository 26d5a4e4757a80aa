//! CBOR bodies. Blobs are byte strings there, timestamps numbers with tag 1; everything else is as in JSON.

use serde::Serialize;
use serde_json::{Map, Number, Value};

use super::VALUES_MAX;
use crate::ApiError;
use crate::cbor::{CborError, Epoch, Head, Length, Reader, to_writer};
use crate::model::Schema;

/// Nesting deeper than this is refused, as by the JSON parser.
const DEPTH_MAX: usize = 128;

/// Tags before one item.
const TAGS_MAX: usize = 4;

const EPOCH_TAG: u64 = 1;

/// A request as a value of the JSON form. Nothing at all counts as an empty structure.
pub(super) fn decode(input: &Schema, body: &[u8], epoch: Epoch) -> Result<Value, ApiError> {
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let mut decoder = Decoder { reader: Reader::new(body), epoch, values: 0 };
    match decoder.value(input, "the request", 0).map_err(ApiError::from)? {
        _ if !decoder.reader.is_at_end() => {
            let at = decoder.reader.position();
            Err(ApiError::serialization(format!(
                "The request is not valid CBOR: it goes on after its end at byte {at}"
            )))
        }
        value @ Value::Object(_) => Ok(value),
        _ => Err(ApiError::serialization("Unexpected item: the request must be a CBOR map")),
    }
}

/// Appends an answer; nothing for none at all, as in JSON.
pub(super) fn encode<T: Serialize>(output: &T, epoch: Epoch, out: &mut Vec<u8>) -> Result<(), ApiError> {
    const NULL: u8 = 0xf6;
    let from = out.len();
    to_writer(output, epoch, out).map_err(ApiError::internal)?;
    if out[from..] == [NULL] {
        out.truncate(from);
    }
    Ok(())
}

#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("The request is not valid CBOR: {0}")]
    Cbor(#[from] CborError),
    #[error("The request is nested more than {DEPTH_MAX} deep")]
    Deep,
    #[error("The request has more than {VALUES_MAX} values")]
    Many,
    #[error("The request is not valid CBOR: the keys of a map must be text")]
    Key,
    #[error("Unexpected byte string as '{0}'")]
    Bytes(String),
    #[error("Unexpected text as '{0}': Blob: it is not a byte string")]
    Text(String),
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> ApiError {
        ApiError::serialization(refusal.to_string())
    }
}

struct Decoder<'a> {
    reader: Reader<'a>,
    epoch: Epoch,
    values: usize,
}

impl Decoder<'_> {
    /// `name` is the nearest member's, for messages.
    fn value(&mut self, schema: &Schema, name: &str, depth: usize) -> Result<Value, Refusal> {
        if depth > DEPTH_MAX {
            return Err(Refusal::Deep);
        }
        self.values += 1;
        if self.values > VALUES_MAX {
            return Err(Refusal::Many);
        }
        let (head, is_time) = self.head()?;
        let is_time = is_time || matches!(schema, Schema::Timestamp(_));
        Ok(match head {
            Head::Unsigned(number) if is_time => self.time(number as f64),
            Head::Negative(number) if is_time => self.time(-1.0 - number as f64),
            Head::Float(number) if is_time => self.time(number),
            Head::Unsigned(number) => Value::from(number),
            // What does not fit is no Long of any model, and its float says so.
            Head::Negative(number) => match i64::try_from(number) {
                Ok(number) => Value::from(-1 - number),
                Err(_) => float(-1.0 - number as f64),
            },
            Head::Float(number) => float(number),
            Head::Bool(value) => Value::Bool(value),
            Head::Null => Value::Null,
            Head::Bytes(length) => self.bytes(schema, length, name)?,
            Head::Text(_) if matches!(schema, Schema::Blob { .. }) => {
                return Err(Refusal::Text(name.to_owned()));
            }
            Head::Text(length) => Value::String(self.reader.text(length)?.into_owned()),
            Head::Array(length) => self.list(schema, length, name, depth)?,
            Head::Map(length) => self.map(schema, length, name, depth)?,
            Head::Tag(_) => return Err(CborError::Malformed { at: self.reader.position() }.into()),
        })
    }

    /// The head behind the tags, and whether one of them calls it a time. What else a tag may say is for the
    /// model to know.
    fn head(&mut self) -> Result<(Head, bool), Refusal> {
        let mut is_time = false;
        for _ in 0..=TAGS_MAX {
            match self.reader.head()? {
                Head::Tag(tag) => is_time |= tag == EPOCH_TAG,
                head => return Ok((head, is_time)),
            }
        }
        Err(CborError::Malformed { at: self.reader.position() }.into())
    }

    /// The time in seconds, whole where it is.
    fn time(&self, number: f64) -> Value {
        let seconds = match self.epoch {
            Epoch::Seconds => number,
            Epoch::Millis => number / 1000.0,
        };
        // Whole numbers of this size are exact.
        const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
        if seconds.fract() == 0.0 && seconds.abs() <= WHOLE_MAX {
            return Value::from(seconds as i64);
        }
        float(seconds)
    }

    fn bytes(&mut self, schema: &Schema, length: Length, name: &str) -> Result<Value, Refusal> {
        let bytes = self.reader.bytes(length)?;
        match schema {
            Schema::Blob { .. } | Schema::Any => {
                Ok(Value::String(base64_simd::STANDARD.encode_to_string(&bytes)))
            }
            _ => Err(Refusal::Bytes(name.to_owned())),
        }
    }

    fn list(
        &mut self,
        schema: &Schema,
        mut left: Length,
        name: &str,
        depth: usize,
    ) -> Result<Value, Refusal> {
        let member = match schema {
            Schema::List { member, .. } => member,
            _ => &Schema::Any,
        };
        let mut items = Vec::new();
        while self.reader.more(&mut left)? {
            items.push(self.value(member, name, depth + 1)?);
        }
        Ok(Value::Array(items))
    }

    /// Structures and maps alike; of a key that is there twice the last value counts, as in JSON.
    fn map(&mut self, schema: &Schema, mut left: Length, name: &str, depth: usize) -> Result<Value, Refusal> {
        let mut members = Map::new();
        while self.reader.more(&mut left)? {
            let (Head::Text(length), _) = self.head()? else { return Err(Refusal::Key) };
            let key = self.reader.text(length)?;
            let value = match schema {
                Schema::Structure(structure) => {
                    let member = structure.member(&key).map_or(&Schema::Any, |member| member.schema);
                    self.value(member, &key, depth + 1)?
                }
                Schema::Map { value, .. } => self.value(value, name, depth + 1)?,
                _ => self.value(&Schema::Any, name, depth + 1)?,
            };
            members.insert(key.into_owned(), value);
        }
        Ok(Value::Object(members))
    }
}

/// Numbers that JSON cannot hold become their names, which no shape of a number takes.
fn float(number: f64) -> Value {
    Number::from_f64(number).map_or_else(|| Value::String(number.to_string()), Value::Number)
}

#[cfg(test)]
mod tests;
