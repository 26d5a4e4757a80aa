use std::cell::Cell;
use std::fmt;

use bytes::Bytes;
use serde::Serialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::VALUES_MAX;
use crate::ApiError;

/// A request document. Nothing at all counts as an empty structure, as SDKs send for operations
/// without input. Nesting is bounded by the parser.
pub(super) fn decode(body: &[u8]) -> Result<Value, ApiError> {
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let left = Cell::new(VALUES_MAX);
    let mut parser = serde_json::Deserializer::from_slice(body);
    match Counted(&left).deserialize(&mut parser).and_then(|value| parser.end().map(|()| value)) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(ApiError::serialization("Unexpected token: the request must be a JSON object")),
        Err(error) => Err(ApiError::serialization(format!("The request is not valid JSON: {error}"))),
    }
}

pub(super) fn encode<T: Serialize>(output: &T) -> Result<Bytes, ApiError> {
    match serde_json::to_vec(output) {
        Ok(text) if text == b"null" => Ok(Bytes::new()),
        Ok(text) => Ok(Bytes::from(text)),
        Err(error) => Err(ApiError::internal(error)),
    }
}

/// A value like serde_json's own, of as many values as are left.
struct Counted<'a>(&'a Cell<usize>);

impl<'de> DeserializeSeed<'de> for Counted<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let left = self.0.get().checked_sub(1);
        self.0.set(left.ok_or_else(|| D::Error::custom(format!("it has more than {VALUES_MAX} values")))?);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Counted<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Counted(self.0))? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = entries.next_key()? {
            members.insert(name, entries.next_value_seed(Counted(self.0))?);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    proptest! {
        #[test]
        fn documents_are_read_as_serde_json_reads_them(text in "[\\[\\]{}:,\"ab0-9.eE+ntrufalse -]{0,40}") {
            let ours = decode(format!("{{\"a\":{text}}}").as_bytes()).ok();
            prop_assert_eq!(ours, serde_json::from_str(&format!("{{\"a\":{text}}}")).ok());
        }

        #[test]
        fn arbitrary_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn deep_nesting_and_many_values_are_refused() {
        let refusal = |body: String| decode(body.as_bytes()).unwrap_err().message().to_owned();
        let deep = refusal(format!("{{\"a\":{}", "[".repeat(1_000_000)));
        assert!(deep.contains("recursion limit"), "{deep}");
        let many = refusal(format!("{{\"a\":[{}0]}}", "0,".repeat(VALUES_MAX)));
        assert!(many.contains("more than 1048576 values"), "{many}");
        assert_eq!(
            decode(b"{\"a\":[1,-1,1.5,\"x\",null,true,{}]}").unwrap(),
            json!({"a": [1, -1, 1.5, "x", null, true, {}]})
        );
    }
}
