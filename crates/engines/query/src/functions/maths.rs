//! Numbers.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Float64Array};
use arrow::datatypes::{DataType, Decimal128Type, Float32Type, Float64Type};
use datafusion::error::Result;
use datafusion::logical_expr::ScalarUDF;

use super::arithmetic::divided_half_up;
use super::scalar::{Args, P, R, exact, optional};
use crate::error::{invalid, mismatch};
use crate::types::display;

macro_rules! unary {
    ($name:literal, $f:expr) => {
        exact($name, &[P::Double], R::Double, |args| {
            let f: fn(f64) -> f64 = $f;
            let out: Float64Array = arrow::compute::unary(args.double(0), f);
            Ok(Arc::new(out))
        })
    };
}

macro_rules! binary {
    ($name:literal, $f:expr) => {
        exact($name, &[P::Double, P::Double], R::Double, |args| {
            let f: fn(f64, f64) -> f64 = $f;
            args.doubles(|row| Ok(Some(f(args.double(0).value(row), args.double(1).value(row)))))
        })
    };
}

macro_rules! bits {
    ($name:literal, $f:expr) => {
        exact($name, &[P::Int, P::Int], R::Int, |args| {
            let f: fn(i64, i64) -> i64 = $f;
            args.ints(|row| Ok(Some(f(args.int(0).value(row), args.int(1).value(row)))))
        })
    };
}

pub(super) fn all() -> Vec<ScalarUDF> {
    let mut all = vec![
        unary!("exp", f64::exp),
        unary!("ln", f64::ln),
        unary!("log2", f64::log2),
        unary!("log10", f64::log10),
        unary!("sqrt", f64::sqrt),
        unary!("cbrt", f64::cbrt),
        unary!("sin", f64::sin),
        unary!("cos", f64::cos),
        unary!("tan", f64::tan),
        unary!("asin", f64::asin),
        unary!("acos", f64::acos),
        unary!("atan", f64::atan),
        unary!("sinh", f64::sinh),
        unary!("cosh", f64::cosh),
        unary!("tanh", f64::tanh),
        unary!("degrees", f64::to_degrees),
        unary!("radians", f64::to_radians),
        binary!("atan2", f64::atan2),
        binary!("power", f64::powf),
        binary!("pow", f64::powf),
        binary!("log", |base, x| x.ln() / base.ln()),
        bits!("bitwise_and", |a, b| a & b),
        bits!("bitwise_or", |a, b| a | b),
        bits!("bitwise_xor", |a, b| a ^ b),
        bits!("bitwise_left_shift", |a, b| if b > 63 { 0 } else { a << b }),
        bits!("bitwise_right_shift", |a, b| if b > 63 { 0 } else { (a.cast_unsigned() >> b).cast_signed() }),
        bits!("bitwise_right_shift_arithmetic", |a, b| a >> b.min(63)),
    ];
    all.extend([
        exact("bitwise_not", &[P::Int], R::Int, |args| args.ints(|row| Ok(Some(!args.int(0).value(row))))),
        optional("bit_count", &[P::Int, P::Int], 1, R::Int, bit_count),
        optional("round", &[P::Any, P::Int], 1, R::Of(rounded_type), round),
        optional("truncate", &[P::Any, P::Int], 1, R::Of(whole_type), truncate),
        exact("ceil", &[P::Any], R::Of(whole_type), |args| to_whole(args, f64::ceil, 1)),
        exact("ceiling", &[P::Any], R::Of(whole_type), |args| to_whole(args, f64::ceil, 1)),
        exact("floor", &[P::Any], R::Of(whole_type), |args| to_whole(args, f64::floor, -1)),
        exact("sign", &[P::Any], R::Arg(0), sign),
        exact("is_nan", &[P::Double], R::Bool, |args| {
            args.bools(|row| Ok(Some(args.double(0).value(row).is_nan())))
        }),
        exact("is_finite", &[P::Double], R::Bool, |args| {
            args.bools(|row| Ok(Some(args.double(0).value(row).is_finite())))
        }),
        exact("is_infinite", &[P::Double], R::Bool, |args| {
            args.bools(|row| Ok(Some(args.double(0).value(row).is_infinite())))
        }),
        exact("infinity", &[], R::Double, |args| {
            Ok(Arc::new(Float64Array::from(vec![f64::INFINITY; args.rows])))
        }),
        exact("nan", &[], R::Double, |args| Ok(Arc::new(Float64Array::from(vec![f64::NAN; args.rows])))),
        exact("width_bucket", &[P::Double, P::Double, P::Double, P::Int], R::Int, width_bucket),
        exact("to_base", &[P::Int, P::Int], R::Str, to_base),
        exact("from_base", &[P::Str, P::Int], R::Int, |args| {
            args.ints(|row| {
                let (text, radix) = (args.str(0).value(row), radix(args.int(1).value(row))?);
                i64::from_str_radix(text, radix)
                    .map(Some)
                    .map_err(|_| invalid(format!("Not a valid base-{radix} number: {text}")))
            })
        }),
    ]);
    all
}

