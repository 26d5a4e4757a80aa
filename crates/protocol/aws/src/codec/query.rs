use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use serde_json::{Map, Number, Value};

use super::{form, xml};
use crate::error::ApiError;
use crate::model::{Member, OperationModel, Schema, ServiceModel};
use crate::timestamp::AwsTimestamp;

/// Structures nested deeper than this are refused.
const DEPTH_MAX: usize = 32;

/// Parameters that belong to the protocol, not to the operation.
const PROTOCOL_PARAMETERS: [&str; 3] = ["Action", "Version", "X-Amz-"];

type Fields<'a> = BTreeMap<Cow<'a, str>, Cow<'a, str>>;

/// Form parameters as a value of the JSON form. Parameters that the shape does not know appear
/// under their own names, so that the check refuses them by name.
pub(super) fn decode(input: &Schema, body: &[u8]) -> Result<Value, ApiError> {
    let pairs = form::pairs(body).ok_or_else(|| {
        ApiError::sender("MalformedQueryString", "The query string is not valid, or has too many parameters")
    })?;
    let mut fields = Fields::new();
    for (name, value) in pairs {
        if !PROTOCOL_PARAMETERS.iter().any(|own| is_protocol(own, &name)) {
            fields.insert(name, value);
        }
    }
    let mut decoder = Decoder { fields };
    let value = decoder.value(input, "", 0)?.unwrap_or_else(|| Value::Object(Map::new()));
    let Value::Object(mut members) = value else { return Ok(value) };
    for (name, value) in decoder.fields {
        members.insert(name.into_owned(), Value::String(value.into_owned()));
    }
    Ok(Value::Object(members))
}

fn is_protocol(own: &str, name: &str) -> bool {
    if own.ends_with('-') { name.starts_with(own) } else { name == own }
}

/// Takes the fields it understands out of the map; what is left nobody knew.
struct Decoder<'a> {
    fields: Fields<'a>,
}

