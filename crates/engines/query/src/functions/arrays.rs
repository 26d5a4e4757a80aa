//! Arrays.
//!
//! Elements are compared through Arrow's row format, which orders and equates values of every type, so
//! that one implementation serves them all; results are taken from the arguments by index.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StringBuilder, StructArray, UInt32Array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field};
use arrow::row::{Row, RowConverter, Rows, SortField};
use datafusion::error::Result;
use datafusion::logical_expr::ScalarUDF;

use super::scalar::{Args, P, R, exact, optional, variadic};
use crate::error::{invalid, mismatch};
use crate::text;
use crate::types::{self, display};

/// The most entries `sequence` and `repeat` make.
const ENTRIES_MAX: usize = 10_000;

pub(super) fn all() -> Vec<ScalarUDF> {
    vec![
        exact("contains", &[P::List, P::Element], R::Bool, contains),
        optional("array_join", &[P::List, P::Str, P::Str], 2, R::Str, array_join),
        exact("array_distinct", &[P::List], R::Arg(0), array_distinct),
        exact("array_sort", &[P::List], R::Arg(0), array_sort),
        exact("array_max", &[P::List], R::Of(element), |args| extreme(args, true)),
        exact("array_min", &[P::List], R::Of(element), |args| extreme(args, false)),
        exact("array_position", &[P::List, P::Element], R::Int, array_position),
        exact("array_remove", &[P::List, P::Element], R::Arg(0), array_remove),
        exact("array_union", &[P::List, P::Same], R::Arg(0), array_union),
        exact("array_intersect", &[P::List, P::Same], R::Arg(0), |args| array_keep(args, true)),
        exact("array_except", &[P::List, P::Same], R::Arg(0), |args| array_keep(args, false)),
        exact("arrays_overlap", &[P::List, P::Same], R::Bool, arrays_overlap),
        exact("slice", &[P::List, P::Int, P::Int], R::Arg(0), slice),
        exact("trim_array", &[P::List, P::Int], R::Arg(0), trim_array),
        exact("flatten", &[P::List], R::Of(flat_type), flatten),
        optional("sequence", &[P::Any, P::Any, P::Any], 2, R::Of(sequence_type), super::sequence::sequence),
        variadic("zip", &[P::List], 2, R::Of(zip_type), zip),
        exact("array_sum", &[P::List], R::Double, |args| sum(args, false)),
        exact("array_average", &[P::List], R::Double, |args| sum(args, true)),
        exact("ngrams", &[P::List, P::Int], R::Of(|given| Ok(types::list(given[0].clone()))), ngrams),
    ]
}

fn element(given: &[DataType]) -> Result<DataType> {
    match &given[0] {
        DataType::List(element) => Ok(element.data_type().clone()),
        other => Err(mismatch(format!("not an array: {}", display(other)))),
    }
}

/// A list's elements as comparable rows.
pub(super) fn comparable(values: &ArrayRef) -> Result<Rows> {
    let converter = RowConverter::new(vec![SortField::new(values.data_type().clone())])?;
    Ok(converter.convert_columns(std::slice::from_ref(values))?)
}

/// Two columns of one type as rows that compare with each other.
fn comparable_pair(left: &ArrayRef, right: &ArrayRef) -> Result<(Rows, Rows)> {
    let converter = RowConverter::new(vec![SortField::new(left.data_type().clone())])?;
    let right = arrow::compute::cast(right, left.data_type())?;
    Ok((converter.convert_columns(std::slice::from_ref(left))?, converter.convert_columns(&[right])?))
}

pub(super) fn range(list: &ListArray, row: usize) -> Range<usize> {
    let offsets = list.value_offsets();
    offsets[row] as usize..offsets[row + 1] as usize
}

/// A list of which each row has the elements at `indices`; `None` is a null list.
pub(super) fn taken(
    values: &ArrayRef,
    returns: &DataType,
    rows: impl Iterator<Item = Result<Option<Vec<usize>>>>,
) -> Result<ArrayRef> {
    let DataType::List(element) = returns else { return Err(mismatch("an array was expected")) };
    let (mut indices, mut lengths, mut valid) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let row = row?;
        valid.push(row.is_some());
        let row = row.unwrap_or_default();
        lengths.push(row.len());
        indices.extend(row.into_iter().map(|index| u32::try_from(index).unwrap_or(u32::MAX)));
    }
    let values = arrow::compute::take(values, &UInt32Array::from(indices), None)?;
    let values = if values.data_type() == element.data_type() {
        values
    } else {
        arrow::compute::cast(&values, element.data_type())?
    };
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(Arc::clone(element), offsets, values, Some(NullBuffer::from(valid)))?))
}

