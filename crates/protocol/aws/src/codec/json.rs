use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::ApiError;

/// A request document. Nothing at all counts as an empty structure, as SDKs send for operations
/// without input. Nesting is bounded by the parser.
pub(super) fn decode(body: &[u8]) -> Result<Value, ApiError> {
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    match serde_json::from_slice(body) {
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
