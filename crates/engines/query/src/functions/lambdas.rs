//! Functions that take functions.
//!
//! A lambda runs once over the elements of all rows together; what it captures is repeated for each
//! element. `reduce` runs it once per element position instead.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, UInt32Array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{interleave, take, take_arrays};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, HigherOrderFunctionArgs, HigherOrderReturnFieldArgs, HigherOrderSignature, HigherOrderUDF,
    HigherOrderUDFImpl, LambdaArgument, LambdaParametersProgress, ValueOrLambda, Volatility,
};

use super::arrays::range;
use super::maps;
use super::scalar::common;
use crate::error::mismatch;
use crate::types::{self, canonical, display};

type Signatures = &'static [ValueOrLambda<(), ()>];

const V: ValueOrLambda<(), ()> = ValueOrLambda::Value(());
const L: ValueOrLambda<(), ()> = ValueOrLambda::Lambda(());

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Transform,
    Filter,
    AnyMatch,
    AllMatch,
    NoneMatch,
    Reduce,
    ZipWith,
    TransformKeys,
    TransformValues,
    MapFilter,
    Try,
}

const KINDS: &[(&str, Kind, Signatures)] = &[
    ("transform", Kind::Transform, &[V, L]),
    ("filter", Kind::Filter, &[V, L]),
    ("any_match", Kind::AnyMatch, &[V, L]),
    ("all_match", Kind::AllMatch, &[V, L]),
    ("none_match", Kind::NoneMatch, &[V, L]),
    ("reduce", Kind::Reduce, &[V, V, L, L]),
    ("zip_with", Kind::ZipWith, &[V, V, L]),
    ("transform_keys", Kind::TransformKeys, &[V, L]),
    ("transform_values", Kind::TransformValues, &[V, L]),
    ("map_filter", Kind::MapFilter, &[V, L]),
    ("$try", Kind::Try, &[V, L]),
];

pub(super) fn all() -> HashMap<String, Arc<HigherOrderUDF>> {
    let all = KINDS.iter().map(|(name, kind, params)| {
        let signature = HigherOrderSignature::exact(params.to_vec(), Volatility::Immutable);
        let function = Function { name, kind: *kind, signature };
        ((*name).to_owned(), Arc::new(HigherOrderUDF::new_from_impl(function)))
    });
    all.collect()
}

#[derive(Debug)]
struct Function {
    name: &'static str,
    kind: Kind,
    signature: HigherOrderSignature,
}

impl PartialEq for Function {
    fn eq(&self, other: &Function) -> bool {
        self.kind == other.kind
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kind.hash(state);
    }
}

fn param(data_type: &DataType) -> FieldRef {
    Arc::new(Field::new("", data_type.clone(), true))
}

impl Function {
    fn refused(&self, given: &DataType) -> datafusion::error::DataFusionError {
        mismatch(format!("Unexpected parameters ({}, function) for function {}", display(given), self.name))
    }

    fn element(&self, list: &DataType) -> Result<DataType> {
        match list {
            DataType::List(element) => Ok(element.data_type().clone()),
            other => Err(self.refused(other)),
        }
    }

    /// The lambda's parameters, from the types of the values.
    fn params(&self, values: &[DataType]) -> Result<Vec<FieldRef>> {
        Ok(match self.kind {
            Kind::Transform | Kind::Filter | Kind::AnyMatch | Kind::AllMatch | Kind::NoneMatch => {
                vec![param(&self.element(&values[0])?)]
            }
            Kind::ZipWith => vec![param(&self.element(&values[0])?), param(&self.element(&values[1])?)],
            Kind::TransformKeys | Kind::TransformValues | Kind::MapFilter => {
                let (key, value) = maps::parts(&values[0])?;
                vec![param(&key), param(&value)]
            }
            Kind::Reduce => vec![param(&values[1]), param(&self.element(&values[0])?)],
            Kind::Try => vec![param(&DataType::Boolean)],
        })
    }
}

fn value_types(fields: &[ValueOrLambda<FieldRef, Option<FieldRef>>]) -> Vec<DataType> {
    fields
        .iter()
        .filter_map(|field| match field {
            ValueOrLambda::Value(field) => Some(field.data_type().clone()),
            ValueOrLambda::Lambda(_) => None,
        })
        .collect()
}

impl HigherOrderUDFImpl for Function {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &HigherOrderSignature {
        &self.signature
    }

