//! CAST and TRY_CAST with Trino's conversions.
//!
//! The type travels as text in the second argument. Conversions that DataFusion performs alike become
//! its own casts during optimisation, so that predicates over them still prune files.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array,
    LargeStringBuilder, ListArray, MapArray, StringArray, StringBuilder, StructArray,
    TimestampMillisecondArray,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Float32Type, Float64Type, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    Cast, ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    TryCast, Volatility,
};

use super::json;
use super::times::parse_timestamp;
use crate::error::{ErrorKind, fail, mismatch};
use crate::text;
use crate::types::{self, canonical};

pub(super) fn all() -> Vec<ScalarUDF> {
    vec![ScalarUDF::from(Conversion::new(false)), ScalarUDF::from(Conversion::new(true))]
}

/// Whether `text` reads as the type, for literals such as `DATE '2024-02-30'`.
pub(crate) fn check_literal(text: &str, type_text: &str) -> std::result::Result<(), String> {
    let target = types::parse(type_text)?;
    let column: ArrayRef = Arc::new(StringArray::from(vec![text]));
    convert(&column, &target, false).map(|_| ()).map_err(|error| error.to_string())
}

#[derive(Debug)]
struct Conversion {
    lenient: bool,
    signature: Signature,
}

impl Conversion {
    fn new(lenient: bool) -> Conversion {
        Conversion { lenient, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl PartialEq for Conversion {
    fn eq(&self, other: &Conversion) -> bool {
        self.lenient == other.lenient
    }
}

impl Eq for Conversion {}

impl Hash for Conversion {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.lenient.hash(state);
    }
}

fn target_of(literal: Option<&ScalarValue>) -> Result<(DataType, Option<usize>)> {
    let text = literal.and_then(|value| value.try_as_str().flatten()).unwrap_or("");
    let target = types::parse(text).map_err(|name| mismatch(format!("Unknown type: {name}")))?;
    Ok((target, types::length_limit(text)))
}

impl ScalarUDFImpl for Conversion {
    fn name(&self) -> &str {
        if self.lenient { "$try_cast" } else { "$cast" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        Ok(vec![canonical(&given[0]), DataType::Utf8])
    }

    fn return_type(&self, _given: &[DataType]) -> Result<DataType> {
        Err(mismatch("the type of a cast follows from its text"))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let (target, _) = target_of(args.scalar_arguments.get(1).copied().flatten())?;
        let from = canonical(args.arg_fields[0].data_type());
        if !allowed(&from, &target) {
            let (from, to) = (types::display(&from), types::display(&target));
            return Err(mismatch(format!("Cannot cast {from} to {to}")));
        }
        Ok(Arc::new(Field::new(self.name(), target, true)))
    }

    fn simplify(&self, mut args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let (target, limit) = match &args[1] {
            Expr::Literal(value, _) => target_of(Some(value))?,
            _ => return Ok(ExprSimplifyResult::Original(args)),
        };
        let from = info.get_data_type(&args[0])?;
        if limit.is_some() || !same_as_theirs(&from, &target) {
            return Ok(ExprSimplifyResult::Original(args));
        }
        let inner = args.swap_remove(0);
        if from == target {
            return Ok(ExprSimplifyResult::Simplified(inner));
        }
        Ok(ExprSimplifyResult::Simplified(if self.lenient {
            Expr::TryCast(TryCast::new(Box::new(inner), target))
        } else {
            Expr::Cast(Cast::new(Box::new(inner), target))
        }))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let limit = match &args.args[1] {
            ColumnarValue::Scalar(literal) => target_of(Some(literal))?.1,
            ColumnarValue::Array(_) => None,
        };
        let target = args.return_field.data_type();
        let constant = matches!(args.args[0], ColumnarValue::Scalar(_));
        let column = args.args[0].to_array(if constant { 1 } else { args.number_rows })?;
        let mut out = convert(&column, target, self.lenient)?;
        if let Some(limit) = limit {
            out = shortened(&out, limit);
        }
        if constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&out, 0)?));
        }
        Ok(ColumnarValue::Array(out))
    }
}

/// Conversions in which DataFusion does exactly what Trino does.
fn same_as_theirs(from: &DataType, to: &DataType) -> bool {
    use DataType as D;
    if from == to || matches!(from, D::Null) {
        return true;
    }
    match (from, to) {
        (
            D::Int8 | D::Int16 | D::Int32 | D::Int64,
            D::Int8 | D::Int16 | D::Int32 | D::Int64 | D::Float64 | D::Float32,
        ) => true,
        (D::Int8 | D::Int16 | D::Int32 | D::Int64, D::Decimal128(_, _)) => true,
        (D::Float32, D::Float64) | (D::Decimal128(_, _), D::Float64) => true,
        (D::Date32, D::Timestamp(_, None)) => true,
        (D::Timestamp(_, None), D::Date32) => true,
        (D::Timestamp(_, a), D::Timestamp(_, b)) => a.is_some() == b.is_some(),
        _ => false,
    }
}

