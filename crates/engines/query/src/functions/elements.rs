//! Looking into arrays, maps and rows, and making them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StructArray, UInt32Builder};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Int64Type};
use arrow::row::{RowConverter, SortField};
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarUDF};
use datafusion::logical_expr::{ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use super::scalar::{Args, P, R, common, exact, variadic};
use crate::error::{ErrorKind, fail, invalid, mismatch};
use crate::types::{canonical, display, list};

pub(super) fn all() -> Vec<ScalarUDF> {
    vec![
        exact("$subscript", &[P::Any, P::Any], R::Of(element_type), |args| find(args, true)),
        exact("element_at", &[P::Any, P::Any], R::Of(element_type), |args| find(args, false)),
        exact("cardinality", &[P::Any], R::Int, cardinality),
        variadic("$array", &[P::Any], 1, R::Of(array_type), array),
        exact("$empty_array", &[], R::Of(array_type), array),
        variadic("row", &[P::Any], 1, R::Of(row_type), row),
        ScalarUDF::from(FieldAccess { signature: Signature::any(2, Volatility::Immutable) }),
    ]
}

fn element_type(given: &[DataType]) -> Result<DataType> {
    match &given[0] {
        DataType::List(element) if given[1].is_integer() || given[1].is_null() => {
            Ok(element.data_type().clone())
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if common(fields[0].data_type(), &given[1]).is_some() => {
                Ok(fields[1].data_type().clone())
            }
            _ => Err(refused(given)),
        },
        _ => Err(refused(given)),
    }
}

fn refused(given: &[DataType]) -> datafusion::error::DataFusionError {
    let given: Vec<_> = given.iter().map(display).collect();
    mismatch(format!(
        "Unexpected parameters ({}) for function element_at. Expected: element_at(array(E), bigint), element_at(map(K,V), K)",
        given.join(", ")
    ))
}

fn find(args: &Args, strict: bool) -> Result<ArrayRef> {
    match args.columns[0].data_type() {
        DataType::List(_) => in_list(args, strict),
        _ => in_map(args, strict),
    }
}

fn in_list(args: &Args, strict: bool) -> Result<ArrayRef> {
    let list = args.list(0);
    let indices = arrow::compute::cast(&args.columns[1], &DataType::Int64)?;
    let indices = indices.as_primitive::<Int64Type>();
    let offsets = list.value_offsets();
    let mut chosen = UInt32Builder::with_capacity(args.rows);
    for row in 0..args.rows {
        if list.is_null(row) || indices.is_null(row) {
            chosen.append_null();
            continue;
        }
        let (start, end) = (i64::from(offsets[row]), i64::from(offsets[row + 1]));
        let index = indices.value(row);
        if index == 0 {
            return Err(invalid("SQL array indices start at 1"));
        }
        if strict && index < 0 {
            return Err(invalid(format!("Array subscript is negative: {index}")));
        }
        let at = if index > 0 { start + index - 1 } else { end + index };
        if (start..end).contains(&at) {
            chosen.append_value(u32::try_from(at).unwrap_or(u32::MAX));
        } else if strict {
            let size = end - start;
            return Err(invalid(format!(
                "Array subscript must be less than or equal to array length: {index} > {size}"
            )));
        } else {
            chosen.append_null();
        }
    }
    Ok(arrow::compute::take(list.values(), &chosen.finish(), None)?)
}

fn in_map(args: &Args, strict: bool) -> Result<ArrayRef> {
    let map = args.map(0);
    let wanted = arrow::compute::cast(&args.columns[1], map.keys().data_type())?;
    let converter = RowConverter::new(vec![SortField::new(map.keys().data_type().clone())])?;
    let keys = converter.convert_columns(&[Arc::clone(map.keys())])?;
    let needles = converter.convert_columns(&[Arc::clone(&wanted)])?;
    let offsets = map.value_offsets();
    let mut chosen = UInt32Builder::with_capacity(args.rows);
    for row in 0..args.rows {
        if map.is_null(row) || wanted.is_null(row) {
            chosen.append_null();
            continue;
        }
        let needle = needles.row(row);
        let found = (offsets[row] as usize..offsets[row + 1] as usize).find(|at| keys.row(*at) == needle);
        match found {
            Some(at) => chosen.append_value(u32::try_from(at).unwrap_or(u32::MAX)),
            None if strict => {
                let key = crate::text::value(&wanted, row).unwrap_or_default();
                return Err(invalid(format!("Key not present in map: {key}")));
            }
            None => chosen.append_null(),
        }
    }
    Ok(arrow::compute::take(map.values(), &chosen.finish(), None)?)
}

fn cardinality(args: &Args) -> Result<ArrayRef> {
    match args.columns[0].data_type() {
        DataType::List(_) => args.ints(|row| Ok(Some(i64::from(args.list(0).value_length(row))))),
        DataType::Map(_, _) => args.ints(|row| Ok(Some(i64::from(args.map(0).value_length(row))))),
        DataType::Null => args.ints(|_| Ok(None)),
        other => Err(mismatch(format!(
            "Unexpected parameters ({}) for function cardinality. Expected: cardinality(array(E)), cardinality(map(K,V))",
            display(other)
        ))),
    }
}

fn array_type(given: &[DataType]) -> Result<DataType> {
    let mut element = DataType::Null;
    for data_type in given {
        element = widened(&element, data_type)
            .ok_or_else(|| fail(ErrorKind::TypeMismatch, "All ARRAY elements must be the same type"))?;
    }
    Ok(list(element))
}

/// The type that holds both, members of rows and elements of arrays included.
fn widened(left: &DataType, right: &DataType) -> Option<DataType> {
    match (left, right) {
        (DataType::Struct(a), DataType::Struct(b)) if a.len() == b.len() => {
            let fields = a
                .iter()
                .zip(b)
                .map(|(a, b)| Some(Field::new(a.name(), widened(a.data_type(), b.data_type())?, true)));
            Some(DataType::Struct(fields.collect::<Option<Vec<_>>>()?.into()))
        }
        (DataType::List(a), DataType::List(b)) => Some(list(widened(a.data_type(), b.data_type())?)),
        _ => common(left, right),
    }
}

fn array(args: &Args) -> Result<ArrayRef> {
    let DataType::List(element) = &args.returns else { return Err(mismatch("an array was expected")) };
    let width = args.len();
    if width == 0 {
        let values = arrow::array::new_empty_array(element.data_type());
        let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(0, args.rows));
        return Ok(Arc::new(ListArray::try_new(Arc::clone(element), offsets, values, None)?));
    }
    let columns = args.columns.iter().map(|column| super::cast::convert(column, element.data_type(), false));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let parts: Vec<&dyn Array> = columns.iter().map(AsRef::as_ref).collect();
    let order: Vec<(usize, usize)> =
        (0..args.rows).flat_map(|row| (0..width).map(move |column| (column, row))).collect();
    let values = arrow::compute::interleave(&parts, &order)?;
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(width, args.rows));
    Ok(Arc::new(ListArray::try_new(Arc::clone(element), offsets, values, None)?))
}

