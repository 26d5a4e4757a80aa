//! Values as Athena prints them.

use std::fmt::Write;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, ListArray, MapArray, RecordBatch,
};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, DurationMillisecondType, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, IntervalDayTimeType, IntervalMonthDayNanoType, IntervalUnit,
    IntervalYearMonthType, SchemaRef, Time32MillisecondType, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, UInt64Type,
};
use chrono::{DateTime, NaiveDate, Utc};

use crate::error::QueryError;
use crate::types;

/// Turns batches of one schema into rows of text.
pub(crate) struct RowWriter {
    targets: Vec<DataType>,
}

impl RowWriter {
    pub(crate) fn new(schema: &SchemaRef) -> RowWriter {
        RowWriter {
            targets: schema.fields().iter().map(|field| types::canonical(field.data_type())).collect(),
        }
    }

    pub(crate) fn rows(&self, batch: &RecordBatch) -> Result<Vec<Vec<Option<String>>>, QueryError> {
        let width = batch.num_columns();
        let mut rows: Vec<Vec<Option<String>>> =
            (0..batch.num_rows()).map(|_| Vec::with_capacity(width)).collect();
        for (column, target) in batch.columns().iter().zip(&self.targets) {
            let column = canonical(column, target)?;
            let writer = Writer::of(&column);
            for (index, row) in rows.iter_mut().enumerate() {
                row.push(writer.cell(index));
            }
        }
        Ok(rows)
    }
}

fn canonical(column: &ArrayRef, target: &DataType) -> Result<ArrayRef, QueryError> {
    if column.data_type() == target {
        return Ok(column.clone());
    }
    arrow::compute::cast(column, target).map_err(QueryError::internal)
}

/// The text of one value; `None` for null. The column's type must be canonical.
pub(crate) fn value(column: &ArrayRef, index: usize) -> Option<String> {
    Writer::of(column).cell(index)
}