fn allowed(from: &DataType, to: &DataType) -> bool {
    use DataType as D;
    let nested = |t: &D| matches!(t, D::List(_) | D::Map(_, _) | D::Struct(_));
    match (from, to) {
        (D::Null, _) | (_, D::LargeUtf8) | (D::LargeUtf8, _) => true,
        (D::List(a), D::List(b)) => allowed(a.data_type(), b.data_type()),
        (D::Struct(a), D::Struct(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| allowed(a.data_type(), b.data_type()))
        }
        (D::Map(_, _), D::Map(_, _)) => true,
        _ if nested(from) || nested(to) => false,
        (D::Binary, other) | (other, D::Binary) => matches!(other, D::Binary | D::Utf8),
        (D::Date32 | D::Timestamp(_, _), other) => {
            matches!(other, D::Date32 | D::Timestamp(_, _) | D::Utf8 | D::Time32(_))
        }
        (D::Utf8, _) => true,
        (_, D::Date32 | D::Timestamp(_, _)) => false,
        _ => true,
    }
}

fn shortened(column: &ArrayRef, limit: usize) -> ArrayRef {
    let DataType::Utf8 = column.data_type() else { return column.clone() };
    let texts = column.as_string::<i32>();
    let short: StringArray = texts
        .iter()
        .map(|text| text.map(|text| text.char_indices().nth(limit).map_or(text, |(end, _)| &text[..end])))
        .collect();
    Arc::new(short)
}

/// Converts a column; what cannot be converted is null when `lenient`, else the error.
pub(super) fn convert(column: &ArrayRef, to: &DataType, lenient: bool) -> Result<ArrayRef> {
    use DataType as D;
    let from = column.data_type();
    if from == to {
        return Ok(column.clone());
    }
    match (from, to) {
        (D::Null, _) => Ok(arrow::array::new_null_array(to, column.len())),
        (_, D::LargeUtf8) => json::from_values(column),
        (D::LargeUtf8, _) => json::to_values(column, to, lenient),
        (D::List(_), D::List(element)) => list(column.as_list(), element, lenient),
        (D::Map(_, _), D::Map(entries, _)) => map(column.as_map(), entries, lenient),
        (D::Struct(_), D::Struct(fields)) => {
            let row = column.as_struct();
            let members = row
                .columns()
                .iter()
                .zip(fields)
                .map(|(member, field)| convert(member, field.data_type(), lenient));
            let members = members.collect::<Result<Vec<_>>>()?;
            Ok(Arc::new(StructArray::try_new(fields.clone(), members, row.nulls().cloned())?))
        }
        (D::Binary, D::Utf8) => {
            let bytes = column.as_binary::<i32>();
            let texts: StringArray =
                bytes.iter().map(|b| b.map(|b| String::from_utf8_lossy(b).into_owned())).collect();
            Ok(Arc::new(texts))
        }
        (D::Float64, D::Utf8) => {
            let doubles = column.as_primitive::<Float64Type>();
            Ok(scientific(doubles.iter().map(|value| value.map(|value| (value, format!("{value:e}"))))))
        }
        (D::Float32, D::Utf8) => {
            let reals = column.as_primitive::<Float32Type>();
            let shortest = |value: f32| (f64::from(value), format!("{value:e}"));
            Ok(scientific(reals.iter().map(|value| value.map(shortest))))
        }
        (_, D::Utf8) => {
            let mut builder = StringBuilder::with_capacity(column.len(), column.len() * 8);
            for row in 0..column.len() {
                builder.append_option(text::value(column, row));
            }
            Ok(Arc::new(builder.finish()))
        }
        (D::Utf8, _) => from_text(column.as_string(), to, lenient),
        (D::Float32 | D::Float64, D::Int8 | D::Int16 | D::Int32 | D::Int64) => {
            let doubles = arrow::compute::cast(column, &D::Float64)?;
            rounded(doubles.as_primitive(), to, lenient)
        }
        (D::Decimal128(_, scale), D::Int8 | D::Int16 | D::Int32 | D::Int64) => {
            let divisor = 10i128.pow(u32::try_from(*scale).unwrap_or(0));
            let values = column.as_primitive::<Decimal128Type>();
            let wide = each(values.len(), lenient, |row| {
                if values.is_null(row) {
                    return Ok(None);
                }
                let whole = super::arithmetic::divided_half_up(values.value(row), divisor);
                i64::try_from(whole).map(Some).map_err(|_| out_of_range(whole, to))
            })?;
            narrowed(Int64Array::from(wide), to, lenient)
        }
        (D::Int8 | D::Int16 | D::Int32 | D::Int64, D::Int8 | D::Int16 | D::Int32) => {
            let wide = arrow::compute::cast(column, &D::Int64)?;
            narrowed(wide.as_primitive().clone(), to, lenient)
        }
        _ => Ok(theirs(column, to, lenient)?),
    }
}

