//! Operators: integers that do not wrap around, decimals that divide as Trino's do.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, PrimitiveArray};
use arrow::datatypes::{
    ArrowNativeTypeOp, ArrowPrimitiveType, DataType, Decimal128Type, Int8Type, Int16Type, Int32Type,
    Int64Type,
};
use datafusion::error::Result;
use datafusion::logical_expr::ScalarUDF;
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::scalar::{Args, P, R, exact};
use crate::error::{ErrorKind, fail};

pub(super) fn all() -> Vec<ScalarUDF> {
    Vec::new()
}

macro_rules! shared {
    ($name:ident, $make:expr) => {
        static $name: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new($make));
    };
}

shared!(ADD, exact("$add", &[P::Any, P::Any], R::Of(wider), |args| integers(args, "addition", Checked::Add)));
shared!(
    SUBTRACT,
    exact("$subtract", &[P::Any, P::Any], R::Of(wider), |args| integers(
        args,
        "subtraction",
        Checked::Subtract
    ))
);
shared!(
    MULTIPLY,
    exact("$multiply", &[P::Any, P::Any], R::Of(wider), |args| integers(
        args,
        "multiplication",
        Checked::Multiply
    ))
);
shared!(
    DIVIDE,
    exact("$divide", &[P::Any, P::Any], R::Of(wider), |args| integers(args, "division", Checked::Divide))
);
shared!(
    MODULO,
    exact("$modulo", &[P::Any, P::Any], R::Of(wider), |args| integers(args, "modulus", Checked::Modulo))
);
shared!(DECIMAL_DIVIDE, exact("$decimal_divide", &[P::Any, P::Any], R::Of(quotient), divide_decimals));

/// The checked form of an integer operator.
pub(crate) fn integer_arithmetic(op: &BinaryOperator) -> Arc<ScalarUDF> {
    Arc::clone(match op {
        BinaryOperator::Minus => &SUBTRACT,
        BinaryOperator::Multiply => &MULTIPLY,
        BinaryOperator::Divide => &DIVIDE,
        BinaryOperator::Modulo => &MODULO,
        _ => &ADD,
    })
}

pub(crate) fn decimal_divide() -> Arc<ScalarUDF> {
    Arc::clone(&DECIMAL_DIVIDE)
}

#[derive(Clone, Copy)]
enum Checked {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

fn rank(data_type: &DataType) -> usize {
    match data_type {
        DataType::Int8 => 0,
        DataType::Int16 | DataType::UInt8 => 1,
        DataType::Int32 | DataType::UInt16 => 2,
        _ => 3,
    }
}

fn wider(given: &[DataType]) -> Result<DataType> {
    let widest = given.iter().map(rank).max().unwrap_or(3);
    Ok([DataType::Int8, DataType::Int16, DataType::Int32, DataType::Int64][widest].clone())
}

fn integers(args: &Args, verb: &str, op: Checked) -> Result<ArrayRef> {
    match args.returns {
        DataType::Int8 => checked::<Int8Type>(args, "tinyint", verb, op),
        DataType::Int16 => checked::<Int16Type>(args, "smallint", verb, op),
        DataType::Int32 => checked::<Int32Type>(args, "integer", verb, op),
        _ => checked::<Int64Type>(args, "bigint", verb, op),
    }
}

fn checked<T: ArrowPrimitiveType>(args: &Args, type_name: &str, verb: &str, op: Checked) -> Result<ArrayRef>
where
    T::Native: std::fmt::Display,
{
    let left = arrow::compute::cast(&args.columns[0], &T::DATA_TYPE)?;
    let right = arrow::compute::cast(&args.columns[1], &T::DATA_TYPE)?;
    let (left, right) = (left.as_primitive::<T>(), right.as_primitive::<T>());
    let zero = T::Native::ZERO;
    let apply = |a: T::Native, b: T::Native| {
        let outcome = match op {
            Checked::Add => a.add_checked(b),
            Checked::Subtract => a.sub_checked(b),
            Checked::Multiply => a.mul_checked(b),
            Checked::Divide | Checked::Modulo if b == zero => {
                return Err(arrow::error::ArrowError::DivideByZero);
            }
            Checked::Divide => a.div_checked(b),
            Checked::Modulo => Ok(a.mod_wrapping(b)),
        };
        outcome.map_err(|_| overflow(type_name, verb, a, b))
    };
    let out: PrimitiveArray<T> = arrow::compute::try_binary(left, right, apply)?;
    Ok(Arc::new(out))
}

fn overflow(
    type_name: &str,
    verb: &str,
    a: impl std::fmt::Display,
    b: impl std::fmt::Display,
) -> arrow::error::ArrowError {
    let symbol = match verb {
        "addition" => '+',
        "subtraction" => '-',
        "multiplication" => '*',
        _ => '/',
    };
    arrow::error::ArrowError::ArithmeticOverflow(format!("{type_name} {verb} overflow: {a} {symbol} {b}"))
}

fn parts(data_type: &DataType) -> (i32, i32) {
    match data_type {
        DataType::Decimal128(p, s) => (i32::from(*p), i32::from(*s)),
        DataType::Int8 => (3, 0),
        DataType::Int16 => (5, 0),
        DataType::Int32 => (10, 0),
        _ => (19, 0),
    }
}

/// Trino's type of a decimal quotient.
fn quotient(given: &[DataType]) -> Result<DataType> {
    let ((p1, s1), (_, s2)) = (parts(&given[0]), parts(&given[1]));
    let precision = (p1 + s2 + (s2 - s1).max(0)).min(38);
    let scale = s1.max(s2);
    Ok(DataType::Decimal128(u8::try_from(precision).unwrap_or(38), i8::try_from(scale).unwrap_or(0)))
}

fn divide_decimals(args: &Args) -> Result<ArrayRef> {
    let side = |index: usize| -> Result<(Decimal128Array, i32)> {
        let column = &args.columns[index];
        let (_, scale) = parts(column.data_type());
        let target = DataType::Decimal128(38, i8::try_from(scale).unwrap_or(0));
        Ok((arrow::compute::cast(column, &target)?.as_primitive::<Decimal128Type>().clone(), scale))
    };
    let ((left, s1), (right, s2)) = (side(0)?, side(1)?);
    let (precision, scale) = parts(&args.returns);
    let shift = u32::try_from(scale - s1 + s2).unwrap_or(0);
    let factor = 10i128.checked_pow(shift);
    let mut out = Vec::with_capacity(args.rows);
    for row in 0..args.rows {
        if left.is_null(row) || right.is_null(row) {
            out.push(None);
            continue;
        }
        let (a, b) = (left.value(row), right.value(row));
        if b == 0 {
            return Err(fail(ErrorKind::DivisionByZero, "Division by zero"));
        }
        let scaled = factor.and_then(|factor| a.checked_mul(factor));
        let Some(scaled) = scaled else {
            return Err(fail(ErrorKind::OutOfRange, "Decimal overflow"));
        };
        out.push(Some(divided_half_up(scaled, b)));
    }
    let array = Decimal128Array::from(out);
    let (precision, scale) = (u8::try_from(precision).unwrap_or(38), i8::try_from(scale).unwrap_or(0));
    Ok(Arc::new(array.with_precision_and_scale(precision, scale)?))
}

/// Rounds halves away from zero.
pub(in crate::functions) fn divided_half_up(a: i128, b: i128) -> i128 {
    let (whole, rest) = (a / b, a % b);
    if rest.unsigned_abs() * 2 >= b.unsigned_abs() {
        whole + if (a < 0) == (b < 0) { 1 } else { -1 }
    } else {
        whole
    }
}
