//! How a scalar function is written down: its parameters, what it returns, and what it does to columns.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Float64Array, Int64Array, LargeStringArray,
    ListArray, MapArray, StringArray,
};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::error::mismatch;
use crate::types::{self, JSON, TIMESTAMP, canonical};

/// A parameter's type. Arguments are converted to it only where Trino would.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum P {
    Str,
    Bytes,
    /// Any integer, as `bigint`.
    Int,
    /// Any number, as `double`.
    Double,
    /// `timestamp`, with or without a zone, or a date.
    Time,
    /// `json`, or text that holds JSON.
    Json,
    List,
    Map,
    /// As it comes.
    Any,
    /// As the element type of the first argument.
    Element,
    /// As the first argument.
    Same,
}

/// What a function returns.
#[derive(Clone, Copy)]
pub(super) enum R {
    Str,
    Bytes,
    Int,
    Double,
    Bool,
    Date,
    Json,
    Strs,
    Arg(usize),
    /// `timestamp with time zone` in the zone that the argument names, when it is a constant.
    Zone(usize),
    Of(fn(&[DataType]) -> Result<DataType>),
}

pub(super) type Call = fn(&Args) -> Result<ArrayRef>;

/// The evaluated arguments of one call, as columns of equal length.
pub(super) struct Args {
    pub(super) columns: Vec<ArrayRef>,
    pub(super) rows: usize,
    pub(super) returns: DataType,
    pub(super) name: &'static str,
}

impl Args {
    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }

    pub(super) fn str(&self, index: usize) -> &StringArray {
        self.columns[index].as_string()
    }

    pub(super) fn json(&self, index: usize) -> Texts<'_> {
        match self.columns[index].data_type() {
            DataType::LargeUtf8 => Texts::Large(self.columns[index].as_string()),
            _ => Texts::Plain(self.columns[index].as_string()),
        }
    }

    pub(super) fn int(&self, index: usize) -> &Int64Array {
        self.columns[index].as_primitive::<Int64Type>()
    }

    pub(super) fn double(&self, index: usize) -> &Float64Array {
        self.columns[index].as_primitive::<Float64Type>()
    }

    pub(super) fn bytes(&self, index: usize) -> &BinaryArray {
        self.columns[index].as_binary()
    }

    pub(super) fn list(&self, index: usize) -> &ListArray {
        self.columns[index].as_list()
    }

    pub(super) fn map(&self, index: usize) -> &MapArray {
        self.columns[index].as_map()
    }

    /// Whether any argument of the row is null.
    pub(super) fn any_null(&self, row: usize) -> bool {
        self.columns.iter().any(|column| column.is_null(row))
    }

    /// Text from each row without nulls.
    pub(super) fn texts<'a, S: AsRef<str>>(
        &'a self,
        mut f: impl FnMut(usize) -> Result<Option<S>> + 'a,
    ) -> Result<ArrayRef> {
        let rows = (0..self.rows).map(|row| if self.any_null(row) { Ok(None) } else { f(row) });
        let mut builder = arrow::array::StringBuilder::with_capacity(self.rows, self.rows * 8);
        for text in rows {
            builder.append_option(text?);
        }
        Ok(Arc::new(builder.finish()))
    }

    /// JSON text from each row without nulls.
    pub(super) fn jsons(&self, mut f: impl FnMut(usize) -> Result<Option<String>>) -> Result<ArrayRef> {
        let rows = (0..self.rows).map(|row| if self.any_null(row) { Ok(None) } else { f(row) });
        Ok(Arc::new(rows.collect::<Result<LargeStringArray>>()?))
    }

    pub(super) fn ints(&self, mut f: impl FnMut(usize) -> Result<Option<i64>>) -> Result<ArrayRef> {
        let rows = (0..self.rows).map(|row| if self.any_null(row) { Ok(None) } else { f(row) });
        Ok(Arc::new(rows.collect::<Result<Int64Array>>()?))
    }

    pub(super) fn doubles(&self, mut f: impl FnMut(usize) -> Result<Option<f64>>) -> Result<ArrayRef> {
        let rows = (0..self.rows).map(|row| if self.any_null(row) { Ok(None) } else { f(row) });
        Ok(Arc::new(rows.collect::<Result<Float64Array>>()?))
    }

    pub(super) fn bools(&self, mut f: impl FnMut(usize) -> Result<Option<bool>>) -> Result<ArrayRef> {
        let rows = (0..self.rows).map(|row| if self.any_null(row) { Ok(None) } else { f(row) });
        Ok(Arc::new(rows.collect::<Result<BooleanArray>>()?))
    }

    pub(super) fn binaries(&self, mut f: impl FnMut(usize) -> Result<Option<Vec<u8>>>) -> Result<ArrayRef> {
        let rows = (0..self.rows).map(|row| if self.any_null(row) { Ok(None) } else { f(row) });
        let rows = rows.collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(BinaryArray::from_iter(rows)))
    }
}

