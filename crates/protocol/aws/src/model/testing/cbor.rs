//! Inputs in CBOR, written by their schema as an SDK would.

use serde_json::Value;

use crate::blob::decode_base64;
use crate::cbor::{Epoch, to_writer, write};
use crate::model::Schema;
use crate::{AwsTimestamp, Blob};

/// The body of a request whose JSON form is `value`. What does not fit the schema is written as it is.
pub fn to_cbor(schema: &Schema, value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    item(&mut out, schema, value);
    out
}

fn item(out: &mut Vec<u8>, schema: &Schema, value: &Value) {
    match (schema, value) {
        (Schema::Blob { .. }, Value::String(text)) => match decode_base64(text.as_bytes()) {
            Some(bytes) => any(out, &Blob::from(bytes)),
            None => any(out, value),
        },
        (Schema::Timestamp(_), Value::Number(seconds)) => {
            match seconds.as_f64().and_then(AwsTimestamp::from_epoch_seconds) {
                Some(at) => any(out, &at),
                None => any(out, value),
            }
        }
        (_, Value::Array(items)) => {
            let member = if let Schema::List { member, .. } = schema { member } else { &Schema::Any };
            // As the SDK for Java writes containers.
            write::open_array(out);
            for value in items {
                item(out, member, value);
            }
            write::end(out);
        }
        (_, Value::Object(members)) => {
            write::open_map(out);
            for (name, value) in members {
                write::text(out, name);
                item(out, inside(schema, name), value);
            }
            write::end(out);
        }
        _ => any(out, value),
    }
}

fn inside<'a>(schema: &'a Schema, name: &str) -> &'a Schema {
    match schema {
        Schema::Structure(structure) => structure.member(name).map_or(&Schema::Any, |member| member.schema),
        Schema::Map { value, .. } => value,
        _ => &Schema::Any,
    }
}

fn any<T: serde::Serialize>(out: &mut Vec<u8>, value: &T) {
    to_writer(value, Epoch::Millis, out).expect("invariant: values of JSON can be written");
}
