//! `sequence`: of numbers, dates and timestamps, by numbers and intervals.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Date32Array, Int64Array, ListArray, TimestampMillisecondArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Int64Type, IntervalMonthDayNanoType, IntervalUnit};
use chrono::{DateTime, Months, TimeDelta};
use datafusion::error::Result;

use super::arrays::checked_entries;
use super::scalar::Args;
use super::times::Moments;
use crate::error::{invalid, mismatch};

const MILLIS_PER_DAY: i64 = 86_400_000;

pub(super) fn sequence(args: &Args) -> Result<ArrayRef> {
    let DataType::List(item) = &args.returns else { return Err(mismatch("an array was expected")) };
    let mut lengths = Vec::with_capacity(args.rows);
    let mut values: Vec<i64> = Vec::new();
    for row in 0..args.rows {
        let before = values.len();
        if !args.any_null(row) {
            match item.data_type() {
                DataType::Int64 => numbers(args, row, &mut values)?,
                _ => moments(args, row, &mut values)?,
            }
        }
        lengths.push(values.len() - before);
    }
    let values: ArrayRef = match item.data_type() {
        DataType::Int64 => Arc::new(Int64Array::from(values)),
        DataType::Date32 => Arc::new(
            values.into_iter().map(|m| Some(m.div_euclid(MILLIS_PER_DAY) as i32)).collect::<Date32Array>(),
        ),
        other => {
            let zone = match other {
                DataType::Timestamp(_, zone) => zone.clone(),
                _ => None,
            };
            let millis: ArrayRef = Arc::new(TimestampMillisecondArray::from(values).with_timezone_opt(zone));
            arrow::compute::cast(&millis, other)?
        }
    };
    let valid: Vec<bool> = (0..args.rows).map(|row| !args.any_null(row)).collect();
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(Arc::clone(item), offsets, values, Some(NullBuffer::from(valid)))?))
}

fn wide(column: &ArrayRef, row: usize) -> Result<i64> {
    let wide = arrow::compute::cast(&column.slice(row, 1), &DataType::Int64)?;
    Ok(wide.as_primitive::<Int64Type>().value(0))
}

fn numbers(args: &Args, row: usize, out: &mut Vec<i64>) -> Result<()> {
    let (start, stop) = (wide(&args.columns[0], row)?, wide(&args.columns[1], row)?);
    let step = match args.len() {
        2 if start <= stop => 1,
        2 => -1,
        _ => wide(&args.columns[2], row)?,
    };
    check_step(step, start, stop)?;
    let count = (i128::from(stop) - i128::from(start)) / i128::from(step) + 1;
    let count = checked_entries(count)?;
    out.extend((0..count as i64).map(|index| start + index * step));
    Ok(())
}

fn check_step(step: i64, start: i64, stop: i64) -> Result<()> {
    if step == 0 {
        return Err(invalid("step must not be zero"));
    }
    if (step > 0) != (start <= stop) && start != stop {
        return Err(invalid(
            "sequence stop value should be greater than or equal to start value if step is greater than zero otherwise stop should be less than or equal to start",
        ));
    }
    Ok(())
}

/// In milliseconds; the default step is a day.
fn moments(args: &Args, row: usize, out: &mut Vec<i64>) -> Result<()> {
    let start = Moments::of(&args.columns[0].slice(row, 1)).millis.value(0);
    let stop = Moments::of(&args.columns[1].slice(row, 1)).millis.value(0);
    let (months, millis) = match args.len() {
        2 if start <= stop => (0, MILLIS_PER_DAY),
        2 => (0, -MILLIS_PER_DAY),
        _ => interval(&args.columns[2], row)?,
    };
    check_step(if months == 0 { millis } else { i64::from(months) }, start, stop)?;
    let rising = months > 0 || millis > 0;
    let mut index: i32 = 0;
    loop {
        let at = stepped(start, months, millis, index).ok_or_else(|| invalid("timestamp out of range"))?;
        if (rising && at > stop) || (!rising && at < stop) {
            return Ok(());
        }
        checked_entries(i128::from(index) + 1)?;
        out.push(at);
        index += 1;
    }
}

fn stepped(start: i64, months: i32, millis: i64, index: i32) -> Option<i64> {
    if months == 0 {
        return start.checked_add(millis.checked_mul(i64::from(index))?);
    }
    let total = months.checked_mul(index)?;
    let time = DateTime::from_timestamp_millis(start)?;
    let count = Months::new(total.unsigned_abs());
    let moved = if total < 0 { time.checked_sub_months(count)? } else { time.checked_add_months(count)? };
    Some((moved + TimeDelta::zero()).timestamp_millis())
}

fn interval(column: &ArrayRef, row: usize) -> Result<(i32, i64)> {
    let target = DataType::Interval(IntervalUnit::MonthDayNano);
    if !matches!(column.data_type(), DataType::Interval(_)) {
        return Err(mismatch(
            "Unexpected parameters for function sequence. Expected: sequence(date, date, interval)",
        ));
    }
    let column = arrow::compute::cast(&column.slice(row, 1), &target)?;
    let interval = column.as_primitive::<IntervalMonthDayNanoType>().value(0);
    Ok((interval.months, i64::from(interval.days) * MILLIS_PER_DAY + interval.nanoseconds / 1_000_000))
}