fn scientific(values: impl Iterator<Item = Option<(f64, String)>>) -> ArrayRef {
    let texts = values.map(|value| {
        value.map(|(value, shortest)| {
            let mut out = String::new();
            text::scientific(value, &shortest, &mut out);
            out
        })
    });
    Arc::new(texts.collect::<StringArray>())
}

fn theirs(
    column: &ArrayRef,
    to: &DataType,
    lenient: bool,
) -> std::result::Result<ArrayRef, arrow::error::ArrowError> {
    cast_with_options(column, to, &CastOptions { safe: lenient, ..CastOptions::default() })
}

fn list(list: &ListArray, element: &FieldRef, lenient: bool) -> Result<ArrayRef> {
    let values = convert(list.values(), element.data_type(), lenient)?;
    Ok(Arc::new(ListArray::try_new(
        Arc::clone(element),
        list.offsets().clone(),
        values,
        list.nulls().cloned(),
    )?))
}

fn map(map: &MapArray, entries: &FieldRef, lenient: bool) -> Result<ArrayRef> {
    let DataType::Struct(fields) = entries.data_type() else { return Err(mismatch("a map has entries")) };
    let keys = convert(map.keys(), fields[0].data_type(), false)?;
    let values = convert(map.values(), fields[1].data_type(), lenient)?;
    let members = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
    Ok(Arc::new(MapArray::try_new(
        Arc::clone(entries),
        map.offsets().clone(),
        members,
        map.nulls().cloned(),
        false,
    )?))
}

fn rounded(doubles: &Float64Array, to: &DataType, lenient: bool) -> Result<ArrayRef> {
    let wide = each(doubles.len(), lenient, |row| {
        if doubles.is_null(row) {
            return Ok(None);
        }
        let value = doubles.value(row);
        let whole = (value + 0.5).floor();
        if whole.is_nan() || !(-9.223_372_036_854_776e18..9.223_372_036_854_776e18).contains(&whole) {
            let name = types::display(to);
            return Err(fail(ErrorKind::InvalidCast, format!("Unable to cast {value} to {name}")));
        }
        Ok(Some(whole as i64))
    })?;
    narrowed(Int64Array::from(wide), to, lenient)
}

fn narrowed(wide: Int64Array, to: &DataType, lenient: bool) -> Result<ArrayRef> {
    let limits = match to {
        DataType::Int8 => i64::from(i8::MIN)..=i64::from(i8::MAX),
        DataType::Int16 => i64::from(i16::MIN)..=i64::from(i16::MAX),
        DataType::Int32 => i64::from(i32::MIN)..=i64::from(i32::MAX),
        _ => i64::MIN..=i64::MAX,
    };
    if !lenient && let Some(value) = wide.iter().flatten().find(|value| !limits.contains(value)) {
        return Err(out_of_range(value, to));
    }
    let column: ArrayRef = Arc::new(wide);
    Ok(theirs(&column, to, true)?)
}

fn out_of_range(value: impl std::fmt::Display, to: &DataType) -> datafusion::error::DataFusionError {
    fail(ErrorKind::InvalidCast, format!("Out of range for {}: {value}", types::display(to)))
}

fn each<T>(
    rows: usize,
    lenient: bool,
    mut f: impl FnMut(usize) -> Result<Option<T>>,
) -> Result<Vec<Option<T>>> {
    (0..rows)
        .map(|row| match f(row) {
            Err(_) if lenient => Ok(None),
            other => other,
        })
        .collect()
}