/// A column, with its type looked at once.
enum Writer<'a> {
    Int8(&'a [i8]),
    Int16(&'a [i16]),
    Int32(&'a [i32]),
    Int64(&'a [i64]),
    Float32(&'a [f32]),
    Float64(&'a [f64]),
    Boolean(&'a BooleanArray),
    Utf8(&'a arrow::array::StringArray),
    LargeUtf8(&'a arrow::array::LargeStringArray),
    Binary(&'a arrow::array::BinaryArray),
    Date(&'a [i32]),
    Time(&'a [i32]),
    Timestamp { values: &'a [i64], unit: TimeUnit, zone: Option<Zone> },
    Decimal(&'a Decimal128Array, i8),
    List(&'a ListArray, Box<Nested<'a>>),
    Map(&'a MapArray, Box<(Nested<'a>, Nested<'a>)>),
    Struct(Vec<(String, Nested<'a>)>),
    Other,
}

struct Nested<'a> {
    column: &'a ArrayRef,
    writer: Writer<'a>,
}

struct Zone {
    name: String,
    zone: Option<arrow::array::timezone::Tz>,
}

struct Column<'a> {
    column: &'a ArrayRef,
    writer: Writer<'a>,
}

impl Column<'_> {
    fn cell(&self, index: usize) -> Option<String> {
        if self.column.is_null(index) || matches!(self.column.data_type(), DataType::Null) {
            return None;
        }
        let mut out = String::new();
        self.writer.write(self.column, index, &mut out);
        Some(out)
    }
}

fn primitive<T: ArrowPrimitiveType>(column: &ArrayRef) -> &[T::Native] {
    column.as_primitive::<T>().values()
}

impl<'a> Writer<'a> {
    fn of(column: &'a ArrayRef) -> Column<'a> {
        Column { column, writer: Writer::kind(column) }
    }

    fn kind(column: &'a ArrayRef) -> Writer<'a> {
        match column.data_type() {
            DataType::Int8 => Writer::Int8(primitive::<Int8Type>(column)),
            DataType::Int16 => Writer::Int16(primitive::<Int16Type>(column)),
            DataType::Int32 => Writer::Int32(primitive::<Int32Type>(column)),
            DataType::Int64 => Writer::Int64(primitive::<Int64Type>(column)),
            DataType::Float32 => Writer::Float32(primitive::<Float32Type>(column)),
            DataType::Float64 => Writer::Float64(primitive::<Float64Type>(column)),
            DataType::Boolean => Writer::Boolean(column.as_boolean()),
            DataType::Utf8 => Writer::Utf8(column.as_string()),
            DataType::LargeUtf8 => Writer::LargeUtf8(column.as_string()),
            DataType::Binary => Writer::Binary(column.as_binary()),
            DataType::Date32 => Writer::Date(primitive::<Date32Type>(column)),
            DataType::Time32(TimeUnit::Millisecond) => {
                Writer::Time(primitive::<Time32MillisecondType>(column))
            }
            DataType::Timestamp(unit, zone) => Writer::Timestamp {
                values: match unit {
                    TimeUnit::Nanosecond => primitive::<TimestampNanosecondType>(column),
                    TimeUnit::Microsecond => primitive::<TimestampMicrosecondType>(column),
                    _ => primitive::<TimestampMillisecondType>(column),
                },
                unit: *unit,
                zone: zone.as_ref().map(|name| Zone { name: zone_name(name), zone: name.parse().ok() }),
            },
            DataType::Decimal128(_, scale) => Writer::Decimal(column.as_primitive(), *scale),
            DataType::List(_) => {
                let list = column.as_list::<i32>();
                Writer::List(list, Box::new(Nested::of(list.values())))
            }
            DataType::Map(_, _) => {
                let map = column.as_map();
                Writer::Map(map, Box::new((Nested::of(map.keys()), Nested::of(map.values()))))
            }
            DataType::Struct(fields) => {
                let row = column.as_struct();
                let members =
                    fields.iter().zip(row.columns()).map(|(f, c)| (f.name().clone(), Nested::of(c)));
                Writer::Struct(members.collect())
            }
            _ => Writer::Other,
        }
    }

    fn write(&self, column: &ArrayRef, index: usize, out: &mut String) {
        let _ = match self {
            Writer::Int8(values) => write!(out, "{}", values[index]),
            Writer::Int16(values) => write!(out, "{}", values[index]),
            Writer::Int32(values) => write!(out, "{}", values[index]),
            Writer::Int64(values) => write!(out, "{}", values[index]),
            Writer::Float32(values) => {
                real(values[index], out);
                Ok(())
            }
            Writer::Float64(values) => {
                double(values[index], out);
                Ok(())
            }
            Writer::Boolean(values) => out.write_str(if values.value(index) { "true" } else { "false" }),
            Writer::Utf8(values) => out.write_str(values.value(index)),
            Writer::LargeUtf8(values) => out.write_str(values.value(index)),
            Writer::Binary(values) => {
                binary(values.value(index), out);
                Ok(())
            }
            Writer::Date(values) => {
                date(values[index], out);
                Ok(())
            }
            Writer::Time(values) => {
                time_of_day(i64::from(values[index]), out);
                Ok(())
            }
            Writer::Timestamp { values, unit, zone } => {
                timestamp(values[index], *unit, zone.as_ref(), out);
                Ok(())
            }
            Writer::Decimal(values, scale) => {
                decimal(values.value(index), *scale, out);
                Ok(())
            }
            Writer::List(list, element) => {
                let offsets = list.value_offsets();
                let range = offsets[index] as usize..offsets[index + 1] as usize;
                joined(out, '[', ']', range, |i, out| element.write(i, out));
                Ok(())
            }
            Writer::Map(map, entries) => {
                let offsets = map.value_offsets();
                let range = offsets[index] as usize..offsets[index + 1] as usize;
                joined(out, '{', '}', range, |i, out| {
                    entries.0.write(i, out);
                    out.push('=');
                    entries.1.write(i, out);
                });
                Ok(())
            }
            Writer::Struct(members) => {
                joined(out, '{', '}', 0..members.len(), |i, out| {
                    out.push_str(&members[i].0);
                    out.push('=');
                    members[i].1.write(index, out);
                });
                Ok(())
            }
            Writer::Other => {
                rare(column, index, out);
                Ok(())
            }
        };
    }
}

impl<'a> Nested<'a> {
    fn of(column: &'a ArrayRef) -> Nested<'a> {
        Nested { column, writer: Writer::kind(column) }
    }

    fn write(&self, index: usize, out: &mut String) {
        if self.column.is_null(index) || matches!(self.column.data_type(), DataType::Null) {
            out.push_str("null");
        } else {
            self.writer.write(self.column, index, out);
        }
    }
}

fn joined(
    out: &mut String,
    open: char,
    close: char,
    range: std::ops::Range<usize>,
    mut write: impl FnMut(usize, &mut String),
) {
    out.push(open);
    let start = range.start;
    for index in range {
        if index > start {
            out.push_str(", ");
        }
        write(index, out);
    }
    out.push(close);
}

/// Intervals, unsigned numbers and what no Trino type has.
fn rare(column: &ArrayRef, index: usize, out: &mut String) {
    match column.data_type() {
        DataType::UInt64 => {
            let _ = write!(out, "{}", column.as_primitive::<UInt64Type>().value(index));
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            year_month(column.as_primitive::<IntervalYearMonthType>().value(index), out);
        }
        DataType::Interval(IntervalUnit::DayTime) => {
            let interval = column.as_primitive::<IntervalDayTimeType>().value(index);
            day_time(i64::from(interval.days) * 86_400_000 + i64::from(interval.milliseconds), out);
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let interval = column.as_primitive::<IntervalMonthDayNanoType>().value(index);
            if interval.months != 0 {
                year_month(interval.months, out);
            } else {
                day_time(i64::from(interval.days) * 86_400_000 + interval.nanoseconds / 1_000_000, out);
            }
        }
        DataType::Duration(_) => {
            let target = DataType::Duration(TimeUnit::Millisecond);
            if let Ok(millis) = arrow::compute::cast(&column.slice(index, 1), &target) {
                day_time(millis.as_primitive::<DurationMillisecondType>().value(0), out);
            }
        }
        _ => {
            if let Ok(text) = arrow::util::display::array_value_to_string(column, index) {
                out.push_str(&text);
            }
        }
    }
}

fn year_month(months: i32, out: &mut String) {
    let sign = if months < 0 { "-" } else { "" };
    let months = months.unsigned_abs();
    let _ = write!(out, "{sign}{}-{}", months / 12, months % 12);
}

fn day_time(millis: i64, out: &mut String) {
    let sign = if millis < 0 { "-" } else { "" };
    let millis = millis.unsigned_abs();
    let (days, rest) = (millis / 86_400_000, millis % 86_400_000);
    let _ = write!(out, "{sign}{days} ");
    time_of_day(rest.cast_signed(), out);
}

fn time_of_day(millis: i64, out: &mut String) {
    let (h, m, s, ms) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1000 % 60, millis % 1000);
    let _ = write!(out, "{h:02}:{m:02}:{s:02}.{ms:03}");
}

fn binary(bytes: &[u8], out: &mut String) {
    for (index, byte) in bytes.iter().enumerate() {
        let space = if index > 0 { " " } else { "" };
        let _ = write!(out, "{space}{byte:02x}");
    }
}

pub(crate) fn date(days: i32, out: &mut String) {
    match NaiveDate::from_epoch_days(days) {
        Some(date) => {
            let _ = write!(out, "{}", date.format("%Y-%m-%d"));
        }
        None => {
            let _ = write!(out, "{days}");
        }
    }
}

fn zone_name(name: &str) -> String {
    match name {
        "+00:00" | "Z" | "Etc/UTC" => "UTC".into(),
        other => other.into(),
    }
}

fn timestamp(value: i64, unit: TimeUnit, zone: Option<&Zone>, out: &mut String) {
    let Some(utc) = instant(value, unit) else {
        let _ = write!(out, "{value}");
        return;
    };
    let form = match unit {
        TimeUnit::Nanosecond => "%Y-%m-%d %H:%M:%S%.9f",
        TimeUnit::Microsecond => "%Y-%m-%d %H:%M:%S%.6f",
        _ => "%Y-%m-%d %H:%M:%S%.3f",
    };
    let _ = match zone {
        None => write!(out, "{}", utc.format(form)),
        Some(Zone { name, zone: Some(zone) }) => {
            write!(out, "{} {name}", utc.with_timezone(zone).format(form))
        }
        Some(Zone { name, .. }) => write!(out, "{} {name}", utc.format(form)),
    };
}

pub(crate) fn instant(value: i64, unit: TimeUnit) -> Option<DateTime<Utc>> {
    match unit {
        TimeUnit::Second => DateTime::from_timestamp(value, 0),
        TimeUnit::Millisecond => DateTime::from_timestamp_millis(value),
        TimeUnit::Microsecond => DateTime::from_timestamp_micros(value),
        TimeUnit::Nanosecond => Some(DateTime::from_timestamp_nanos(value)),
    }
}

pub(crate) fn decimal(value: i128, scale: i8, out: &mut String) {
    let scale = usize::try_from(scale).unwrap_or(0);
    let sign = if value < 0 { "-" } else { "" };
    let digits = format!("{:0width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let point = if scale > 0 { "." } else { "" };
    let _ = write!(out, "{sign}{whole}{point}{fraction}");
}

/// Java's `Double.toString`.
pub(crate) fn double(value: f64, out: &mut String) {
    java_float(value.is_nan(), value, value.abs(), &format!("{value:e}"), out);
}

/// Java's `Float.toString`.
pub(crate) fn real(value: f32, out: &mut String) {
    java_float(value.is_nan(), f64::from(value), f64::from(value.abs()), &format!("{value:e}"), out);
}

/// A number as a cast to varchar writes it, always with an exponent. `shortest` is the shortest text that
/// reads back, as Rust writes it: `1.2345e4`.
pub(crate) fn scientific(value: f64, shortest: &str, out: &mut String) {
    if !value.is_finite() {
        return java_float(value.is_nan(), value, value.abs(), "", out);
    }
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((shortest, "0"));
    let point = if value == 0.0 || mantissa.contains('.') { "" } else { ".0" };
    let _ = write!(out, "{mantissa}{point}E{exponent}");
}

/// `scientific` is the shortest text that reads back, as Rust writes it: `1.2345e4`.
fn java_float(nan: bool, value: f64, magnitude: f64, scientific: &str, out: &mut String) {
    if nan {
        out.push_str("NaN");
    } else if magnitude.is_infinite() {
        out.push_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
    } else if magnitude == 0.0 {
        out.push_str(if value.is_sign_negative() { "-0.0" } else { "0.0" });
    } else {
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let (sign, mantissa) = match mantissa.strip_prefix('-') {
            Some(rest) => ("-", rest),
            None => ("", mantissa),
        };
        let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
        out.push_str(sign);
        if (-3..7).contains(&exponent) {
            plain(&digits, exponent, out);
        } else {
            let (first, rest) = digits.split_at(1);
            let rest = if rest.is_empty() { "0" } else { rest };
            let _ = write!(out, "{first}.{rest}E{exponent}");
        }
    }
}

fn plain(digits: &str, exponent: i32, out: &mut String) {
    if exponent < 0 {
        out.push_str("0.");
        for _ in 1..-exponent {
            out.push('0');
        }
        out.push_str(digits);
        return;
    }
    let point = usize::try_from(exponent).unwrap_or(0) + 1;
    if digits.len() > point {
        let _ = write!(out, "{}.{}", &digits[..point], &digits[point..]);
    } else {
        let _ = write!(out, "{digits:0<point$}.0");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(value: f64) -> String {
        let mut out = String::new();
        double(value, &mut out);
        out
    }

    #[test]
    fn doubles_are_written_as_java_writes_them() {
        for (value, text) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (100.0, "100.0"),
            (1e7, "1.0E7"),
            (1.5e10, "1.5E10"),
            (9_999_999.0, "9999999.0"),
            (0.001, "0.001"),
            (0.0001, "1.0E-4"),
            (-2.5, "-2.5"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
            (-0.0, "-0.0"),
            (123_456.789, "123456.789"),
        ] {
            assert_eq!(shown(value), text);
        }
    }

    #[test]
    fn a_cast_to_varchar_always_writes_an_exponent() {
        for (value, text) in [
            (1.0, "1.0E0"),
            (0.1, "1.0E-1"),
            (-12.34, "-1.234E1"),
            (1e10, "1.0E10"),
            (0.0, "0E0"),
            (-0.0, "-0E0"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            let mut out = String::new();
            scientific(value, &format!("{value:e}"), &mut out);
            assert_eq!(out, text);
        }
    }

    #[test]
    fn a_decimal_keeps_its_scale() {
        let mut out = String::new();
        decimal(-5, 2, &mut out);
        assert_eq!(out, "-0.05");
    }

    proptest! {
        #[test]
        fn every_double_reads_back(value in any::<f64>().prop_filter("a number", |v| v.is_finite())) {
            prop_assert_eq!(shown(value).parse::<f64>().unwrap(), value);
        }
    }
}