    fn coerce_value_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let null_list = || types::list(DataType::Null);
        let lists = if self.kind == Kind::ZipWith { 2 } else { 1 };
        Ok(given
            .iter()
            .enumerate()
            .map(|(index, data_type)| match data_type {
                DataType::Null if index < lists && self.kind != Kind::Try => null_list(),
                other => canonical(other),
            })
            .collect())
    }

    fn lambda_parameters(
        &self,
        _step: usize,
        fields: &[ValueOrLambda<FieldRef, Option<FieldRef>>],
    ) -> Result<LambdaParametersProgress> {
        let values = value_types(fields);
        let params = self.params(&values)?;
        if self.kind != Kind::Reduce {
            return Ok(LambdaParametersProgress::Complete(vec![params]));
        }
        let element = params[1].clone();
        // The state's type is that of the initial value, widened by what the lambda makes of it.
        match &fields[2] {
            ValueOrLambda::Lambda(Some(out)) => {
                let state = common(&values[1], &canonical(out.data_type()))
                    .unwrap_or_else(|| out.data_type().clone());
                Ok(LambdaParametersProgress::Complete(vec![
                    vec![param(&state), element],
                    vec![param(&state)],
                ]))
            }
            _ => Ok(LambdaParametersProgress::Partial(vec![Some(vec![param(&values[1]), element]), None])),
        }
    }

    fn coerce_values_for_lambdas(
        &self,
        fields: &[ValueOrLambda<DataType, DataType>],
    ) -> Result<Option<Vec<DataType>>> {
        match (self.kind, fields) {
            (
                Kind::Reduce,
                [ValueOrLambda::Value(list), ValueOrLambda::Value(state), ValueOrLambda::Lambda(out), _],
            ) => {
                let state = common(state, &canonical(out)).unwrap_or_else(|| out.clone());
                Ok(Some(vec![list.clone(), state]))
            }
            _ => Ok(None),
        }
    }

    fn return_field_from_args(&self, args: HigherOrderReturnFieldArgs) -> Result<FieldRef> {
        let (mut values, mut lambdas) = (Vec::new(), Vec::new());
        for field in args.arg_fields {
            match field {
                ValueOrLambda::Value(field) => values.push(field.data_type().clone()),
                ValueOrLambda::Lambda(field) => lambdas.push(canonical(field.data_type())),
            }
        }
        let out = lambdas.last().cloned().unwrap_or(DataType::Null);
        let returns = match self.kind {
            Kind::Transform | Kind::ZipWith => types::list(out),
            Kind::Filter | Kind::MapFilter => values[0].clone(),
            Kind::AnyMatch | Kind::AllMatch | Kind::NoneMatch => DataType::Boolean,
            Kind::Reduce | Kind::Try => out,
            Kind::TransformKeys => types::map(out, maps::parts(&values[0])?.1),
            Kind::TransformValues => types::map(maps::parts(&values[0])?.0, out),
        };
        Ok(param(&returns))
    }

    fn invoke_with_args(&self, args: HigherOrderFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let (mut values, mut lambdas) = (Vec::new(), Vec::new());
        for arg in &args.args {
            match arg {
                ValueOrLambda::Value(value) => values.push(value.to_array(rows)?),
                ValueOrLambda::Lambda(lambda) => lambdas.push(lambda),
            }
        }
        let returns = args.return_field.data_type();
        let out = match self.kind {
            Kind::Transform => transform(values[0].as_list(), lambdas[0], returns)?,
            Kind::Filter => {
                let list = values[0].as_list();
                maps::kept_elements(list, returns, &truths(list, lambdas[0])?)?
            }
            Kind::AnyMatch | Kind::AllMatch | Kind::NoneMatch => {
                matched(values[0].as_list(), lambdas[0], self.kind)?
            }
            Kind::Reduce => reduce(&values, &lambdas, returns)?,
            Kind::ZipWith => zip_with(&values, lambdas[0], returns)?,
            Kind::TransformKeys | Kind::TransformValues | Kind::MapFilter => {
                over_map(&values[0], lambdas[0], self.kind, returns)?
            }
            Kind::Try => attempt(lambdas[0], rows, returns)?,
        };
        Ok(ColumnarValue::Array(out))
    }
}

/// Which elements of the underlying values are reachable, and the row of each.
struct Reach {
    elements: UInt32Array,
    rows: UInt32Array,
    lengths: Vec<usize>,
}

