//! Maps.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, MapArray, MapBuilder, StringBuilder, StructArray, UInt32Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field};
use arrow::row::Row;
use datafusion::error::Result;
use datafusion::logical_expr::ScalarUDF;

use super::arrays::{comparable, range, taken};
use super::scalar::{Args, P, R, exact, optional, variadic};
use crate::error::{invalid, mismatch};
use crate::types::{self, display, list};

pub(super) fn all() -> Vec<ScalarUDF> {
    vec![
        optional("$map", &[P::List, P::List], 2, R::Of(map_type), map_of_arrays),
        exact("$empty_map", &[], R::Of(|_| Ok(types::map(DataType::Utf8, DataType::Null))), |args| {
            let DataType::Map(entries, _) = &args.returns else { return Err(mismatch("a map was expected")) };
            let DataType::Struct(fields) = entries.data_type() else {
                return Err(mismatch("entries were expected"));
            };
            let members = StructArray::new_null(fields.clone(), 0);
            let (_, columns, _) = members.into_parts();
            let members = StructArray::try_new(fields.clone(), columns, None)?;
            let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(0, args.rows));
            Ok(Arc::new(MapArray::try_new(Arc::clone(entries), offsets, members, None, false)?))
        }),
        exact("map_keys", &[P::Map], R::Of(|given| Ok(list(parts(&given[0])?.0))), |args| side(args, true)),
        exact("map_values", &[P::Map], R::Of(|given| Ok(list(parts(&given[0])?.1))), |args| {
            side(args, false)
        }),
        exact("map_entries", &[P::Map], R::Of(entries_type), map_entries),
        exact("map_from_entries", &[P::List], R::Of(from_entries_type), map_from_entries),
        variadic("map_concat", &[P::Map], 1, R::Arg(0), map_concat),
    ]
}

pub(super) fn parts(data_type: &DataType) -> Result<(DataType, DataType)> {
    match data_type {
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) => Ok((fields[0].data_type().clone(), fields[1].data_type().clone())),
            other => Err(mismatch(format!("not a map: {}", display(other)))),
        },
        other => Err(mismatch(format!("not a map: {}", display(other)))),
    }
}

fn element(data_type: &DataType) -> DataType {
    match data_type {
        DataType::List(element) => element.data_type().clone(),
        other => other.clone(),
    }
}

fn map_type(given: &[DataType]) -> Result<DataType> {
    Ok(types::map(element(&given[0]), element(&given[1])))
}

/// A map column of keys and values with `lengths` entries per row; `valid` says which rows are maps.
pub(super) fn map_array(
    returns: &DataType,
    keys: &ArrayRef,
    values: &ArrayRef,
    lengths: Vec<usize>,
    valid: Vec<bool>,
) -> Result<ArrayRef> {
    let DataType::Map(entries, _) = returns else { return Err(mismatch("a map was expected")) };
    let DataType::Struct(fields) = entries.data_type() else { return Err(mismatch("entries were expected")) };
    let keys = arrow::compute::cast(keys, fields[0].data_type())?;
    let values = arrow::compute::cast(values, fields[1].data_type())?;
    if keys.null_count() > 0 {
        return Err(invalid("map key cannot be null"));
    }
    let members = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    let nulls = Some(NullBuffer::from(valid));
    Ok(Arc::new(MapArray::try_new(Arc::clone(entries), offsets, members, nulls, false)?))
}

