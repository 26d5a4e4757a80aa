//! The service models as static data: operations, shapes and their constraints.
//!
//! `cargo xtask model` writes one `model.rs` per service that consists of these types. Everything is
//! `const`-constructible and refers to its parts by `&'static`, so that a shape may contain itself and
//! start-up costs nothing. [`check`] compares a decoded request with the shape of its operation and
//! answers in the service's own wording; a handler runs only when it found nothing.
//!
//! What is here never decodes or encodes bytes and never decides what an operation does.

mod check;
mod pattern;
mod schema;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod validate;
mod violation;
mod wire_enum;

pub use check::{Rejection, check};
pub use pattern::Pattern;
pub use schema::{ANY, ANY_MAP, BOOLEAN, DOUBLE, FLOAT, INTEGER, LONG, STRING, TIMESTAMP};
pub use schema::{Location, Member, Numbers, Schema, StringSchema, Structure, TimestampFormat};
pub use validate::validate;
pub use violation::{Kind, VIOLATIONS_MAX, Violation};
pub use wire_enum::UnknownValue;

/// How a service's requests and answers stand on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Json10,
    Json11,
    Query,
    RestJson,
    RestXml,
    /// Smithy's RPC v2 in CBOR, and awsJson 1.0 and query beside it.
    RpcV2Cbor,
}

/// One service of the public models: what is built, what is refused.
#[derive(Debug)]
pub struct ServiceModel {
    /// Short name, as in `crates/services/<name>`.
    pub name: &'static str,
    /// Name in the credential scope of a signature.
    pub signing_name: &'static str,
    /// As printed for people: "Amazon Kinesis".
    pub full_name: &'static str,
    pub protocol: Protocol,
    /// Before the dot in `X-Amz-Target`, and the service's name in the path of RPC v2; empty for services
    /// that are called otherwise.
    pub target_prefix: &'static str,
    pub api_version: &'static str,
    /// Namespace of XML answers; empty for services that do not answer query requests.
    pub xml_namespace: &'static str,
    /// Error code for a value that violates the model's constraints.
    pub constraint_error: &'static str,
    /// Error code for a field that is unknown or refused.
    pub unsupported_field_error: &'static str,
    pub operations: &'static [&'static OperationModel],
    pub refused: &'static [RefusedOperation],
    /// The errors that the built operations may answer.
    pub errors: &'static [ErrorModel],
}

/// One built operation.
#[derive(Debug)]
pub struct OperationModel {
    pub name: &'static str,
    pub method: &'static str,
    /// Request URI with `{label}`s, "/" for protocols without bindings.
    pub uri: &'static str,
    pub input: &'static Schema,
    pub output: &'static Schema,
    /// Element that wraps the answer (query protocol); empty when there is none.
    pub result_wrapper: &'static str,
    /// Shape names of the modelled errors, see [`ServiceModel::error`].
    pub errors: &'static [&'static str],
    /// Member of the input that makes a retry the same request.
    pub idempotency_token: Option<&'static str>,
    pub refused_fields: &'static [RefusedField],
}

/// An operation of the public model that is not built.
#[derive(Debug)]
pub struct RefusedOperation {
    pub name: &'static str,
    pub reason: &'static str,
}

/// An input field that is not executed. The path goes through lists silently; `*` stands for every key of a map.
#[derive(Debug)]
pub struct RefusedField {
    pub path: &'static [&'static str],
    pub reason: &'static str,
}

/// A modelled error.
#[derive(Debug)]
pub struct ErrorModel {
    /// Shape name.
    pub name: &'static str,
    /// What stands on the wire of query requests; elsewhere it is the name.
    pub code: &'static str,
    pub status: u16,
}

impl ServiceModel {
    /// The built operation of this name.
    pub fn operation(&self, name: &str) -> Option<&'static OperationModel> {
        self.operations.iter().copied().find(|operation| operation.name == name)
    }

    /// Why the operation is refused; `None` when it is built or not in the public model at all.
    pub fn refusal(&self, name: &str) -> Option<&'static str> {
        self.refused.iter().find(|refused| refused.name == name).map(|refused| refused.reason)
    }

    /// The modelled error whose wire code is `code`.
    pub fn error(&self, code: &str) -> Option<&'static ErrorModel> {
        self.errors.iter().find(|error| error.code == code)
    }

    /// Error code for a value of the wrong type.
    pub fn serialization_error(&self) -> &'static str {
        match self.protocol {
            Protocol::Query => "MalformedInput",
            Protocol::RestXml => "MalformedXML",
            Protocol::Json10 | Protocol::Json11 | Protocol::RestJson | Protocol::RpcV2Cbor => {
                "SerializationException"
            }
        }
    }
}