/// Text of `varchar` or `json`.
pub(super) enum Texts<'a> {
    Plain(&'a StringArray),
    Large(&'a LargeStringArray),
}

impl Texts<'_> {
    pub(super) fn value(&self, row: usize) -> &str {
        match self {
            Texts::Plain(texts) => texts.value(row),
            Texts::Large(texts) => texts.value(row),
        }
    }
}

/// A scalar function of ours.
pub(super) struct Function {
    name: &'static str,
    params: &'static [P],
    /// How many of `params` a call must give; the last one may repeat when `variadic`.
    required: usize,
    variadic: bool,
    returns: R,
    call: Call,
    signature: Signature,
}

/// A function that takes exactly `params`.
pub(super) fn exact(name: &'static str, params: &'static [P], returns: R, call: Call) -> ScalarUDF {
    optional(name, params, params.len(), returns, call)
}

/// A function whose parameters from `required` on may be left out.
pub(super) fn optional(
    name: &'static str,
    params: &'static [P],
    required: usize,
    returns: R,
    call: Call,
) -> ScalarUDF {
    let signature = if params.is_empty() {
        Signature::nullary(Volatility::Immutable)
    } else {
        Signature::user_defined(Volatility::Immutable)
    };
    ScalarUDF::from(Function { name, params, required, variadic: false, returns, call, signature })
}

/// A function whose last parameter may repeat.
pub(super) fn variadic(
    name: &'static str,
    params: &'static [P],
    required: usize,
    returns: R,
    call: Call,
) -> ScalarUDF {
    let signature = Signature::user_defined(Volatility::Immutable);
    ScalarUDF::from(Function { name, params, required, variadic: true, returns, call, signature })
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Function) -> bool {
        self.name == other.name
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl Function {
    /// What the arguments are converted to.
    fn targets(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let too_many = !self.variadic && given.len() > self.params.len();
        if given.len() < self.required || too_many {
            return Err(self.refused(given));
        }
        let first = given.first().cloned().unwrap_or(DataType::Null);
        let last = self.params.last();
        let mut targets: Vec<DataType> = given
            .iter()
            .enumerate()
            .map(|(index, data_type)| {
                let param = self.params.get(index).or(last);
                param.and_then(|param| param.target(data_type, &first)).ok_or_else(|| self.refused(given))
            })
            .collect::<Result<_>>()?;
        // A wider later argument widens the first and its kin.
        let param_of = |index: usize| self.params.get(index).or(last).copied();
        for index in 1..targets.len() {
            match param_of(index) {
                Some(P::Same) => {
                    let wide = targets[index].clone();
                    targets[0] = common(&targets[0], &wide).unwrap_or_else(|| targets[0].clone());
                }
                Some(P::Element) => {
                    if let DataType::List(element) = &targets[0]
                        && element.data_type() != &targets[index]
                    {
                        targets[0] = types::list(targets[index].clone());
                    }
                }
                _ => {}
            }
        }
        for index in 1..targets.len() {
            match (param_of(index), &targets[0]) {
                (Some(P::Same), first) => targets[index] = first.clone(),
                (Some(P::Element), DataType::List(element)) => targets[index] = element.data_type().clone(),
                _ => {}
            }
        }
        Ok(targets)
    }

    fn refused(&self, given: &[DataType]) -> DataFusionError {
        let given: Vec<_> = given.iter().map(types::display).collect();
        let mut expected: Vec<_> = self.params.iter().map(|param| param.shown()).collect();
        expected.truncate(self.params.len().max(self.required));
        mismatch(format!(
            "Unexpected parameters ({}) for function {}. Expected: {}({})",
            given.join(", "),
            self.name,
            self.name,
            expected.join(", ")
        ))
    }
}

impl P {
    fn shown(self) -> &'static str {
        match self {
            P::Str => "varchar",
            P::Bytes => "varbinary",
            P::Int => "bigint",
            P::Double => "double",
            P::Time => "timestamp(p)",
            P::Json => "json",
            P::List => "array(E)",
            P::Map => "map(K,V)",
            P::Any => "T",
            P::Element => "E",
            P::Same => "T",
        }
    }

    /// What an argument of `given` is converted to; `None` if Trino would refuse it.
    fn target(self, given: &DataType, first: &DataType) -> Option<DataType> {
        let null = matches!(given, DataType::Null);
        let text = matches!(given, DataType::Utf8 | DataType::Utf8View);
        Some(match self {
            P::Str if text || null => DataType::Utf8,
            P::Bytes if null || matches!(canonical(given), DataType::Binary) => DataType::Binary,
            P::Int if null || given.is_integer() => DataType::Int64,
            P::Double if null || given.is_numeric() => DataType::Float64,
            P::Time => match given {
                DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Millisecond, zone.clone()),
                DataType::Date32 | DataType::Null => TIMESTAMP,
                _ => return None,
            },
            P::Json if text || null => DataType::Utf8,
            P::Json if *given == JSON => JSON,
            P::List if null => types::list(DataType::Null),
            P::List => match canonical(given) {
                list @ DataType::List(_) => list,
                _ => return None,
            },
            P::Map => match canonical(given) {
                map @ DataType::Map(_, _) => map,
                _ => return None,
            },
            P::Any => canonical(given),
            P::Same => common(&canonical(first), &canonical(given))?,
            P::Element => match canonical(first) {
                DataType::List(element) => common(element.data_type(), &canonical(given))?,
                _ => return None,
            },
            _ => return None,
        })
    }
}