fn bit_count(args: &Args) -> Result<ArrayRef> {
    args.ints(|row| {
        let width = if args.len() > 1 { args.int(1).value(row) } else { 64 };
        if !(2..=64).contains(&width) {
            return Err(invalid("Bits specified in bit_count must be between 2 and 64"));
        }
        let mask = if width == 64 { u64::MAX } else { (1u64 << width) - 1 };
        Ok(Some(i64::from((args.int(0).value(row).cast_unsigned() & mask).count_ones())))
    })
}

fn numeric(data_type: &DataType, name: &str) -> Result<()> {
    if data_type.is_numeric() || matches!(data_type, DataType::Null) {
        return Ok(());
    }
    Err(mismatch(format!("Unexpected parameters ({}) for function {name}", display(data_type))))
}

/// `round(decimal(p,s))` has no scale, `round(decimal(p,s), n)` keeps it.
fn rounded_type(given: &[DataType]) -> Result<DataType> {
    numeric(&given[0], "round")?;
    Ok(match &given[0] {
        DataType::Decimal128(p, s) if given.len() == 1 => {
            let precision = (i32::from(*p) - i32::from(*s) + i32::from(*s > 0)).clamp(1, 38);
            DataType::Decimal128(u8::try_from(precision).unwrap_or(38), 0)
        }
        DataType::Decimal128(p, s) => DataType::Decimal128((*p + 1).min(38), *s),
        DataType::Null => DataType::Float64,
        other => other.clone(),
    })
}

fn whole_type(given: &[DataType]) -> Result<DataType> {
    numeric(&given[0], "floor")?;
    Ok(match &given[0] {
        DataType::Decimal128(p, s) => {
            let precision = (i32::from(*p) - i32::from(*s) + i32::from(*s > 0)).clamp(1, 38);
            DataType::Decimal128(u8::try_from(precision).unwrap_or(38), 0)
        }
        DataType::Null => DataType::Float64,
        other => other.clone(),
    })
}

fn round(args: &Args) -> Result<ArrayRef> {
    let digits = |row: usize| if args.len() > 1 { args.int(1).value(row) } else { 0 };
    match args.columns[0].data_type() {
        DataType::Float64 | DataType::Float32 => floats(args, |value, row| round_double(value, digits(row))),
        DataType::Decimal128(_, scale) => decimals(args, |value, row| {
            let drop = i64::from(*scale) - digits(row);
            let rounded = match power(drop) {
                Some(unit) => divided_half_up(value, unit) * unit,
                None if drop <= 0 => value,
                None => 0,
            };
            rescaled(rounded, *scale, &args.returns)
        }),
        _ => {
            if args.len() == 1 {
                return Ok(args.columns[0].clone());
            }
            let wide = arrow::compute::cast(&args.columns[0], &DataType::Int64)?;
            let wide = wide.as_primitive::<arrow::datatypes::Int64Type>();
            let out = args.ints(|row| {
                Ok(Some(match power(-digits(row)) {
                    Some(unit) => i64::try_from(divided_half_up(i128::from(wide.value(row)), unit) * unit)
                        .unwrap_or(i64::MAX),
                    None => wide.value(row),
                }))
            })?;
            Ok(arrow::compute::cast(&out, &args.returns)?)
        }
    }
}

/// 10 to the `exponent`, for exponents from 1 on that fit.
fn power(exponent: i64) -> Option<i128> {
    (exponent > 0).then(|| 10i128.checked_pow(u32::try_from(exponent).ok()?))?
}

fn round_double(value: f64, digits: i64) -> f64 {
    if !value.is_finite() {
        return value;
    }
    if digits == 0 {
        return value.signum() * (value.abs() + 0.5).floor().max(0.0);
    }
    let factor = 10f64.powi(i32::try_from(digits).unwrap_or(0));
    let scaled = value.abs() * factor;
    if !scaled.is_finite() {
        return value;
    }
    value.signum() * scaled.round() / factor
}

fn rescaled(value: i128, from: i8, to: &DataType) -> i128 {
    match to {
        DataType::Decimal128(_, scale) if *scale < from => {
            value / 10i128.pow(u32::try_from(from - scale).unwrap_or(0))
        }
        _ => value,
    }
}