fn each(args: &Args, mut f: impl FnMut(usize) -> Result<Vec<usize>>) -> Result<ArrayRef> {
    let rows = (0..args.rows).map(|row| if args.any_null(row) { Ok(None) } else { f(row).map(Some) });
    taken(args.list(0).values(), &args.returns, rows)
}

/// Null when not found beside a null element, as SQL's IN.
fn contains(args: &Args) -> Result<ArrayRef> {
    let list = args.list(0);
    let (items, wanted) = comparable_pair(list.values(), &args.columns[1])?;
    args.bools(|row| {
        let range = range(list, row);
        if range.clone().any(|at| items.row(at) == wanted.row(row)) {
            return Ok(Some(true));
        }
        Ok((!range.clone().any(|at| list.values().is_null(at))).then_some(false))
    })
}

fn array_join(args: &Args) -> Result<ArrayRef> {
    let list = args.list(0);
    let values = list.values();
    let mut builder = StringBuilder::new();
    for row in 0..args.rows {
        if args.any_null(row) {
            builder.append_null();
            continue;
        }
        let replacement = (args.len() > 2).then(|| args.str(2).value(row).to_owned());
        let pieces: Vec<String> = range(list, row)
            .filter_map(|at| text::value(values, at).or_else(|| replacement.clone()))
            .collect();
        builder.append_value(pieces.join(args.str(1).value(row)));
    }
    Ok(Arc::new(builder.finish()))
}

fn array_distinct(args: &Args) -> Result<ArrayRef> {
    let list = args.list(0);
    let items = comparable(list.values())?;
    each(args, |row| {
        let mut seen: HashSet<Row<'_>> = HashSet::new();
        Ok(range(list, row).filter(|at| seen.insert(items.row(*at))).collect())
    })
}

/// Nulls last.
fn array_sort(args: &Args) -> Result<ArrayRef> {
    let list = args.list(0);
    let items = comparable(list.values())?;
    each(args, |row| {
        let mut order: Vec<usize> = range(list, row).collect();
        order.sort_by_key(|at| (list.values().is_null(*at), items.row(*at)));
        Ok(order)
    })
}

/// Null when an element is, and for no elements.
fn extreme(args: &Args, largest: bool) -> Result<ArrayRef> {
    let list = args.list(0);
    let items = comparable(list.values())?;
    let chosen: UInt32Array = (0..args.rows)
        .map(|row| {
            if list.is_null(row) || range(list, row).any(|at| list.values().is_null(at)) {
                return None;
            }
            let range = range(list, row);
            let found = if largest {
                range.max_by_key(|at| items.row(*at))
            } else {
                range.min_by_key(|at| items.row(*at))
            };
            found.map(|at| u32::try_from(at).unwrap_or(u32::MAX))
        })
        .collect();
    Ok(arrow::compute::take(list.values(), &chosen, None)?)
}

fn array_position(args: &Args) -> Result<ArrayRef> {
    let list = args.list(0);
    let (items, wanted) = comparable_pair(list.values(), &args.columns[1])?;
    args.ints(|row| {
        let found = range(list, row).position(|at| items.row(at) == wanted.row(row));
        Ok(Some(found.map_or(0, |index| index as i64 + 1)))
    })
}

fn array_remove(args: &Args) -> Result<ArrayRef> {
    let list = args.list(0);
    let (items, unwanted) = comparable_pair(list.values(), &args.columns[1])?;
    each(args, |row| Ok(range(list, row).filter(|at| items.row(*at) != unwanted.row(row)).collect()))
}

fn array_union(args: &Args) -> Result<ArrayRef> {
    let (left, right) = (args.list(0), args.list(1));
    let all = arrow::compute::concat(&[left.values().as_ref(), right.values().as_ref()])?;
    let items = comparable(&all)?;
    let shift = left.values().len();
    let rows = (0..args.rows).map(|row| {
        if args.any_null(row) {
            return Ok(None);
        }
        let mut seen: HashSet<Row<'_>> = HashSet::new();
        let second = range(right, row).map(|at| at + shift);
        Ok(Some(range(left, row).chain(second).filter(|at| seen.insert(items.row(*at))).collect()))
    });
    taken(&all, &args.returns, rows)
}

/// The distinct elements of the first that are (or are not) in the second.
fn array_keep(args: &Args, common: bool) -> Result<ArrayRef> {
    let (left, right) = (args.list(0), args.list(1));
    let (items, others) = comparable_pair(left.values(), right.values())?;
    each(args, |row| {
        let other: HashSet<Row<'_>> = range(right, row).map(|at| others.row(at)).collect();
        let mut seen: HashSet<Row<'_>> = HashSet::new();
        let keep = |at: &usize| other.contains(&items.row(*at)) == common && seen.insert(items.row(*at));
        Ok(range(left, row).filter(keep).collect())
    })
}