/// The type both can be converted to.
pub(super) fn common(left: &DataType, right: &DataType) -> Option<DataType> {
    use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
    if left == right || matches!(right, DataType::Null) {
        return Some(left.clone());
    }
    if matches!(left, DataType::Null) {
        return Some(right.clone());
    }
    let text = |t: &DataType| matches!(t, DataType::Utf8);
    if text(left) != text(right) && !matches!((left, right), (DataType::List(_), _) | (_, DataType::List(_)))
    {
        return None;
    }
    comparison_coercion(left, right).map(|common| canonical(&common))
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Never fails, since DataFusion would wrap the failure: what is refused is told by
    /// [`ScalarUDFImpl::return_field_from_args`].
    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        Ok(self.targets(given).unwrap_or_else(|_| given.to_vec()))
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        Ok(match self.returns {
            R::Str => DataType::Utf8,
            R::Bytes => DataType::Binary,
            R::Int => DataType::Int64,
            R::Double => DataType::Float64,
            R::Bool => DataType::Boolean,
            R::Date => DataType::Date32,
            R::Json => JSON,
            R::Strs => types::list(DataType::Utf8),
            R::Arg(index) => given.get(index).cloned().unwrap_or(DataType::Null),
            R::Zone(_) => types::timestamp_tz("UTC"),
            R::Of(of) => of(given)?,
        })
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<arrow::datatypes::FieldRef> {
        let given: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        // Asked before arguments are converted as well as after.
        let targets = self.targets(&given)?;
        if let R::Zone(index) = self.returns
            && let Some(zone) =
                args.scalar_arguments.get(index).copied().flatten().and_then(|z| z.try_as_str()).flatten()
        {
            super::times::check_zone(zone)?;
            return Ok(Arc::new(arrow::datatypes::Field::new(self.name, types::timestamp_tz(zone), true)));
        }
        Ok(Arc::new(arrow::datatypes::Field::new(self.name, self.return_type(&targets)?, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant =
            !args.args.is_empty() && args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let columns = args.args.iter().map(|arg| arg.to_array(rows)).collect::<Result<Vec<_>>>()?;
        let returns = args.return_field.data_type().clone();
        let out = (self.call)(&Args { columns, rows, returns, name: self.name })?;
        if constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&out, 0)?));
        }
        Ok(ColumnarValue::Array(out))
    }
}