fn reach(offsets: &[i32], valid: impl Fn(usize) -> bool) -> Reach {
    let (mut elements, mut rows, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..offsets.len().saturating_sub(1) {
        let range = if valid(row) { offsets[row]..offsets[row + 1] } else { 0..0 };
        lengths.push(range.len());
        rows.extend(std::iter::repeat_n(u32::try_from(row).unwrap_or(u32::MAX), range.len()));
        elements.extend(range.map(i32::cast_unsigned));
    }
    Reach { elements: elements.into(), rows: rows.into(), lengths }
}

impl Reach {
    fn of(list: &ListArray) -> Reach {
        reach(list.value_offsets(), |row| list.is_valid(row))
    }

    fn evaluate(&self, lambda: &LambdaArgument, params: &[ArrayRef]) -> Result<ArrayRef> {
        let given: Vec<_> = params.iter().map(|param| || Ok(Arc::clone(param))).collect();
        let given: Vec<&dyn Fn() -> Result<ArrayRef>> =
            given.iter().map(|f| f as &dyn Fn() -> Result<ArrayRef>).collect();
        let out = lambda.evaluate(&given, |captured| Ok(take_arrays(captured, &self.rows, None)?))?;
        out.into_array(self.elements.len())
    }
}

fn validity(column: &dyn Array) -> NullBuffer {
    NullBuffer::from((0..column.len()).map(|row| column.is_valid(row)).collect::<Vec<_>>())
}

fn transform(list: &ListArray, lambda: &LambdaArgument, returns: &DataType) -> Result<ArrayRef> {
    let reach = Reach::of(list);
    let elements = take(list.values(), &reach.elements, None)?;
    let out = reach.evaluate(lambda, &[elements])?;
    list_of(out, reach.lengths, validity(list), returns)
}

fn list_of(values: ArrayRef, lengths: Vec<usize>, nulls: NullBuffer, returns: &DataType) -> Result<ArrayRef> {
    let DataType::List(element) = returns else { return Err(mismatch("an array was expected")) };
    let values = arrow::compute::cast(&values, element.data_type())?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(Arc::clone(element), offsets, values, Some(nulls))?))
}

/// Whether the lambda is true, for each of the underlying values.
fn truths(list: &ListArray, lambda: &LambdaArgument) -> Result<Vec<bool>> {
    let reach = Reach::of(list);
    let elements = take(list.values(), &reach.elements, None)?;
    let out = booleans(&reach.evaluate(lambda, &[elements])?)?;
    let mut truths = vec![false; list.values().len()];
    for (index, at) in reach.elements.values().iter().enumerate() {
        truths[*at as usize] = out.is_valid(index) && out.value(index);
    }
    Ok(truths)
}

fn booleans(column: &ArrayRef) -> Result<BooleanArray> {
    match column.data_type() {
        DataType::Boolean => Ok(column.as_boolean().clone()),
        DataType::Null => Ok(BooleanArray::new_null(column.len())),
        other => Err(mismatch(format!(
            "Expected a lambda that returns boolean, but it returns {}",
            display(other)
        ))),
    }
}

/// Three-valued, as AND and OR over the elements.
fn matched(list: &ListArray, lambda: &LambdaArgument, kind: Kind) -> Result<ArrayRef> {
    let reach = Reach::of(list);
    let elements = take(list.values(), &reach.elements, None)?;
    let out = booleans(&reach.evaluate(lambda, &[elements])?)?;
    let mut at = 0;
    let decided = kind != Kind::AllMatch;
    let outcome = reach.lengths.iter().enumerate().map(|(row, length)| {
        let (mut hit, mut unknown) = (false, false);
        for index in at..at + length {
            match out.is_valid(index).then(|| out.value(index)) {
                Some(truth) if truth == decided => hit = true,
                None => unknown = true,
                Some(_) => {}
            }
        }
        at += length;
        if list.is_null(row) {
            return None;
        }
        let any = if hit { Some(true) } else { (!unknown).then_some(false) };
        if kind == Kind::AnyMatch { any } else { any.map(|any| !any) }
    });
    Ok(Arc::new(outcome.collect::<BooleanArray>()))
}

fn reduce(values: &[ArrayRef], lambdas: &[&LambdaArgument], returns: &DataType) -> Result<ArrayRef> {
    let list = values[0].as_list::<i32>();
    let mut state = Arc::clone(&values[1]);
    let longest = (0..list.len())
        .filter(|row| list.is_valid(*row))
        .map(|row| range(list, row).len())
        .max()
        .unwrap_or(0);
    for position in 0..longest {
        let active: Vec<usize> =
            (0..list.len()).filter(|row| list.is_valid(*row) && range(list, *row).len() > position).collect();
        let rows =
            UInt32Array::from_iter_values(active.iter().map(|row| u32::try_from(*row).unwrap_or(u32::MAX)));
        let at = UInt32Array::from_iter_values(
            active.iter().map(|row| u32::try_from(range(list, *row).start + position).unwrap_or(u32::MAX)),
        );
        let reach = Reach { elements: at.clone(), rows: rows.clone(), lengths: Vec::new() };
        let params = [take(&state, &rows, None)?, take(list.values(), &at, None)?];
        let next = reach.evaluate(lambdas[0], &params)?;
        let next = arrow::compute::cast(&next, state.data_type())?;
        let mut order: Vec<(usize, usize)> = (0..list.len()).map(|row| (0, row)).collect();
        for (index, row) in active.iter().enumerate() {
            order[*row] = (1, index);
        }
        state = interleave(&[state.as_ref(), next.as_ref()], &order)?;
    }
    let all = UInt32Array::from_iter_values(0..u32::try_from(list.len()).unwrap_or(u32::MAX));
    let reach = Reach { elements: all.clone(), rows: all, lengths: Vec::new() };
    let out = reach.evaluate(lambdas[1], &[state])?;
    let out = arrow::compute::cast(&out, returns)?;
    let absent = BooleanArray::from((0..list.len()).map(|row| list.is_null(row)).collect::<Vec<_>>());
    Ok(arrow::compute::nullif(&out, &absent)?)
}