fn arrays_overlap(args: &Args) -> Result<ArrayRef> {
    let (left, right) = (args.list(0), args.list(1));
    let (items, others) = comparable_pair(left.values(), right.values())?;
    args.bools(|row| {
        let known = |list: &ListArray, at: &usize| !list.values().is_null(*at);
        let other: HashSet<Row<'_>> =
            range(right, row).filter(|at| known(right, at)).map(|at| others.row(at)).collect();
        if range(left, row).filter(|at| known(left, at)).any(|at| other.contains(&items.row(at))) {
            return Ok(Some(true));
        }
        let nulls =
            range(left, row).any(|at| !known(left, &at)) || range(right, row).any(|at| !known(right, &at));
        Ok((!nulls).then_some(false))
    })
}

fn slice(args: &Args) -> Result<ArrayRef> {
    let list = args.list(0);
    each(args, |row| {
        let range = range(list, row);
        let (start, count) = (args.int(1).value(row), args.int(2).value(row));
        let size = range.len() as i64;
        if start == 0 {
            return Err(invalid("SQL array indices start at 1"));
        }
        if count < 0 {
            return Err(invalid("length must be greater than or equal to 0"));
        }
        let from = if start > 0 { start - 1 } else { size + start };
        if from < 0 || from >= size {
            return Ok(Vec::new());
        }
        let to = from.saturating_add(count).min(size);
        Ok((range.start + from as usize..range.start + to as usize).collect())
    })
}

fn trim_array(args: &Args) -> Result<ArrayRef> {
    let list = args.list(0);
    each(args, |row| {
        let range = range(list, row);
        let count =
            usize::try_from(args.int(1).value(row)).map_err(|_| invalid("size must not be negative"))?;
        if count > range.len() {
            return Err(invalid("size must not exceed array cardinality"));
        }
        Ok((range.start..range.end - count).collect())
    })
}

fn flat_type(given: &[DataType]) -> Result<DataType> {
    match element(given)? {
        inner @ DataType::List(_) => Ok(inner),
        other => Err(mismatch(format!(
            "Unexpected parameters (array({})) for function flatten. Expected: flatten(array(array(E)))",
            display(&other)
        ))),
    }
}

fn flatten(args: &Args) -> Result<ArrayRef> {
    let list = args.list(0);
    let inner = list.values().as_list::<i32>();
    let rows = (0..args.rows).map(|row| {
        if list.is_null(row) {
            return Ok(None);
        }
        Ok(Some(range(list, row).filter(|at| !inner.is_null(*at)).flat_map(|at| range(inner, at)).collect()))
    });
    taken(inner.values(), &args.returns, rows)
}

fn sequence_type(given: &[DataType]) -> Result<DataType> {
    Ok(types::list(match &given[0] {
        DataType::Date32 => DataType::Date32,
        time @ DataType::Timestamp(_, _) => time.clone(),
        number if number.is_integer() => DataType::Int64,
        other => {
            return Err(mismatch(format!(
                "Unexpected parameters ({}) for function sequence",
                display(other)
            )));
        }
    }))
}

/// How many entries a sequence has; an error beyond [`ENTRIES_MAX`].
pub(super) fn checked_entries(count: i128) -> Result<usize> {
    match usize::try_from(count) {
        Ok(count) if count <= ENTRIES_MAX => Ok(count),
        _ => {
            Err(invalid(format!("result of sequence function must not have more than {ENTRIES_MAX} entries")))
        }
    }
}

fn zip_type(given: &[DataType]) -> Result<DataType> {
    let fields = given.iter().enumerate().map(|(index, data_type)| {
        Ok(Field::new(format!("field{index}"), element(std::slice::from_ref(data_type))?, true))
    });
    Ok(types::list(DataType::Struct(fields.collect::<Result<Vec<_>>>()?.into())))
}