fn from_text(texts: &StringArray, to: &DataType, lenient: bool) -> Result<ArrayRef> {
    let bad = |text: &str| {
        let name = match to {
            DataType::Int32 => "INT".to_owned(),
            other => types::display(other).to_uppercase(),
        };
        fail(ErrorKind::InvalidCast, format!("Cannot cast '{text}' to {name}"))
    };
    macro_rules! parsed {
        ($read:expr) => {
            each(texts.len(), lenient, |row| {
                if texts.is_null(row) {
                    return Ok(None);
                }
                let text = texts.value(row);
                $read(text.trim()).map(Some).ok_or_else(|| bad(text))
            })?
        };
    }
    Ok(match to {
        DataType::Boolean => Arc::new(BooleanArray::from(parsed!(boolean))),
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => {
            let limits = wide_limits(to);
            let read = |text: &str| text.parse::<i64>().ok().filter(|n| limits.contains(n));
            let wide: ArrayRef = Arc::new(Int64Array::from(parsed!(read)));
            theirs(&wide, to, true)?
        }
        DataType::Float64 => Arc::new(Float64Array::from(parsed!(double))),
        DataType::Float32 => {
            let wide: ArrayRef = Arc::new(Float64Array::from(parsed!(double)));
            theirs(&wide, to, true)?
        }
        DataType::Decimal128(precision, scale) => {
            let read = |text: &str| decimal(text, *precision, *scale);
            let values = Decimal128Array::from(parsed!(read));
            Arc::new(values.with_precision_and_scale(*precision, *scale)?)
        }
        DataType::Date32 => Arc::new(Date32Array::from(parsed!(date))),
        DataType::Timestamp(TimeUnit::Millisecond, zone) => {
            let zoned = zone.is_some();
            let read =
                |text: &str| parse_timestamp(text, zoned).map(|nanos| nanos.div_euclid(1_000_000) as i64);
            let values = TimestampMillisecondArray::from(parsed!(read));
            Arc::new(values.with_timezone_opt(zone.clone()))
        }
        DataType::Timestamp(unit, zone) => {
            let per = if *unit == TimeUnit::Microsecond { 1000 } else { 1 };
            let zoned = zone.is_some();
            let read = |text: &str| {
                parse_timestamp(text, zoned).and_then(|nanos| i64::try_from(nanos.div_euclid(per)).ok())
            };
            let wide: ArrayRef = Arc::new(Int64Array::from(parsed!(read)));
            theirs(&wide, to, true)?
        }
        DataType::Binary => {
            Arc::new(texts.iter().map(|text| text.map(str::as_bytes)).collect::<arrow::array::BinaryArray>())
        }
        _ => {
            let column: ArrayRef = Arc::new(texts.clone());
            theirs(&column, to, lenient)?
        }
    })
}

fn wide_limits(to: &DataType) -> std::ops::RangeInclusive<i64> {
    match to {
        DataType::Int8 => i64::from(i8::MIN)..=i64::from(i8::MAX),
        DataType::Int16 => i64::from(i16::MIN)..=i64::from(i16::MAX),
        DataType::Int32 => i64::from(i32::MIN)..=i64::from(i32::MAX),
        _ => i64::MIN..=i64::MAX,
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "t" | "true" | "1" => Some(true),
        "f" | "false" | "0" => Some(false),
        _ => None,
    }
}

pub(super) fn double(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" | "+Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ if text.contains(['n', 'N', 'i', 'I']) => None,
        _ => text.parse().ok(),
    }
}

/// Rounds halves away from zero to the scale; `None` when the text is no number or leaves the precision.
fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (sign, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty()
        || !whole.chars().chain(fraction.chars()).all(|c| c.is_ascii_digit())
    {
        return None;
    }
    let unscaled = format!("{whole}{fraction}");
    let shift = i32::from(scale) - i32::try_from(fraction.len()).ok()? + exponent;
    let value = unscaled.trim_start_matches('0');
    let value: i128 = if value.is_empty() { 0 } else { value.parse().ok()? };
    let scaled = if shift >= 0 {
        value.checked_mul(10i128.checked_pow(u32::try_from(shift).ok()?)?)?
    } else {
        match 10i128.checked_pow(shift.unsigned_abs()) {
            Some(divisor) => super::arithmetic::divided_half_up(value, divisor),
            None => 0,
        }
    };
    (scaled < 10i128.checked_pow(u32::from(precision))?).then_some(sign * scaled)
}

pub(super) fn date(text: &str) -> Option<i32> {
    let date = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(date.to_epoch_days())
}

/// JSON text of every value of a column, for what needs it as text.
pub(super) fn json_texts(column: &ArrayRef, mut write: impl FnMut(usize, &mut String)) -> ArrayRef {
    let mut builder = LargeStringBuilder::new();
    for row in 0..column.len() {
        if column.is_null(row) {
            builder.append_null();
        } else {
            let mut out = String::new();
            write(row, &mut out);
            builder.append_value(out);
        }
    }
    Arc::new(builder.finish())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_decimal_is_rounded_half_away_from_zero_and_kept_in_its_precision() {
        assert_eq!(decimal("1.005", 5, 2), Some(101));
        assert_eq!(decimal("-1.005", 5, 2), Some(-101));
        assert_eq!(decimal("1e2", 5, 2), Some(10_000));
        assert_eq!(decimal("1000", 5, 2), None);
        assert_eq!(decimal("1.2.3", 5, 2), None);
        assert_eq!(decimal("", 5, 2), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_a_cast_panic(text in any::<String>()) {
            for type_text in ["bigint", "double", "decimal(5,2)", "date", "timestamp", "timestamp with time zone", "boolean", "time"] {
                let _ = check_literal(&text, type_text);
            }
        }
    }
}
