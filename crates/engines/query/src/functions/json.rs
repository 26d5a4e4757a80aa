//! JSON: extraction, and values to and from the `json` type.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field};
use datafusion::error::Result;
use datafusion::logical_expr::ScalarUDF;
use serde_json::Value;

use super::cast;
use super::json_path::Path;
use super::scalar::{Args, P, R, exact};
use crate::error::{ErrorKind, fail, invalid, mismatch};
use crate::text;
use crate::types::{self, JSON};

pub(super) fn all() -> Vec<ScalarUDF> {
    vec![
        exact("json_extract", &[P::Json, P::Str], R::Json, json_extract),
        exact("json_extract_scalar", &[P::Json, P::Str], R::Str, json_extract_scalar),
        exact("json_parse", &[P::Str], R::Json, json_parse),
        exact("json_format", &[P::Json], R::Str, json_format),
        exact("json_array_length", &[P::Json], R::Int, |args| {
            let texts = args.json(0);
            args.ints(|row| Ok(parsed(texts.value(row)).and_then(|v| v.as_array().map(|a| a.len() as i64))))
        }),
        exact("json_array_get", &[P::Json, P::Int], R::Json, json_array_get),
        exact("json_array_contains", &[P::Json, P::Any], R::Bool, json_array_contains),
        exact("json_size", &[P::Json, P::Str], R::Int, json_size),
        exact("is_json_scalar", &[P::Json], R::Bool, |args| {
            let texts = args.json(0);
            args.bools(|row| match parsed(texts.value(row)) {
                Some(value) => Ok(Some(!value.is_array() && !value.is_object())),
                None => Err(invalid(format!("Invalid JSON value: {}", texts.value(row)))),
            })
        }),
    ]
}