fn map_of_arrays(args: &Args) -> Result<ArrayRef> {
    let (keys, values) = (args.list(0), args.list(1));
    let comparable = comparable(keys.values())?;
    let (mut key_at, mut value_at, mut lengths, mut valid) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for row in 0..args.rows {
        if args.any_null(row) {
            lengths.push(0);
            valid.push(false);
            continue;
        }
        let (from, to) = (range(keys, row), range(values, row));
        if from.len() != to.len() {
            return Err(invalid("Key and value arrays must be the same length"));
        }
        unique(from.clone().map(|at| comparable.row(at)))?;
        lengths.push(from.len());
        valid.push(true);
        key_at.extend(from.map(|at| u32::try_from(at).unwrap_or(u32::MAX)));
        value_at.extend(to.map(|at| u32::try_from(at).unwrap_or(u32::MAX)));
    }
    let keys = arrow::compute::take(keys.values(), &UInt32Array::from(key_at), None)?;
    let values = arrow::compute::take(values.values(), &UInt32Array::from(value_at), None)?;
    map_array(&args.returns, &keys, &values, lengths, valid)
}

fn unique<'a>(keys: impl Iterator<Item = Row<'a>>) -> Result<()> {
    let mut seen = std::collections::HashSet::new();
    for key in keys {
        if !seen.insert(key) {
            return Err(invalid("Duplicate map keys are not allowed"));
        }
    }
    Ok(())
}

fn side(args: &Args, keys: bool) -> Result<ArrayRef> {
    let map = args.map(0);
    let values = if keys { map.keys() } else { map.values() };
    let DataType::List(item) = &args.returns else { return Err(mismatch("an array was expected")) };
    let values = arrow::compute::cast(values, item.data_type())?;
    Ok(Arc::new(ListArray::try_new(Arc::clone(item), map.offsets().clone(), values, map.nulls().cloned())?))
}

fn entries_type(given: &[DataType]) -> Result<DataType> {
    let (key, value) = parts(&given[0])?;
    let fields = vec![Field::new("field0", key, true), Field::new("field1", value, true)];
    Ok(list(DataType::Struct(fields.into())))
}

fn map_entries(args: &Args) -> Result<ArrayRef> {
    let map = args.map(0);
    let DataType::List(item) = &args.returns else { return Err(mismatch("an array was expected")) };
    let DataType::Struct(fields) = item.data_type() else { return Err(mismatch("rows were expected")) };
    let rows =
        StructArray::try_new(fields.clone(), vec![Arc::clone(map.keys()), Arc::clone(map.values())], None)?;
    Ok(Arc::new(ListArray::try_new(
        Arc::clone(item),
        map.offsets().clone(),
        Arc::new(rows),
        map.nulls().cloned(),
    )?))
}

fn from_entries_type(given: &[DataType]) -> Result<DataType> {
    match element(&given[0]) {
        DataType::Struct(fields) if fields.len() == 2 => {
            Ok(types::map(fields[0].data_type().clone(), fields[1].data_type().clone()))
        }
        other => Err(mismatch(format!(
            "Unexpected parameters (array({})) for function map_from_entries",
            display(&other)
        ))),
    }
}

fn map_from_entries(args: &Args) -> Result<ArrayRef> {
    let list = args.list(0);
    let rows = list.values().as_struct();
    let keys = comparable(rows.column(0))?;
    let (mut at, mut lengths, mut valid) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..args.rows {
        if list.is_null(row) {
            lengths.push(0);
            valid.push(false);
            continue;
        }
        let range = range(list, row);
        unique(range.clone().map(|index| keys.row(index)))?;
        lengths.push(range.len());
        valid.push(true);
        at.extend(range.map(|index| u32::try_from(index).unwrap_or(u32::MAX)));
    }
    let at = UInt32Array::from(at);
    let keys = arrow::compute::take(rows.column(0), &at, None)?;
    let values = arrow::compute::take(rows.column(1), &at, None)?;
    map_array(&args.returns, &keys, &values, lengths, valid)
}

