//! Values that satisfy a schema.

use serde_json::{Map, Value, json};

use super::text;
use crate::model::{OperationModel, Schema, Structure};

/// Required members only.
pub fn smallest(schema: &'static Schema) -> Value {
    Maker { full: false, stack: Vec::new(), refused: &[] }.value(schema, &[])
}

/// Every member that is not refused; a shape inside itself is left out.
pub fn full(operation: &OperationModel) -> Value {
    let refused: Vec<&[&str]> = operation.refused_fields.iter().map(|field| field.path).collect();
    Maker { full: true, stack: Vec::new(), refused: &refused }.value(operation.input, &[])
}

/// One value of a schema without a look at refusals.
pub fn any(schema: &'static Schema) -> Value {
    smallest(schema)
}

struct Maker<'a> {
    full: bool,
    stack: Vec<&'static Structure>,
    refused: &'a [&'a [&'a str]],
}

impl Maker<'_> {
    fn value(&mut self, schema: &'static Schema, path: &[&str]) -> Value {
        match schema {
            Schema::Structure(structure) => self.structure(structure, path),
            Schema::List { member, min, .. } => {
                let count = min.unwrap_or(0).max(u64::from(self.full && !self.is_open(member)));
                (0..count).map(|_| self.value(member, path)).collect()
            }
            Schema::Map { key, value, min, .. } => {
                let count = min.unwrap_or(0).max(u64::from(self.full && !self.is_open(value)));
                let inner = [path, &["*"]].concat();
                (0..count).map(|index| (text::distinct(key, index), self.value(value, &inner))).collect()
            }
            Schema::String(schema) => Value::String(text::matching(schema)),
            Schema::Integer(range) | Schema::Long(range) => json!(range.min.or(range.max).unwrap_or(1)),
            Schema::Float(range) | Schema::Double(range) => json!(range.min.or(range.max).unwrap_or(1.5)),
            Schema::Boolean => Value::Bool(true),
            Schema::Blob { min, .. } => Value::String(blob(min.unwrap_or(0))),
            Schema::Timestamp(_) => json!(1_700_000_000.5),
            Schema::Any => json!("anything"),
        }
    }

    fn structure(&mut self, structure: &'static Structure, path: &[&str]) -> Value {
        self.stack.push(structure);
        let mut members = Map::new();
        for member in structure.members {
            let here = [path, &[member.name]].concat();
            let wanted =
                self.full && !self.is_open(member.schema) && !self.refused.contains(&here.as_slice());
            if member.required || wanted {
                members.insert(member.name.to_owned(), self.value(member.schema, &here));
            }
        }
        self.stack.pop();
        Value::Object(members)
    }

    /// Whether this structure is being made already, further up.
    fn is_open(&self, schema: &'static Schema) -> bool {
        match schema {
            Schema::Structure(structure) => self.stack.iter().any(|open| std::ptr::eq(*open, structure)),
            Schema::List { member, .. } => self.is_open(member),
            Schema::Map { value, .. } => self.is_open(value),
            _ => false,
        }
    }
}

/// The base64 text of this many bytes.
pub fn blob(bytes: u64) -> String {
    let bytes = usize::try_from(bytes).expect("invariant: the models' limits fit into memory");
    base64_simd::STANDARD.encode_to_string(vec![b'm'; bytes])
}