fn zip_with(values: &[ArrayRef], lambda: &LambdaArgument, returns: &DataType) -> Result<ArrayRef> {
    let (left, right) = (values[0].as_list::<i32>(), values[1].as_list::<i32>());
    let (mut first, mut second, mut rows, mut lengths) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let valid: Vec<bool> = (0..left.len()).map(|row| left.is_valid(row) && right.is_valid(row)).collect();
    for (row, valid) in valid.iter().enumerate() {
        let (a, b) = if *valid { (range(left, row), range(right, row)) } else { (0..0, 0..0) };
        let length = a.len().max(b.len());
        lengths.push(length);
        let pick = |range: &std::ops::Range<usize>, index: usize| {
            let at = range.start + index;
            (at < range.end).then(|| u32::try_from(at).unwrap_or(u32::MAX))
        };
        for index in 0..length {
            first.push(pick(&a, index));
            second.push(pick(&b, index));
            rows.push(u32::try_from(row).unwrap_or(u32::MAX));
        }
    }
    let reach = Reach { elements: rows.clone().into(), rows: rows.into(), lengths: Vec::new() };
    let params = [
        take(left.values(), &UInt32Array::from(first), None)?,
        take(right.values(), &UInt32Array::from(second), None)?,
    ];
    let out = reach.evaluate(lambda, &params)?;
    list_of(out, lengths, NullBuffer::from(valid), returns)
}

fn over_map(column: &ArrayRef, lambda: &LambdaArgument, kind: Kind, returns: &DataType) -> Result<ArrayRef> {
    let map = column.as_map();
    let reach = reach(map.value_offsets(), |row| map.is_valid(row));
    let keys = take(map.keys(), &reach.elements, None)?;
    let values = take(map.values(), &reach.elements, None)?;
    let out = reach.evaluate(lambda, &[Arc::clone(&keys), Arc::clone(&values)])?;
    let valid: Vec<bool> = (0..map.len()).map(|row| map.is_valid(row)).collect();
    match kind {
        Kind::MapFilter => {
            let truth = booleans(&out)?;
            let mut keep = vec![false; map.keys().len()];
            for (index, at) in reach.elements.values().iter().enumerate() {
                keep[*at as usize] = truth.is_valid(index) && truth.value(index);
            }
            maps::kept(map, returns, &keep)
        }
        Kind::TransformKeys => maps::map_array(returns, &out, &values, reach.lengths, valid),
        _ => maps::map_array(returns, &keys, &out, reach.lengths, valid),
    }
}

/// All rows at once; where that fails, row by row, with null for the rows that fail.
fn attempt(lambda: &LambdaArgument, rows: usize, returns: &DataType) -> Result<ArrayRef> {
    let dummy = |rows: usize| Arc::new(BooleanArray::from(vec![true; rows])) as ArrayRef;
    let whole = lambda.evaluate(&[&|| Ok(dummy(rows))], |captured| Ok(captured.to_vec()));
    if let Ok(out) = whole.and_then(|out| out.into_array(rows)) {
        return Ok(arrow::compute::cast(&out, returns)?);
    }
    let mut parts = Vec::with_capacity(rows);
    for row in 0..rows {
        let one = lambda.evaluate(&[&|| Ok(dummy(1))], |captured| {
            Ok(captured.iter().map(|column| column.slice(row, 1)).collect())
        });
        parts.push(match one.and_then(|out| out.into_array(1)) {
            Ok(out) => arrow::compute::cast(&out, returns)?,
            Err(_) => arrow::array::new_null_array(returns, 1),
        });
    }
    if parts.is_empty() {
        return Ok(arrow::array::new_empty_array(returns));
    }
    let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
    Ok(arrow::compute::concat(&parts)?)
}