fn parsed(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

/// The path last used, since it is nearly always the same.
struct Paths {
    last: Option<(String, Path)>,
}

impl Paths {
    fn get(&mut self, text: &str) -> Result<&Path> {
        if self.last.as_ref().is_none_or(|(known, _)| known != text) {
            let path = Path::parse(text).ok_or_else(|| invalid(format!("Invalid JSON path: '{text}'")))?;
            self.last = Some((text.to_owned(), path));
        }
        Ok(&self.last.as_ref().expect("a path was just stored").1)
    }
}

fn json_extract(args: &Args) -> Result<ArrayRef> {
    let mut paths = Paths { last: None };
    let (texts, wanted) = (args.json(0), args.str(1));
    args.jsons(|row| {
        let path = paths.get(wanted.value(row))?;
        Ok(parsed(texts.value(row)).and_then(|value| path.find(&value).map(ToString::to_string)))
    })
}

fn json_extract_scalar(args: &Args) -> Result<ArrayRef> {
    let mut paths = Paths { last: None };
    let (texts, wanted) = (args.json(0), args.str(1));
    args.texts(move |row| {
        let path = paths.get(wanted.value(row))?;
        Ok(parsed(texts.value(row)).and_then(|value| path.find(&value).and_then(scalar_text)))
    })
}

fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn json_parse(args: &Args) -> Result<ArrayRef> {
    let texts = args.str(0);
    args.jsons(|row| match parsed(texts.value(row)) {
        Some(value) => Ok(Some(value.to_string())),
        None => Err(invalid(format!("Cannot convert value to JSON: '{}'", texts.value(row)))),
    })
}

fn json_format(args: &Args) -> Result<ArrayRef> {
    if let DataType::Utf8 = args.columns[0].data_type() {
        return Err(mismatch(
            "Unexpected parameters (varchar) for function json_format. Expected: json_format(json)",
        ));
    }
    let texts = args.json(0);
    args.texts(|row| Ok(Some(texts.value(row).to_owned())))
}

fn json_array_get(args: &Args) -> Result<ArrayRef> {
    let (texts, indices) = (args.json(0), args.int(1));
    args.jsons(|row| {
        let Some(Value::Array(items)) = parsed(texts.value(row)) else { return Ok(None) };
        let index = indices.value(row);
        let at = if index < 0 { index + items.len() as i64 } else { index };
        Ok(usize::try_from(at).ok().and_then(|at| items.get(at)).map(ToString::to_string))
    })
}

fn json_array_contains(args: &Args) -> Result<ArrayRef> {
    let texts = args.json(0);
    let wanted = &args.columns[1];
    args.bools(|row| {
        let Some(Value::Array(items)) = parsed(texts.value(row)) else { return Ok(None) };
        let wanted = to_json(wanted, row);
        Ok(Some(items.iter().any(|item| match (item, &wanted) {
            (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
            (a, b) => a == b,
        })))
    })
}

fn json_size(args: &Args) -> Result<ArrayRef> {
    let mut paths = Paths { last: None };
    let (texts, wanted) = (args.json(0), args.str(1));
    args.ints(|row| {
        let path = paths.get(wanted.value(row))?;
        let value = parsed(texts.value(row));
        Ok(value.as_ref().and_then(|value| path.find(value)).map(|value| match value {
            Value::Array(items) => items.len() as i64,
            Value::Object(members) => members.len() as i64,
            _ => 0,
        }))
    })
}

/// `CAST(… AS JSON)`.
pub(super) fn from_values(column: &ArrayRef) -> Result<ArrayRef> {
    if let DataType::Binary = column.data_type() {
        return Err(mismatch("Cannot cast varbinary to json"));
    }
    Ok(cast::json_texts(column, |row, out| out.push_str(&to_json(column, row).to_string())))
}

fn to_json(column: &ArrayRef, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::LargeUtf8 => parsed(column.as_string::<i64>().value(row)).unwrap_or(Value::Null),
        DataType::Utf8 => Value::String(column.as_string::<i32>().value(row).to_owned()),
        DataType::Boolean => Value::Bool(column.as_boolean().value(row)),
        DataType::List(_) => {
            let items = column.as_list::<i32>().value(row);
            Value::Array((0..items.len()).map(|index| to_json(&items, index)).collect())
        }
        DataType::Struct(fields) => {
            let members = column.as_struct().columns().iter();
            let members = fields
                .iter()
                .zip(members)
                .map(|(field, member)| (field.name().clone(), to_json(member, row)));
            Value::Object(members.collect())
        }
        DataType::Map(_, _) => {
            let entries = column.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            let members = (0..entries.len())
                .map(|index| (text::value(keys, index).unwrap_or_default(), to_json(values, index)));
            Value::Object(members.collect())
        }
        data_type => {
            let shown = text::value(column, row).unwrap_or_default();
            if data_type.is_numeric() { number(&shown) } else { Value::String(shown) }
        }
    }
}

fn number(shown: &str) -> Value {
    match serde_json::from_str::<Value>(&shown.to_lowercase()) {
        Ok(value @ Value::Number(_)) => value,
        _ => Value::String(shown.to_owned()),
    }
}

/// `CAST(json AS …)`.
pub(super) fn to_values(column: &ArrayRef, to: &DataType, lenient: bool) -> Result<ArrayRef> {
    let texts = column.as_string::<i64>();
    let values: Vec<Option<Value>> =
        texts.iter().map(|text| text.and_then(parsed).filter(|value| !value.is_null())).collect();
    let values: Vec<Option<&Value>> = values.iter().map(Option::as_ref).collect();
    build(&values, to, lenient)
}

fn build(values: &[Option<&Value>], to: &DataType, lenient: bool) -> Result<ArrayRef> {
    match to {
        DataType::List(element) => build_list(values, element, lenient),
        DataType::Map(entries, _) => build_map(values, entries, lenient),
        DataType::Struct(fields) => {
            let mut members = Vec::with_capacity(fields.len());
            for (index, field) in fields.iter().enumerate() {
                let inner: Vec<Option<&Value>> =
                    values.iter().map(|v| v.and_then(|v| member(v, field, index))).collect();
                members.push(build(&inner, field.data_type(), lenient)?);
            }
            let nulls = NullBuffer::from(values.iter().map(Option::is_some).collect::<Vec<_>>());
            Ok(Arc::new(StructArray::try_new(fields.clone(), members, Some(nulls))?))
        }
        to if *to == JSON => {
            let texts: arrow::array::LargeStringArray =
                values.iter().map(|v| v.map(ToString::to_string)).collect();
            Ok(Arc::new(texts))
        }
        _ => {
            let mut texts = arrow::array::StringBuilder::new();
            for value in values {
                match value {
                    None | Some(Value::Null) => texts.append_null(),
                    Some(value) => match scalar_text(value) {
                        Some(text) => texts.append_value(text),
                        None if lenient => texts.append_null(),
                        None => {
                            let name = types::display(to);
                            return Err(fail(
                                ErrorKind::InvalidCast,
                                format!("Cannot cast to {name}. {value}"),
                            ));
                        }
                    },
                }
            }
            let texts: ArrayRef = Arc::new(texts.finish());
            scalar_from_text(&texts, to, lenient)
        }
    }
}

/// JSON's `1.0` may become an integer, which plain text may not.
fn scalar_from_text(texts: &ArrayRef, to: &DataType, lenient: bool) -> Result<ArrayRef> {
    if matches!(to, DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64)
        && texts.as_string::<i32>().iter().flatten().any(|text| text.contains(['.', 'e', 'E']))
    {
        let doubles = cast::convert(texts, &DataType::Float64, lenient)?;
        return cast::convert(&doubles, to, lenient);
    }
    cast::convert(texts, to, lenient)
}

fn member<'a>(value: &'a Value, field: &Field, index: usize) -> Option<&'a Value> {
    match value {
        Value::Object(members) => members.get(field.name()).or_else(|| {
            members.iter().find(|(name, _)| name.eq_ignore_ascii_case(field.name())).map(|(_, value)| value)
        }),
        Value::Array(items) => items.get(index),
        _ => None,
    }
}

