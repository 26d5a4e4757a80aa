//! `$unnest`: arrays and maps side by side as one array of rows, which is then unnested.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray, MapArray, StructArray, UInt32Builder};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, ScalarUDF, lit};

use super::scalar::{Args, P, R, variadic};
use crate::error::mismatch;
use crate::types::display;

pub(super) fn all() -> Vec<ScalarUDF> {
    Vec::new()
}

type Shared = LazyLock<Arc<ScalarUDF>>;

static INNER: Shared =
    LazyLock::new(|| Arc::new(variadic("$unnest", &[P::Any], 1, R::Of(plain), |a| rows(a, false, false))));
static ORDINAL: Shared = LazyLock::new(|| {
    Arc::new(variadic("$unnest_ordinal", &[P::Any], 1, R::Of(counted), |a| rows(a, true, false)))
});
static OUTER: Shared = LazyLock::new(|| {
    Arc::new(variadic("$unnest_outer", &[P::Any], 1, R::Of(plain), |a| rows(a, false, true)))
});
static OUTER_ORDINAL: Shared = LazyLock::new(|| {
    Arc::new(variadic("$unnest_outer_ordinal", &[P::Any], 1, R::Of(counted), |a| rows(a, true, true)))
});

/// The array of rows that `arrays` make side by side: one field per array, two per map, one per member
/// of an array of rows, and one more for the ordinal. With `outer`, a row without elements has one of
/// nulls.
pub(crate) fn combine(arrays: Vec<Expr>, ordinality: bool, outer: bool) -> Expr {
    let function = match (ordinality, outer) {
        (false, false) => &INNER,
        (true, false) => &ORDINAL,
        (false, true) => &OUTER,
        (true, true) => &OUTER_ORDINAL,
    };
    let arrays = if arrays.is_empty() { vec![lit(datafusion::common::ScalarValue::Null)] } else { arrays };
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(function), arrays))
}

fn plain(given: &[DataType]) -> Result<DataType> {
    of(given, false)
}

fn counted(given: &[DataType]) -> Result<DataType> {
    of(given, true)
}

fn of(given: &[DataType], ordinality: bool) -> Result<DataType> {
    let mut fields: Vec<Field> = Vec::new();
    for data_type in given {
        for member in members(data_type)? {
            fields.push(Field::new(format!("c{}", fields.len()), member, true));
        }
    }
    if ordinality {
        fields.push(Field::new(format!("c{}", fields.len()), DataType::Int64, true));
    }
    let element = Field::new_list_field(DataType::Struct(fields.into()), true);
    Ok(DataType::List(Arc::new(element)))
}

fn members(data_type: &DataType) -> Result<Vec<DataType>> {
    match data_type {
        DataType::List(element) => Ok(match element.data_type() {
            DataType::Struct(fields) => fields.iter().map(|field| field.data_type().clone()).collect(),
            other => vec![other.clone()],
        }),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) => Ok(fields.iter().map(|field| field.data_type().clone()).collect()),
            other => Ok(vec![other.clone()]),
        },
        other => Err(mismatch(format!("Cannot unnest type: {}", display(other)))),
    }
}

fn rows(args: &Args, ordinality: bool, outer: bool) -> Result<ArrayRef> {
    let sides: Vec<Side> = args.columns.iter().map(Side::of).collect();
    let lengths: Vec<usize> = (0..args.rows)
        .map(|row| {
            let longest = sides.iter().map(|side| side.range(row).len()).max().unwrap_or(0);
            if outer { longest.max(1) } else { longest }
        })
        .collect();
    let DataType::List(element) = &args.returns else { return Err(mismatch("unnest returns an array")) };
    let DataType::Struct(fields) = element.data_type() else { return Err(mismatch("unnest returns rows")) };
    let mut columns: Vec<ArrayRef> = Vec::new();
    for side in &sides {
        let indices = side.indices(&lengths);
        for column in &side.columns {
            columns.push(arrow::compute::take(column, &indices, None)?);
        }
    }
    if ordinality {
        columns.push(Arc::new(ordinals(&sides, &lengths)));
    }
    let columns = fitted(columns, fields)?;
    let total: usize = lengths.iter().sum();
    let members = if columns.is_empty() {
        StructArray::new_empty_fields(total, None)
    } else {
        StructArray::try_new(fields.clone(), columns, None)?
    };
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(Arc::clone(element), offsets, Arc::new(members), None)?))
}

fn fitted(columns: Vec<ArrayRef>, fields: &Fields) -> Result<Vec<ArrayRef>> {
    let fit = |(column, field): (ArrayRef, &Arc<Field>)| {
        if column.data_type() == field.data_type() {
            Ok(column)
        } else {
            Ok(arrow::compute::cast(&column, field.data_type())?)
        }
    };
    columns.into_iter().zip(fields).map(fit).collect()
}

fn ordinals(sides: &[Side<'_>], lengths: &[usize]) -> Int64Array {
    let numbered = lengths.iter().enumerate().flat_map(|(row, length)| {
        let real = sides.iter().map(|side| side.range(row).len()).max().unwrap_or(0);
        (0..*length).map(move |index| (index < real).then_some(index as i64 + 1))
    });
    numbered.collect()
}

/// One array or map and the columns its elements make.
struct Side<'a> {
    kind: Kind<'a>,
    columns: Vec<ArrayRef>,
}

enum Kind<'a> {
    List(&'a ListArray),
    Map(&'a MapArray),
    Neither,
}

impl<'a> Side<'a> {
    fn of(column: &'a ArrayRef) -> Side<'a> {
        match column.data_type() {
            DataType::List(element) => {
                let list = column.as_list::<i32>();
                let columns = match element.data_type() {
                    DataType::Struct(_) => members_with_nulls(list.values().as_struct()),
                    _ => vec![Arc::clone(list.values())],
                };
                Side { kind: Kind::List(list), columns }
            }
            DataType::Map(_, _) => {
                let map = column.as_map();
                Side { kind: Kind::Map(map), columns: vec![Arc::clone(map.keys()), Arc::clone(map.values())] }
            }
            _ => Side { kind: Kind::Neither, columns: Vec::new() },
        }
    }

    fn range(&self, row: usize) -> std::ops::Range<usize> {
        let (offsets, null) = match &self.kind {
            Kind::List(list) => (list.value_offsets(), list.is_null(row)),
            Kind::Map(map) => (map.value_offsets(), map.is_null(row)),
            Kind::Neither => return 0..0,
        };
        if null { 0..0 } else { offsets[row] as usize..offsets[row + 1] as usize }
    }

    fn indices(&self, lengths: &[usize]) -> arrow::array::UInt32Array {
        let mut builder = UInt32Builder::with_capacity(lengths.iter().sum());
        for (row, length) in lengths.iter().enumerate() {
            let range = self.range(row);
            for index in 0..*length {
                let at = range.start + index;
                builder.append_option((at < range.end).then(|| u32::try_from(at).unwrap_or(u32::MAX)));
            }
        }
        builder.finish()
    }
}

/// A row's members, null where the row itself is.
fn members_with_nulls(rows: &StructArray) -> Vec<ArrayRef> {
    let Some(nulls) = rows.nulls() else { return rows.columns().to_vec() };
    let masked = rows.columns().iter().map(|column| {
        let nulls = arrow::buffer::NullBuffer::union(Some(nulls), column.nulls());
        let masked = column.to_data().into_builder().nulls(nulls).build();
        arrow::array::make_array(masked.expect("an array stays valid when more of its values are null"))
    });
    masked.collect()
}