fn truncate(args: &Args) -> Result<ArrayRef> {
    let digits = |row: usize| if args.len() > 1 { args.int(1).value(row) } else { 0 };
    match args.columns[0].data_type() {
        DataType::Float64 | DataType::Float32 => floats(args, |value, row| {
            let factor = 10f64.powi(i32::try_from(digits(row)).unwrap_or(0));
            (value * factor).trunc() / factor
        }),
        DataType::Decimal128(_, scale) => decimals(args, |value, row| {
            let unit = power(i64::from(*scale) - digits(row)).unwrap_or(1);
            rescaled(value / unit * unit, *scale, &args.returns)
        }),
        _ => Ok(args.columns[0].clone()),
    }
}

/// `away` says which way from the truncated value: 1 up, -1 down.
fn to_whole(args: &Args, float: fn(f64) -> f64, away: i128) -> Result<ArrayRef> {
    match args.columns[0].data_type() {
        DataType::Float64 | DataType::Float32 => floats(args, |value, _| float(value)),
        DataType::Decimal128(_, scale) => {
            let unit = power(i64::from(*scale)).unwrap_or(1);
            decimals(args, |value, _| {
                let (whole, rest) = (value / unit, value % unit);
                if rest.signum() == away { whole + away } else { whole }
            })
        }
        DataType::Null => Ok(arrow::array::new_null_array(&args.returns, args.rows)),
        _ => Ok(args.columns[0].clone()),
    }
}

fn floats(args: &Args, f: impl Fn(f64, usize) -> f64) -> Result<ArrayRef> {
    let values = arrow::compute::cast(&args.columns[0], &DataType::Float64)?;
    let values = values.as_primitive::<Float64Type>();
    let out = args.doubles(|row| Ok(Some(f(values.value(row), row))))?;
    Ok(arrow::compute::cast(&out, &args.returns)?)
}

fn decimals(args: &Args, f: impl Fn(i128, usize) -> i128) -> Result<ArrayRef> {
    let values = args.columns[0].as_primitive::<Decimal128Type>();
    let out: Decimal128Array =
        (0..args.rows).map(|row| (!args.any_null(row)).then(|| f(values.value(row), row))).collect();
    let DataType::Decimal128(precision, scale) = args.returns else { return Err(mismatch("not a decimal")) };
    Ok(Arc::new(out.with_precision_and_scale(precision, scale)?))
}

fn sign(args: &Args) -> Result<ArrayRef> {
    let column = &args.columns[0];
    numeric(column.data_type(), "sign")?;
    let out: ArrayRef = match column.data_type() {
        DataType::Float64 => {
            let values = column.as_primitive::<Float64Type>();
            args.doubles(|row| Ok(Some(signum(values.value(row)))))?
        }
        DataType::Float32 => {
            let values = column.as_primitive::<Float32Type>();
            args.doubles(|row| Ok(Some(signum(f64::from(values.value(row))))))?
        }
        DataType::Decimal128(_, scale) => {
            let one = power(i64::from(*scale)).unwrap_or(1);
            return decimals(args, |value, _| value.signum() * one);
        }
        _ => {
            let wide = arrow::compute::cast(column, &DataType::Int64)?;
            let wide = wide.as_primitive::<arrow::datatypes::Int64Type>().clone();
            args.ints(|row| Ok(Some(wide.value(row).signum())))?
        }
    };
    Ok(arrow::compute::cast(&out, &args.returns)?)
}

fn signum(value: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value.signum() }
}

fn width_bucket(args: &Args) -> Result<ArrayRef> {
    args.ints(|row| {
        let (x, low, high) =
            (args.double(0).value(row), args.double(1).value(row), args.double(2).value(row));
        let count = args.int(3).value(row);
        if count <= 0 {
            return Err(invalid("bucketCount must be greater than 0"));
        }
        if low == high {
            return Err(invalid("bounds cannot equal each other"));
        }
        let (below, above) = if low < high { (x < low, x >= high) } else { (x > low, x <= high) };
        Ok(Some(if below {
            0
        } else if above {
            count + 1
        } else {
            (count as f64 * (x - low) / (high - low)) as i64 + 1
        }))
    })
}

fn radix(base: i64) -> Result<u32> {
    match u32::try_from(base) {
        Ok(base @ 2..=36) => Ok(base),
        _ => Err(invalid("Radix must be between 2 and 36")),
    }
}

fn to_base(args: &Args) -> Result<ArrayRef> {
    args.texts(|row| {
        let (value, base) = (args.int(0).value(row), radix(args.int(1).value(row))?);
        let mut rest = value.unsigned_abs();
        let mut digits = Vec::new();
        loop {
            let digit = u32::try_from(rest % u64::from(base)).unwrap_or(0);
            digits.push(char::from_digit(digit, base).unwrap_or('0'));
            rest /= u64::from(base);
            if rest == 0 {
                break;
            }
        }
        if value < 0 {
            digits.push('-');
        }
        Ok(Some(digits.into_iter().rev().collect::<String>()))
    })
}
