//! Bodies to values and back, directed by the operation's shapes.
//!
//! Every protocol meets in [`serde_json::Value`]: what JSON services send, with blobs as base64
//! and timestamps as epoch seconds. The generated shapes are (de)serialised from and to it.

mod cbor;
mod form;
mod json;
mod query;
mod xml;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::ApiError;
use crate::cbor::Epoch;
use crate::model::{self, OperationModel, Protocol, ServiceModel};

pub(crate) use form::parameter;
pub(crate) use query::{error_document, response_document};

/// A request of more values than this is refused: a value may be one byte of CBOR or two of JSON, and its
/// decoded form has more than thirty. The largest request a service takes has less than half as many.
const VALUES_MAX: usize = 1 << 20;

/// The form a request came in and its answer goes out in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A JSON document (awsJson 1.0 and 1.1).
    Json,
    /// The same document in CBOR (`application/x-amz-cbor-1.1`), times in milliseconds.
    Cbor,
    /// Smithy's RPC v2: CBOR, times in seconds.
    RpcCbor,
    /// Form parameters in, XML out.
    Query,
}

impl Format {
    pub(crate) fn content_type(self, protocol: Protocol) -> &'static str {
        let is_10 = matches!(protocol, Protocol::Json10 | Protocol::RpcV2Cbor);
        match self {
            Format::Json if is_10 => "application/x-amz-json-1.0",
            Format::Json => "application/x-amz-json-1.1",
            Format::Cbor if is_10 => "application/x-amz-cbor-1.0",
            Format::Cbor => "application/x-amz-cbor-1.1",
            Format::RpcCbor => "application/cbor",
            Format::Query => "text/xml",
        }
    }

    /// An error's document, for the formats that have the same one.
    pub(crate) fn document(self, document: &Map<String, Value>) -> Vec<u8> {
        let mut out = Vec::new();
        let written = match self {
            Format::Cbor | Format::RpcCbor => cbor::encode(document, Epoch::Millis, &mut out),
            Format::Json | Format::Query => {
                serde_json::to_writer(&mut out, document).map_err(ApiError::internal)
            }
        };
        written.expect("invariant: a value of JSON can be written in each format");
        out
    }
}

/// Decodes and encodes the bodies of one operation; handed to raw handlers.
#[derive(Clone, Copy)]
pub struct Codec {
    pub format: Format,
    pub service: &'static ServiceModel,
    pub operation: &'static OperationModel,
}

impl Codec {
    /// Decodes a request body, checks it against the model and the contract, and builds the input.
    pub fn decode<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, ApiError> {
        self.input(self.value(body)?)
    }

    /// The answer in wire form. Members that are `None` are absent.
    pub fn encode<T: Serialize>(&self, output: &T) -> Result<Bytes, ApiError> {
        match self.format {
            Format::Json => json::encode(output),
            Format::Cbor | Format::RpcCbor => {
                let mut out = Vec::new();
                self.encode_into(output, &mut out)?;
                Ok(Bytes::from(out))
            }
            Format::Query => {
                let value = serde_json::to_value(output).map_err(ApiError::internal)?;
                Ok(query::encode_result(self.operation, &value))
            }
        }
    }

    /// Appends the answer in wire form, or the payload of an event.
    pub fn encode_into<T: Serialize>(&self, output: &T, out: &mut Vec<u8>) -> Result<(), ApiError> {
        match self.format {
            Format::Json => serde_json::to_writer(out, output).map_err(ApiError::internal),
            Format::Cbor => cbor::encode(output, Epoch::Millis, out),
            Format::RpcCbor => cbor::encode(output, Epoch::Seconds, out),
            Format::Query => {
                out.extend_from_slice(&self.encode(output)?);
                Ok(())
            }
        }
    }

    /// What [`Codec::encode`] writes, as a media type.
    pub fn content_type(&self) -> &'static str {
        self.format.content_type(self.service.protocol)
    }

    /// The body as a value in the JSON form, types as the model has them, not yet checked.
    pub fn value(&self, body: &[u8]) -> Result<Value, ApiError> {
        match self.format {
            Format::Json => json::decode(body),
            Format::Cbor => cbor::decode(self.operation.input, body, Epoch::Millis),
            Format::RpcCbor => cbor::decode(self.operation.input, body, Epoch::Seconds),
            Format::Query => query::decode(self.operation.input, body),
        }
    }

    /// Checks a value against the model and the contract and builds the input from it.
    pub fn input<T: DeserializeOwned>(&self, value: Value) -> Result<T, ApiError> {
        model::check(self.service, self.operation, &value)
            .map_err(|rejection| ApiError::sender(rejection.code, rejection.message))?;
        // What passed the check fits the shape; should it not, the caller learns where.
        serde_json::from_value(value)
            .map_err(|error| ApiError::sender(self.service.serialization_error(), error.to_string()))
    }
}