impl Decoder<'_> {
    /// The value under `prefix`, or `None` when no parameter speaks of it.
    fn value(&mut self, schema: &Schema, prefix: &str, depth: usize) -> Result<Option<Value>, ApiError> {
        if depth > DEPTH_MAX {
            return Err(malformed(prefix, "is nested too deeply"));
        }
        if !prefix.is_empty() && !self.mentions(prefix) {
            return Ok(None);
        }
        match schema {
            Schema::Structure(structure) => self.structure(structure.members, prefix, depth).map(Some),
            Schema::List { member, flattened, item, .. } => {
                let base = if *flattened { prefix.to_owned() } else { join(prefix, item) };
                self.list(member, prefix, &base, depth).map(Some)
            }
            Schema::Map { key, value, flattened, .. } => {
                let base = if *flattened { prefix.to_owned() } else { join(prefix, "entry") };
                self.map(key, value, &base, depth).map(Some)
            }
            Schema::Any => Ok(Some(self.everything(prefix))),
            _ => match self.fields.remove(prefix) {
                Some(text) => scalar(schema, &text, prefix).map(Some),
                None => Ok(None),
            },
        }
    }

    fn structure(&mut self, members: &[Member], prefix: &str, depth: usize) -> Result<Value, ApiError> {
        let mut object = Map::new();
        for member in members {
            let name = wire_name(member);
            if let Some(value) = self.value(member.schema, &join(prefix, name), depth + 1)? {
                object.insert(member.name.to_owned(), value);
            }
        }
        Ok(Value::Object(object))
    }

    /// Items count from 1; a gap ends the list, and what follows it is refused as unknown.
    fn list(&mut self, member: &Schema, prefix: &str, base: &str, depth: usize) -> Result<Value, ApiError> {
        let mut items = Vec::new();
        // `Tags=` alone is how SDKs spell an empty list.
        if self.fields.get(prefix).is_some_and(|text| text.is_empty()) {
            self.fields.remove(prefix);
        }
        while let Some(item) = self.value(member, &format!("{base}.{}", items.len() + 1), depth + 1)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn map(&mut self, key: &Schema, value: &Schema, base: &str, depth: usize) -> Result<Value, ApiError> {
        let mut entries = Map::new();
        for index in 1.. {
            let Some(name) = self.value(key, &format!("{base}.{index}.key"), depth + 1)? else { break };
            let found = self.value(value, &format!("{base}.{index}.value"), depth + 1)?;
            let name = name.as_str().map(str::to_owned).unwrap_or_default();
            entries.insert(name, found.unwrap_or_else(|| Value::String(String::new())));
        }
        Ok(Value::Object(entries))
    }

    /// What stands under a name whose inside does not matter: enough to see that it is given.
    fn everything(&mut self, prefix: &str) -> Value {
        let belongs = |name: &str| {
            name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let mut inside = Map::new();
        self.fields.retain(|name, text| {
            let belongs = belongs(name);
            if belongs && !text.is_empty() {
                inside.insert(name.to_string(), Value::String(text.to_string()));
            }
            !belongs
        });
        Value::Object(inside)
    }

    fn mentions(&self, prefix: &str) -> bool {
        let from = self.fields.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        // Between a name and its dotted children other names may sort (`Tag-1` before `Tag.1`).
        from.take_while(|(name, _)| name.starts_with(prefix))
            .any(|(name, _)| name.len() == prefix.len() || name.as_bytes()[prefix.len()] == b'.')
    }
}

fn wire_name(member: &Member) -> &'static str {
    if member.wire_name.is_empty() { member.name } else { member.wire_name }
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

fn malformed(name: &str, what: &str) -> ApiError {
    ApiError::sender("MalformedInput", format!("Parameter '{name}' {what}"))
}

fn scalar(schema: &Schema, text: &str, name: &str) -> Result<Value, ApiError> {
    let value = match schema {
        Schema::Integer(_) | Schema::Long(_) => text.parse::<i64>().ok().map(Value::from),
        Schema::Float(_) | Schema::Double(_) => {
            text.parse::<f64>().ok().and_then(Number::from_f64).map(Value::Number)
        }
        Schema::Boolean => match text {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        },
        Schema::Timestamp(_) => AwsTimestamp::parse(text).and_then(|at| serde_json::to_value(at).ok()),
        _ => Some(Value::String(text.to_owned())),
    };
    value.ok_or_else(|| malformed(name, "has a value of the wrong type"))
}

/// `<GetCallerIdentityResult>…</GetCallerIdentityResult>`, without the envelope.
pub(super) fn encode_result(operation: &OperationModel, output: &Value) -> Bytes {
    let mut out = String::with_capacity(256);
    if operation.result_wrapper.is_empty() {
        xml::members(&mut out, operation.output, output);
    } else {
        xml::element(&mut out, operation.result_wrapper, operation.output, output);
    }
    Bytes::from(out)
}

/// The whole answer around an encoded result.
pub(crate) fn response_document(
    service: &ServiceModel,
    operation: &str,
    result: &[u8],
    request_id: &str,
) -> Bytes {
    let mut out = Vec::with_capacity(result.len() + 256);
    let open = format!("<{operation}Response xmlns=\"{}\">\n", service.xml_namespace);
    let close = format!(
        "<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>\n"
    );
    out.extend_from_slice(open.as_bytes());
    out.extend_from_slice(result);
    out.extend_from_slice(close.as_bytes());
    Bytes::from(out)
}

/// The answer that carries an error.
pub(crate) fn error_document(namespace: &str, code: &str, error: &ApiError, request_id: &str) -> Bytes {
    let mut out = String::with_capacity(256);
    out.push_str("<ErrorResponse xmlns=\"");
    xml::escape(&mut out, namespace);
    out.push_str("\"><Error><Type>");
    out.push_str(error.fault().as_str());
    out.push_str("</Type><Code>");
    xml::escape(&mut out, code);
    out.push_str("</Code><Message>");
    xml::escape(&mut out, error.message());
    out.push_str("</Message>");
    for (name, value) in error.fields() {
        xml::plain(&mut out, name, value);
    }
    out.push_str("</Error><RequestId>");
    out.push_str(request_id);
    out.push_str("</RequestId></ErrorResponse>\n");
    Bytes::from(out)
}

#[cfg(test)]
mod tests;