fn build_list(values: &[Option<&Value>], element: &Arc<Field>, lenient: bool) -> Result<ArrayRef> {
    let mut lengths = Vec::with_capacity(values.len());
    let mut items: Vec<Option<&Value>> = Vec::new();
    let mut valid = Vec::with_capacity(values.len());
    for value in values {
        match value {
            Some(Value::Array(array)) => {
                lengths.push(array.len());
                items.extend(array.iter().map(|item| Some(item).filter(|item| !item.is_null())));
                valid.push(true);
            }
            Some(other) if !lenient && !other.is_null() => {
                return Err(fail(
                    ErrorKind::InvalidCast,
                    format!("Cannot cast to array. Expected a json array, but got {other}"),
                ));
            }
            _ => {
                lengths.push(0);
                valid.push(false);
            }
        }
    }
    let inner = build(&items, element.data_type(), lenient)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(Arc::clone(element), offsets, inner, Some(NullBuffer::from(valid)))?))
}

fn build_map(values: &[Option<&Value>], entries: &Arc<Field>, lenient: bool) -> Result<ArrayRef> {
    let DataType::Struct(fields) = entries.data_type() else { return Err(mismatch("a map has entries")) };
    let mut lengths = Vec::with_capacity(values.len());
    let (mut keys, mut items) = (Vec::new(), Vec::new());
    let mut valid = Vec::with_capacity(values.len());
    for value in values {
        match value {
            Some(Value::Object(members)) => {
                lengths.push(members.len());
                keys.extend(members.keys().map(|key| Value::String(key.clone())));
                items.extend(members.values().map(|item| Some(item).filter(|item| !item.is_null())));
                valid.push(true);
            }
            Some(other) if !lenient && !other.is_null() => {
                return Err(fail(
                    ErrorKind::InvalidCast,
                    format!("Cannot cast to map. Expected a json object, but got {other}"),
                ));
            }
            _ => {
                lengths.push(0);
                valid.push(false);
            }
        }
    }
    let keys: Vec<Option<&Value>> = keys.iter().map(Some).collect();
    let keys = build(&keys, fields[0].data_type(), lenient)?;
    let items = build(&items, fields[1].data_type(), lenient)?;
    let members = StructArray::try_new(fields.clone(), vec![keys, items], None)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    let nulls = Some(NullBuffer::from(valid));
    Ok(Arc::new(MapArray::try_new(Arc::clone(entries), offsets, members, nulls, false)?))
}
