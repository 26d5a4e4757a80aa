//! What a table's schema becomes when records have fields it does not know.
//!
//! A new key becomes an optional column at the end. Its type is the narrowest that holds every value seen:
//!
//! | values | type |
//! |---|---|
//! | `true`, `false` | `boolean` |
//! | integers | `long` |
//! | numbers with a fraction, or beyond a `long` | `double` |
//! | text, whatever it looks like | `string` |
//! | objects | `struct` of the same rules |
//! | arrays | `list` of the same rules |
//! | of several kinds | `string`, which takes any value as its JSON text |
//!
//! `null`, `{}` and `[]` say nothing: the column waits for a value. An `int` column becomes `long` and a
//! `float` column `double` when a value asks for it; iceberg allows no other promotion that JSON needs.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::iceberg::spec::{
    ListType, NestedField, NestedFieldRef, PrimitiveType, Schema, StructType, TableMetadata, Type,
};
use bytes::Bytes;
use serde_json::{Map, Value};

use super::IcebergError;

/// The most columns a table gets by itself: more is data that ended up in keys.
pub const COLUMNS_MAX: usize = 1_000;

/// How deep inferred types nest; deeper values become text.
const DEPTH_MAX: usize = 16;

/// What is known of a field's values.
#[derive(Debug, Clone, PartialEq)]
enum Shape {
    Nothing,
    Boolean,
    Long,
    Double,
    Text,
    Object(BTreeMap<String, Shape>),
    Array(Box<Shape>),
}

/// The schema that also takes what these records have beyond `schema`, or `None` if it is the same. Keys are
/// matched without regard to case, and records that are no JSON objects are passed over.
pub fn evolved(
    metadata: &TableMetadata,
    schema: &Schema,
    records: &[Bytes],
) -> Result<Option<Schema>, IcebergError> {
    extended(metadata.last_column_id(), schema, records)
}

/// The schema of a new table for these records, or `None` if they have nothing for a column.
pub fn inferred(records: &[Bytes]) -> Result<Option<Schema>, IcebergError> {
    extended(0, &Schema::builder().build()?, records)
}

fn extended(last_column_id: i32, schema: &Schema, records: &[Bytes]) -> Result<Option<Schema>, IcebergError> {
    let mut fields: Vec<NestedFieldRef> = schema.as_struct().fields().to_vec();
    let known: BTreeMap<String, usize> =
        fields.iter().enumerate().map(|(at, field)| (field.name.to_lowercase(), at)).collect();
    let mut found: Vec<(String, Shape)> = Vec::new();
    let mut changed = false;
    for record in records {
        for object in serde_json::Deserializer::from_slice(record).into_iter::<Map<String, Value>>() {
            let Ok(object) = object else { break };
            for (key, value) in &object {
                let name = key.to_lowercase();
                match known.get(&name) {
                    Some(&at) => changed |= promote(&mut fields[at], value),
                    None => note(&mut found, name, value),
                }
            }
        }
    }
    let mut next_id = last_column_id.max(schema.highest_field_id()) + 1;
    for (name, shape) in found {
        if fields.len() >= COLUMNS_MAX {
            break;
        }
        if let Some(field) = new_field(name, &shape, &mut next_id) {
            fields.push(field);
            changed = true;
        }
    }
    if !changed {
        return Ok(None);
    }
    let identifiers = schema.identifier_field_ids();
    Ok(Some(Schema::builder().with_fields(fields).with_identifier_field_ids(identifiers).build()?))
}

fn note(found: &mut Vec<(String, Shape)>, name: String, value: &Value) {
    let shape = shape_of(value, 0);
    match found.iter_mut().find(|(known, _)| *known == name) {
        Some((_, before)) => *before = united(std::mem::replace(before, Shape::Nothing), shape),
        None => found.push((name, shape)),
    }
}

/// Whether the field's type became a wider one.
fn promote(field: &mut NestedFieldRef, value: &Value) -> bool {
    let wider = match (field.field_type.as_ref(), value) {
        (Type::Primitive(PrimitiveType::Int), Value::Number(number)) => {
            let beyond = number.as_i64().is_some_and(|number| i32::try_from(number).is_err());
            beyond.then_some(PrimitiveType::Long)
        }
        (Type::Primitive(PrimitiveType::Float), Value::Number(number)) => {
            let beyond = number.as_f64().is_some_and(|number| number.abs() > f64::from(f32::MAX));
            beyond.then_some(PrimitiveType::Double)
        }
        _ => None,
    };
    let Some(wider) = wider else { return false };
    let mut promoted = field.as_ref().clone();
    promoted.field_type = Box::new(Type::Primitive(wider));
    *field = Arc::new(promoted);
    true
}

fn shape_of(value: &Value, depth: usize) -> Shape {
    match value {
        Value::Null => Shape::Nothing,
        Value::Bool(_) => Shape::Boolean,
        Value::Number(number) if number.is_i64() => Shape::Long,
        Value::Number(_) => Shape::Double,
        Value::String(_) => Shape::Text,
        Value::Array(_) | Value::Object(_) if depth == DEPTH_MAX => Shape::Text,
        Value::Array(values) => {
            let shapes = values.iter().map(|value| shape_of(value, depth + 1));
            Shape::Array(Box::new(shapes.fold(Shape::Nothing, united)))
        }
        Value::Object(object) => {
            let mut fields = BTreeMap::new();
            for (key, value) in object {
                let shape = shape_of(value, depth + 1);
                let before = fields.remove(&key.to_lowercase()).unwrap_or(Shape::Nothing);
                fields.insert(key.to_lowercase(), united(before, shape));
            }
            Shape::Object(fields)
        }
    }
}

fn united(one: Shape, other: Shape) -> Shape {
    match (one, other) {
        (Shape::Nothing, shape) | (shape, Shape::Nothing) => shape,
        (Shape::Long, Shape::Double) | (Shape::Double, Shape::Long) => Shape::Double,
        (Shape::Array(one), Shape::Array(other)) => Shape::Array(Box::new(united(*one, *other))),
        (Shape::Object(mut one), Shape::Object(other)) => {
            for (name, shape) in other {
                let before = one.remove(&name).unwrap_or(Shape::Nothing);
                one.insert(name, united(before, shape));
            }
            Shape::Object(one)
        }
        (one, other) if one == other => one,
        _ => Shape::Text,
    }
}

fn new_field(name: String, shape: &Shape, next_id: &mut i32) -> Option<NestedFieldRef> {
    let id = *next_id;
    *next_id += 1;
    match new_type(shape, next_id) {
        Some(type_) => Some(Arc::new(NestedField::optional(id, name, type_))),
        None => {
            *next_id = id;
            None
        }
    }
}

fn new_type(shape: &Shape, next_id: &mut i32) -> Option<Type> {
    Some(match shape {
        Shape::Nothing => return None,
        Shape::Boolean => Type::Primitive(PrimitiveType::Boolean),
        Shape::Long => Type::Primitive(PrimitiveType::Long),
        Shape::Double => Type::Primitive(PrimitiveType::Double),
        Shape::Text => Type::Primitive(PrimitiveType::String),
        Shape::Array(element) => {
            let id = *next_id;
            *next_id += 1;
            let element = new_type(element, next_id)?;
            Type::List(ListType { element_field: Arc::new(NestedField::list_element(id, element, false)) })
        }
        Shape::Object(fields) => {
            let fields: Vec<NestedFieldRef> =
                fields.iter().filter_map(|(name, shape)| new_field(name.clone(), shape, next_id)).collect();
            if fields.is_empty() {
                return None;
            }
            Type::Struct(StructType::new(fields))
        }
    })
}