fn row_type(given: &[DataType]) -> Result<DataType> {
    let fields =
        given.iter().enumerate().map(|(index, t)| Field::new(format!("field{index}"), t.clone(), true));
    Ok(DataType::Struct(fields.collect()))
}

fn row(args: &Args) -> Result<ArrayRef> {
    let DataType::Struct(fields) = &args.returns else { return Err(mismatch("a row was expected")) };
    Ok(Arc::new(StructArray::try_new(fields.clone(), args.columns.clone(), None)?))
}

/// `expr.name` of something that is not a column: DataFusion's own access, once the name is known to be
/// there.
#[derive(Debug, PartialEq, Eq, Hash)]
struct FieldAccess {
    signature: Signature,
}

impl ScalarUDFImpl for FieldAccess {
    fn name(&self) -> &str {
        "$field"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _given: &[DataType]) -> Result<DataType> {
        Err(mismatch("the type of a field follows from its name"))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<arrow::datatypes::FieldRef> {
        let name = args
            .scalar_arguments
            .get(1)
            .copied()
            .flatten()
            .and_then(|n| n.try_as_str())
            .flatten()
            .unwrap_or("");
        let data_type = args.arg_fields[0].data_type();
        let DataType::Struct(fields) = data_type else {
            return Err(mismatch(format!(
                "Expression is not of type ROW: {}",
                display(&canonical(data_type))
            )));
        };
        let field = fields.iter().find(|field| field.name() == name);
        let field = field.ok_or_else(|| {
            fail(ErrorKind::NoSuchColumn, format!("Column '{name}' cannot be resolved or requester is not authorized to access requested resources"))
        })?;
        Ok(Arc::new(Field::new(name, field.data_type().clone(), true)))
    }

    fn simplify(&self, args: Vec<Expr>, _info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let Expr::Literal(name, _) = &args[1] else { return Ok(ExprSimplifyResult::Original(args)) };
        let name = name.try_as_str().flatten().unwrap_or("").to_owned();
        let inner = args.into_iter().next().expect("a field access has two arguments");
        Ok(ExprSimplifyResult::Simplified(super::get_field(inner, &name)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let name = match &args.args[1] {
            ColumnarValue::Scalar(name) => name.try_as_str().flatten().unwrap_or("").to_owned(),
            ColumnarValue::Array(_) => return Err(invalid("a field's name must be constant")),
        };
        let column = args.args[0].to_array(args.number_rows)?;
        let row = column.as_struct();
        let member = row.column_by_name(&name).ok_or_else(|| invalid(format!("no field {name}")))?;
        let nulls = arrow::buffer::NullBuffer::union(row.nulls(), member.nulls());
        let data = member.to_data().into_builder().nulls(nulls).build()?;
        Ok(ColumnarValue::Array(arrow::array::make_array(data)))
    }
}
