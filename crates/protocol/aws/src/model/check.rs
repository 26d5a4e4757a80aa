//! From violations to the service's answer.

use serde_json::Value;

use super::violation::{Kind, Violation};
use super::{OperationModel, RefusedField, Schema, ServiceModel, validate};

/// A request that must not reach its handler: always the sender's fault, status 400.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    pub code: &'static str,
    pub message: String,
}

/// Compares a decoded input with its operation. Types come first, then unknown and refused fields,
/// then constraints, all of which are listed in one message.
pub fn check(service: &ServiceModel, operation: &OperationModel, input: &Value) -> Result<(), Rejection> {
    let violations = validate(operation.input, input);
    let first = |kind| violations.iter().find(|violation: &&Violation| violation.kind == kind);
    if let Some(violation) = first(Kind::WrongType) {
        return Err(Rejection { code: service.serialization_error(), message: violation.to_string() });
    }
    if let Some(violation) = first(Kind::Unknown) {
        let message = format!("{violation} in {}", operation.name);
        return Err(Rejection { code: service.unsupported_field_error, message });
    }
    for refused in operation.refused_fields {
        if is_given(operation.input, input, refused.path) {
            return Err(Rejection { code: service.unsupported_field_error, message: refusal(refused) });
        }
    }
    if violations.is_empty() {
        return Ok(());
    }
    let details: Vec<_> = violations.iter().map(|violation| violation.detail.as_str()).collect();
    let plural = if details.len() == 1 { "error" } else { "errors" };
    let message = format!("{} validation {plural} detected: {}", details.len(), details.join("; "));
    Err(Rejection { code: service.constraint_error, message })
}

fn refusal(field: &RefusedField) -> String {
    format!("Field '{}' is not supported by Mulgil: {}", field.path.join("."), field.reason)
}

/// Null, false and the empty list or map ask for nothing; an empty structure may ask for its defaults.
fn is_given(schema: &Schema, value: &Value, path: &[&str]) -> bool {
    match (schema, value, path) {
        (_, Value::Null, _) | (_, Value::Bool(false), []) => false,
        (Schema::List { member, .. }, Value::Array(items), [_, ..]) => {
            items.iter().any(|item| is_given(member, item, path))
        }
        (_, Value::Array(items), []) => !items.is_empty(),
        (Schema::Map { .. }, Value::Object(entries), []) => !entries.is_empty(),
        (_, _, []) => true,
        (Schema::Map { value: member, .. }, Value::Object(entries), ["*", rest @ ..]) => {
            entries.values().any(|entry| is_given(member, entry, rest))
        }
        (Schema::Structure(structure), Value::Object(members), [name, rest @ ..]) => {
            match (structure.member(name), members.get(*name)) {
                (Some(member), Some(value)) => is_given(member.schema, value, rest),
                _ => false,
            }
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