fn zip(args: &Args) -> Result<ArrayRef> {
    let DataType::List(item) = &args.returns else { return Err(mismatch("an array was expected")) };
    let DataType::Struct(fields) = item.data_type() else { return Err(mismatch("rows were expected")) };
    let lists: Vec<&ListArray> = (0..args.len()).map(|index| args.list(index)).collect();
    let longest = |row: usize| lists.iter().map(|list| range(list, row).len()).max().unwrap_or(0);
    let lengths: Vec<usize> =
        (0..args.rows).map(|row| if args.any_null(row) { 0 } else { longest(row) }).collect();
    let mut columns = Vec::new();
    for list in &lists {
        let indices: UInt32Array = lengths
            .iter()
            .enumerate()
            .flat_map(|(row, length)| {
                let range = range(list, row);
                (0..*length).map(move |index| {
                    let at = range.start + index;
                    (at < range.end).then(|| u32::try_from(at).unwrap_or(u32::MAX))
                })
            })
            .collect();
        columns.push(arrow::compute::take(list.values(), &indices, None)?);
    }
    let rows = StructArray::try_new(fields.clone(), columns, None)?;
    let valid: Vec<bool> = (0..args.rows).map(|row| !args.any_null(row)).collect();
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(
        Arc::clone(item),
        offsets,
        Arc::new(rows),
        Some(NullBuffer::from(valid)),
    )?))
}

fn sum(args: &Args, average: bool) -> Result<ArrayRef> {
    let list = args.list(0);
    let values = arrow::compute::cast(list.values(), &DataType::Float64)?;
    let values = values.as_primitive::<arrow::datatypes::Float64Type>();
    args.doubles(|row| {
        let known: Vec<f64> =
            range(list, row).filter(|at| !values.is_null(*at)).map(|at| values.value(at)).collect();
        let sum: f64 = known.iter().sum();
        Ok(match (average, known.len()) {
            (true, 0) => None,
            (true, count) => Some(sum / count as f64),
            (false, _) => Some(sum),
        })
    })
}

fn ngrams(args: &Args) -> Result<ArrayRef> {
    let list = args.list(0);
    let DataType::List(item) = &args.returns else { return Err(mismatch("an array was expected")) };
    let mut lengths = Vec::with_capacity(args.rows);
    let mut grams: Vec<Result<Option<Vec<usize>>>> = Vec::new();
    for row in 0..args.rows {
        if args.any_null(row) {
            lengths.push(0);
            continue;
        }
        let items: Vec<usize> = range(list, row).collect();
        let size = usize::try_from(args.int(1).value(row))
            .ok()
            .filter(|n| *n > 0)
            .ok_or_else(|| invalid("N must be positive"))?;
        let before = grams.len();
        grams.extend(items.windows(size.min(items.len().max(1))).map(|gram| Ok(Some(gram.to_vec()))));
        lengths.push(grams.len() - before);
    }
    let values = taken(list.values(), item.data_type(), grams.into_iter())?;
    let valid: Vec<bool> = (0..args.rows).map(|row| !args.any_null(row)).collect();
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(Arc::clone(item), offsets, values, Some(NullBuffer::from(valid)))?))
}

pub(super) fn reversed(args: &Args) -> Result<ArrayRef> {
    let list = args.list(0);
    each(args, |row| Ok(range(list, row).rev().collect()))
}

pub(super) fn repeat(args: &Args) -> Result<ArrayRef> {
    let counts = args.int(1);
    let rows = (0..args.rows).map(|row| {
        if counts.is_null(row) {
            return Ok(None);
        }
        let count = checked_entries(i128::from(counts.value(row)))?;
        Ok(Some(vec![row; count]))
    });
    taken(&args.columns[0], &args.returns, rows)
}

/// `||` of arrays, and of an array and an element.
pub(super) fn concatenated(args: &Args) -> Result<ArrayRef> {
    let DataType::List(item) = &args.returns else { return Err(mismatch("an array was expected")) };
    let mut values: Vec<ArrayRef> = Vec::new();
    for column in &args.columns {
        let inner = match column.data_type() {
            DataType::List(_) => Arc::clone(column.as_list::<i32>().values()),
            _ => Arc::clone(column),
        };
        values.push(super::cast::convert(&inner, item.data_type(), false)?);
    }
    let mut shifts = Vec::with_capacity(values.len());
    let mut shift = 0;
    for part in &values {
        shifts.push(shift);
        shift += part.len();
    }
    let parts: Vec<&dyn Array> = values.iter().map(AsRef::as_ref).collect();
    let all = arrow::compute::concat(&parts)?;
    let rows = (0..args.rows).map(|row| {
        let mut indices = Vec::new();
        for (column, shift) in args.columns.iter().zip(&shifts) {
            match column.data_type() {
                DataType::List(_) if column.is_null(row) => return Ok(None),
                DataType::List(_) => indices.extend(range(column.as_list(), row).map(|at| at + shift)),
                _ => indices.push(row + shift),
            }
        }
        Ok(Some(indices))
    });
    taken(&all, &args.returns, rows)
}