/// Later entries replace earlier ones of the same key.
fn map_concat(args: &Args) -> Result<ArrayRef> {
    let maps: Vec<&MapArray> = (0..args.len()).map(|index| args.map(index)).collect();
    let parts: Vec<&dyn Array> = maps.iter().map(|map| map.keys().as_ref()).collect();
    let all_keys = arrow::compute::concat(&parts)?;
    let parts: Vec<&dyn Array> = maps.iter().map(|map| map.values().as_ref()).collect();
    let all_values = arrow::compute::concat(&parts)?;
    let keys = comparable(&all_keys)?;
    let (mut at, mut lengths, mut valid) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..args.rows {
        if args.any_null(row) {
            lengths.push(0);
            valid.push(false);
            continue;
        }
        let mut order: Vec<usize> = Vec::new();
        let mut place: HashMap<Row<'_>, usize> = HashMap::new();
        let mut shift = 0;
        for map in &maps {
            let offsets = map.value_offsets();
            for index in offsets[row] as usize..offsets[row + 1] as usize {
                let index = index + shift;
                match place.get(&keys.row(index)) {
                    Some(known) => order[*known] = index,
                    None => {
                        place.insert(keys.row(index), order.len());
                        order.push(index);
                    }
                }
            }
            shift += map.keys().len();
        }
        lengths.push(order.len());
        valid.push(true);
        at.extend(order.into_iter().map(|index| u32::try_from(index).unwrap_or(u32::MAX)));
    }
    let at = UInt32Array::from(at);
    let keys = arrow::compute::take(&all_keys, &at, None)?;
    let values = arrow::compute::take(&all_values, &at, None)?;
    map_array(&args.returns, &keys, &values, lengths, valid)
}

pub(super) fn split_to_map(args: &Args) -> Result<ArrayRef> {
    let mut builder = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for row in 0..args.rows {
        if args.any_null(row) {
            builder.append(false)?;
            continue;
        }
        let (text, entry, pair) = (args.str(0).value(row), args.str(1).value(row), args.str(2).value(row));
        if entry.is_empty() || pair.is_empty() || entry == pair {
            return Err(invalid("entryDelimiter and keyValueDelimiter must be different and not empty"));
        }
        let mut seen = std::collections::HashSet::new();
        for piece in text.split(entry).filter(|piece| !piece.is_empty()) {
            let Some((key, value)) = piece.split_once(pair) else {
                return Err(invalid(format!(
                    "Key-value delimiter must appear exactly once in each entry. Bad input: '{piece}'"
                )));
            };
            if !seen.insert(key) {
                return Err(invalid(format!("Duplicate keys ({key}) are not allowed")));
            }
            builder.keys().append_value(key);
            builder.values().append_value(value);
        }
        builder.append(true)?;
    }
    let built: ArrayRef = Arc::new(builder.finish());
    let map = built.as_map();
    let lengths = (0..map.len()).map(|row| usize::try_from(map.value_length(row)).unwrap_or(0)).collect();
    let valid = (0..map.len()).map(|row| map.is_valid(row)).collect();
    map_array(&args.returns, map.keys(), map.values(), lengths, valid)
}

/// Keeps the entries of `map` at the chosen indices, row by row.
pub(super) fn kept(map: &MapArray, returns: &DataType, keep: &[bool]) -> Result<ArrayRef> {
    let offsets = map.value_offsets();
    let (mut at, mut lengths, mut valid) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..map.len() {
        let chosen = (offsets[row] as usize..offsets[row + 1] as usize).filter(|index| keep[*index]);
        let before = at.len();
        at.extend(chosen.map(|index| u32::try_from(index).unwrap_or(u32::MAX)));
        lengths.push(at.len() - before);
        valid.push(map.is_valid(row));
    }
    let at = UInt32Array::from(at);
    let keys = arrow::compute::take(map.keys(), &at, None)?;
    let values = arrow::compute::take(map.values(), &at, None)?;
    map_array(returns, &keys, &values, lengths, valid)
}

/// The elements of a list that are kept, row by row.
pub(super) fn kept_elements(list: &ListArray, returns: &DataType, keep: &[bool]) -> Result<ArrayRef> {
    let rows = (0..list.len())
        .map(|row| Ok(list.is_valid(row).then(|| range(list, row).filter(|index| keep[*index]).collect())));
    taken(list.values(), returns, rows)
}
