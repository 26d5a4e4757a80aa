//! Dates and times: parts, arithmetic by unit, zones, ISO 8601.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Date32Array, TimestampMillisecondArray, timezone::Tz};
use arrow::datatypes::{DataType, Date32Type, TimeUnit, TimestampMillisecondType};
use chrono::{
    DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone, Timelike, Utc,
};
use datafusion::error::Result;
use datafusion::logical_expr::ScalarUDF;

use super::scalar::{Args, P, R, exact, optional};
use crate::error::{invalid, mismatch};
use crate::text;
use crate::types::timestamp_tz;

const MILLIS_PER_DAY: i64 = 86_400_000;

pub(super) fn all() -> Vec<ScalarUDF> {
    let mut all = Vec::new();
    for (names, part) in PARTS {
        for name in *names {
            all.push(exact(name, &[P::Time], R::Int, *part));
        }
    }
    all.extend([
        exact("date_trunc", &[P::Str, P::Any], R::Arg(1), date_trunc),
        exact("date_add", &[P::Str, P::Int, P::Any], R::Arg(2), date_add),
        exact("date_diff", &[P::Str, P::Time, P::Time], R::Int, date_diff),
        exact("last_day_of_month", &[P::Time], R::Date, last_day_of_month),
        optional("from_unixtime", &[P::Double, P::Str], 1, R::Zone(1), from_unixtime),
        exact("to_unixtime", &[P::Time], R::Double, |args| {
            let moments = Moments::of(&args.columns[0]);
            args.doubles(|row| Ok(Some(moments.millis.value(row) as f64 / 1000.0)))
        }),
        exact("to_milliseconds", &[P::Any], R::Int, to_milliseconds),
        exact("from_iso8601_timestamp", &[P::Str], R::Of(|_| Ok(timestamp_tz("UTC"))), from_iso_timestamp),
        exact("from_iso8601_date", &[P::Str], R::Date, from_iso_date),
        exact("to_iso8601", &[P::Any], R::Str, to_iso),
        exact("at_timezone", &[P::Time, P::Str], R::Zone(1), at_timezone),
        exact("with_timezone", &[P::Time, P::Str], R::Zone(1), with_timezone),
    ]);
    all
}

type Part = fn(&Args) -> Result<ArrayRef>;

macro_rules! part {
    ($f:expr) => {
        |args: &Args| {
            let moments = Moments::of(&args.columns[0]);
            let f: fn(NaiveDateTime) -> i64 = $f;
            args.ints(|row| Ok(moments.local(row).map(f)))
        }
    };
}

const PARTS: &[(&[&str], Part)] = &[
    (&["year", "$extract_year"], part!(|t| i64::from(t.year()))),
    (&["quarter", "$extract_quarter"], part!(|t| i64::from(t.month0() / 3 + 1))),
    (&["month", "$extract_month"], part!(|t| i64::from(t.month()))),
    (&["week", "week_of_year", "$extract_week"], part!(|t| i64::from(t.iso_week().week()))),
    (&["day", "day_of_month", "$extract_day", "$extract_day_of_month"], part!(|t| i64::from(t.day()))),
    (
        &["day_of_week", "dow", "$extract_dow", "$extract_day_of_week"],
        part!(|t| i64::from(t.weekday().number_from_monday())),
    ),
    (&["day_of_year", "doy", "$extract_doy", "$extract_day_of_year"], part!(|t| i64::from(t.ordinal()))),
    (
        &["year_of_week", "yow", "$extract_yow", "$extract_year_of_week"],
        part!(|t| i64::from(t.iso_week().year())),
    ),
    (&["hour", "$extract_hour"], part!(|t| i64::from(t.hour()))),
    (&["minute", "$extract_minute"], part!(|t| i64::from(t.minute()))),
    (&["second", "$extract_second"], part!(|t| i64::from(t.second()))),
    (&["millisecond"], part!(|t| i64::from(t.nanosecond() / 1_000_000))),
];

/// A column of timestamps with the zone they are looked at in.
pub(super) struct Moments {
    pub(super) millis: TimestampMillisecondArray,
    pub(super) zone: Option<Tz>,
    pub(super) zone_name: Option<Arc<str>>,
}

impl Moments {
    /// The column is of `timestamp(3)`, with or without a zone, or of dates.
    pub(super) fn of(column: &ArrayRef) -> Moments {
        let zone_name = match column.data_type() {
            DataType::Timestamp(_, zone) => zone.clone(),
            _ => None,
        };
        let target = DataType::Timestamp(TimeUnit::Millisecond, zone_name.clone());
        let column = arrow::compute::cast(column, &target)
            .unwrap_or_else(|_| arrow::array::new_null_array(&target, column.len()));
        let zone = zone_name
            .as_deref()
            .map(|name| parse_zone(name).unwrap_or_else(|| parse_zone("UTC").expect("UTC is a zone")));
        Moments { millis: column.as_primitive::<TimestampMillisecondType>().clone(), zone, zone_name }
    }

    /// The clock on the wall at that row; `None` for null and for times beyond the calendar.
    pub(super) fn local(&self, row: usize) -> Option<NaiveDateTime> {
        if self.millis.is_null(row) {
            return None;
        }
        self.wall(self.millis.value(row))
    }

    pub(super) fn wall(&self, millis: i64) -> Option<NaiveDateTime> {
        let utc = DateTime::from_timestamp_millis(millis)?;
        Some(match &self.zone {
            Some(zone) => utc.with_timezone(zone).naive_local(),
            None => utc.naive_utc(),
        })
    }

    /// The inverse of [`Moments::wall`]; a time the clock skips is moved ahead.
    pub(super) fn instant(&self, wall: NaiveDateTime) -> i64 {
        match &self.zone {
            Some(zone) => to_instant(zone, wall),
            None => wall.and_utc().timestamp_millis(),
        }
    }
}

pub(super) fn to_instant(zone: &Tz, wall: NaiveDateTime) -> i64 {
    zone.from_local_datetime(&wall)
        .earliest()
        .or_else(|| zone.from_local_datetime(&(wall + TimeDelta::hours(1))).earliest())
        .map_or_else(|| wall.and_utc().timestamp_millis(), |time| time.timestamp_millis())
}

pub(super) fn parse_zone(name: &str) -> Option<Tz> {
    let name = match name.trim() {
        "Z" | "z" | "UTC" | "utc" | "GMT" => "+00:00",
        other => other,
    };
    name.parse().ok()
}

/// A column of the same type as `like`, which is a date or a timestamp.
fn rebuilt(millis: Vec<Option<i64>>, like: &DataType) -> Result<ArrayRef> {
    match like {
        DataType::Date32 => {
            let days = millis.into_iter().map(|m| m.map(|m| m.div_euclid(MILLIS_PER_DAY) as i32));
            Ok(Arc::new(days.collect::<Date32Array>()))
        }
        DataType::Timestamp(_, zone) => {
            let column: ArrayRef =
                Arc::new(TimestampMillisecondArray::from(millis).with_timezone_opt(zone.clone()));
            Ok(arrow::compute::cast(&column, like)?)
        }
        other => Err(mismatch(format!("not a time: {other}"))),
    }
}

fn check_time(args: &Args, index: usize) -> Result<()> {
    match args.columns[index].data_type() {
        DataType::Date32 | DataType::Timestamp(_, _) => Ok(()),
        other => {
            let given = crate::types::display(other);
            Err(mismatch(format!("Unexpected parameters ({given}) for function {}", args.name)))
        }
    }
}

fn date_trunc(args: &Args) -> Result<ArrayRef> {
    check_time(args, 1)?;
    let moments = Moments::of(&args.columns[1]);
    let mut out = Vec::with_capacity(args.rows);
    for row in 0..args.rows {
        out.push(match (args.any_null(row), moments.local(row)) {
            (false, Some(wall)) => Some(moments.instant(truncated(args.str(0).value(row), wall)?)),
            _ => None,
        });
    }
    rebuilt(out, args.columns[1].data_type())
}

fn truncated(unit: &str, wall: NaiveDateTime) -> Result<NaiveDateTime> {
    let date = wall.date();
    let midnight = |date: NaiveDate| date.and_hms_opt(0, 0, 0).unwrap_or(wall);
    let first = |year, month| NaiveDate::from_ymd_opt(year, month, 1).unwrap_or(date);
    let of_day = |seconds: u32| {
        wall.date()
            .and_time(chrono::NaiveTime::from_num_seconds_from_midnight_opt(seconds, 0).unwrap_or_default())
    };
    let seconds = wall.num_seconds_from_midnight();
    Ok(match unit.to_ascii_lowercase().as_str() {
        "millisecond" => wall.with_nanosecond(wall.nanosecond() / 1_000_000 * 1_000_000).unwrap_or(wall),
        "second" => of_day(seconds),
        "minute" => of_day(seconds / 60 * 60),
        "hour" => of_day(seconds / 3600 * 3600),
        "day" => midnight(date),
        "week" => midnight(date - Days::new(u64::from(date.weekday().num_days_from_monday()))),
        "month" => midnight(first(date.year(), date.month())),
        "quarter" => midnight(first(date.year(), date.month0() / 3 * 3 + 1)),
        "year" => midnight(first(date.year(), 1)),
        other => return Err(invalid(format!("'{other}' is not a valid TIMESTAMP field"))),
    })
}

fn date_add(args: &Args) -> Result<ArrayRef> {
    check_time(args, 2)?;
    let moments = Moments::of(&args.columns[2]);
    let mut out = Vec::with_capacity(args.rows);
    for row in 0..args.rows {
        out.push(match (args.any_null(row), moments.local(row)) {
            (false, Some(wall)) => {
                let (unit, count) = (args.str(0).value(row), args.int(1).value(row));
                let millis = moments.millis.value(row);
                Some(added(unit, count, wall, millis, &moments)?)
            }
            _ => None,
        });
    }
    rebuilt(out, args.columns[2].data_type())
}

fn added(unit: &str, count: i64, wall: NaiveDateTime, millis: i64, moments: &Moments) -> Result<i64> {
    let overflow = || invalid("timestamp out of range");
    let fixed =
        |per: i64| count.checked_mul(per).and_then(|delta| millis.checked_add(delta)).ok_or_else(overflow);
    let by_months = |per: i64| {
        let months =
            count.checked_mul(per).and_then(|n| u32::try_from(n.unsigned_abs()).ok()).ok_or_else(overflow)?;
        let moved = if count < 0 {
            wall.checked_sub_months(Months::new(months))
        } else {
            wall.checked_add_months(Months::new(months))
        };
        moved.map(|wall| moments.instant(wall)).ok_or_else(overflow)
    };
    let by_days = |per: i64| {
        let days = count.checked_mul(per).and_then(TimeDelta::try_days).ok_or_else(overflow)?;
        wall.checked_add_signed(days).map(|wall| moments.instant(wall)).ok_or_else(overflow)
    };
    match unit.to_ascii_lowercase().as_str() {
        "millisecond" => fixed(1),
        "second" => fixed(1000),
        "minute" => fixed(60_000),
        "hour" => fixed(3_600_000),
        "day" => by_days(1),
        "week" => by_days(7),
        "month" => by_months(1),
        "quarter" => by_months(3),
        "year" => by_months(12),
        other => Err(invalid(format!("'{other}' is not a valid TIMESTAMP field"))),
    }
}

fn date_diff(args: &Args) -> Result<ArrayRef> {
    let (from, to) = (Moments::of(&args.columns[1]), Moments::of(&args.columns[2]));
    args.ints(|row| {
        let (Some(a), Some(b)) = (from.local(row), to.local(row)) else { return Ok(None) };
        let millis = to.millis.value(row) - from.millis.value(row);
        difference(args.str(0).value(row), a, b, millis).map(Some)
    })
}

/// Whole units from `a` to `b`, towards zero.
fn difference(unit: &str, a: NaiveDateTime, b: NaiveDateTime, millis: i64) -> Result<i64> {
    let wall = (b - a).num_milliseconds();
    let months = || {
        let whole = i64::from(b.year() - a.year()) * 12 + i64::from(b.month()) - i64::from(a.month());
        let moved = shift_months(a, whole);
        match moved {
            Some(moved) if whole > 0 && moved > b => whole - 1,
            Some(moved) if whole < 0 && moved < b => whole + 1,
            _ => whole,
        }
    };
    Ok(match unit.to_ascii_lowercase().as_str() {
        "millisecond" => millis,
        "second" => millis / 1000,
        "minute" => millis / 60_000,
        "hour" => millis / 3_600_000,
        "day" => wall / MILLIS_PER_DAY,
        "week" => wall / (7 * MILLIS_PER_DAY),
        "month" => months(),
        "quarter" => months() / 3,
        "year" => months() / 12,
        other => return Err(invalid(format!("'{other}' is not a valid TIMESTAMP field"))),
    })
}

fn shift_months(wall: NaiveDateTime, months: i64) -> Option<NaiveDateTime> {
    let count = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
    if months < 0 { wall.checked_sub_months(count) } else { wall.checked_add_months(count) }
}

fn last_day_of_month(args: &Args) -> Result<ArrayRef> {
    let moments = Moments::of(&args.columns[0]);
    let last = |wall: NaiveDateTime| {
        let first = NaiveDate::from_ymd_opt(wall.year(), wall.month(), 1)?;
        let next = first.checked_add_months(Months::new(1))?;
        Some(next.pred_opt()?.to_epoch_days())
    };
    let days = (0..args.rows).map(|row| moments.local(row).and_then(last));
    Ok(Arc::new(days.collect::<Date32Array>()))
}

fn from_unixtime(args: &Args) -> Result<ArrayRef> {
    let seconds = args.double(0);
    let millis =
        (0..args.rows).map(|row| (!args.any_null(row)).then(|| (seconds.value(row) * 1000.0).round() as i64));
    Ok(Arc::new(
        TimestampMillisecondArray::from(millis.collect::<Vec<_>>()).with_timezone(returned_zone(args)),
    ))
}

pub(super) fn check_zone(name: &str) -> Result<()> {
    match parse_zone(name) {
        Some(_) => Ok(()),
        None => Err(invalid(format!("'{name}' is not a valid time zone"))),
    }
}

/// The zone of the column that is returned.
fn returned_zone(args: &Args) -> Arc<str> {
    match &args.returns {
        DataType::Timestamp(_, Some(zone)) => Arc::clone(zone),
        _ => "UTC".into(),
    }
}

fn to_milliseconds(args: &Args) -> Result<ArrayRef> {
    let millis = arrow::compute::cast(&args.columns[0], &DataType::Duration(TimeUnit::Millisecond))?;
    Ok(arrow::compute::cast(&millis, &DataType::Int64)?)
}

fn from_iso_timestamp(args: &Args) -> Result<ArrayRef> {
    let texts = args.str(0);
    let mut out = Vec::with_capacity(args.rows);
    for row in 0..args.rows {
        out.push(if texts.is_null(row) {
            None
        } else {
            let text = texts.value(row);
            let nanos =
                parse_timestamp(text, true).ok_or_else(|| invalid(format!("Invalid format: \"{text}\"")))?;
            Some(nanos.div_euclid(1_000_000) as i64)
        });
    }
    Ok(Arc::new(TimestampMillisecondArray::from(out).with_timezone("UTC")))
}

fn from_iso_date(args: &Args) -> Result<ArrayRef> {
    let texts = args.str(0);
    let days = (0..args.rows).map(|row| {
        if texts.is_null(row) {
            return Ok(None);
        }
        let text = texts.value(row);
        iso_date(text).map(Some).ok_or_else(|| invalid(format!("Invalid format: \"{text}\"")))
    });
    Ok(Arc::new(days.collect::<Result<Date32Array>>()?))
}

fn iso_date(text: &str) -> Option<i32> {
    let weekly = || {
        let (year, week) = text.split_once("-W")?;
        let (week, day) = week.split_once('-').unwrap_or((week, "1"));
        let weekday = chrono::Weekday::try_from(day.parse::<u8>().ok()?.checked_sub(1)?).ok()?;
        NaiveDate::from_isoywd_opt(year.parse().ok()?, week.parse().ok()?, weekday)
    };
    let ordinal = || {
        let (year, day) = text.split_once('-')?;
        (day.len() == 3).then(|| NaiveDate::from_yo_opt(year.parse().ok()?, day.parse().ok()?))?
    };
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().or_else(weekly).or_else(ordinal)?;
    Some(date.to_epoch_days())
}

fn to_iso(args: &Args) -> Result<ArrayRef> {
    check_time(args, 0)?;
    let column = &args.columns[0];
    if let DataType::Date32 = column.data_type() {
        let days = column.as_primitive::<Date32Type>();
        return args.texts(move |row| {
            let mut out = String::new();
            text::date(days.value(row), &mut out);
            Ok(Some(out))
        });
    }
    let moments = Moments::of(column);
    args.texts(move |row| {
        let Some(wall) = moments.local(row) else { return Ok(None) };
        let zone = match (&moments.zone, DateTime::from_timestamp_millis(moments.millis.value(row))) {
            (Some(zone), Some(utc)) => {
                let offset = zone.offset_from_utc_datetime(&utc.naive_utc()).fix().local_minus_utc();
                if offset == 0 { "Z".to_owned() } else { offset_text(offset) }
            }
            _ => String::new(),
        };
        Ok(Some(format!("{}{zone}", wall.format("%Y-%m-%dT%H:%M:%S%.3f"))))
    })
}

pub(super) fn offset_text(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

fn at_timezone(args: &Args) -> Result<ArrayRef> {
    let moments = Moments::of(&args.columns[0]);
    Ok(Arc::new(moments.millis.with_timezone(returned_zone(args))))
}

fn with_timezone(args: &Args) -> Result<ArrayRef> {
    let moments = Moments::of(&args.columns[0]);
    let zones = args.str(1);
    let mut out = Vec::with_capacity(args.rows);
    for row in 0..args.rows {
        out.push(match (args.any_null(row), moments.local(row)) {
            (false, Some(wall)) => {
                let name = zones.value(row);
                let zone =
                    parse_zone(name).ok_or_else(|| invalid(format!("'{name}' is not a valid time zone")))?;
                Some(to_instant(&zone, wall))
            }
            _ => None,
        });
    }
    Ok(Arc::new(TimestampMillisecondArray::from(out).with_timezone(returned_zone(args))))
}

/// Nanoseconds since the epoch of `2024-01-02[( |T)03:04[:05[.678]]][ zone]`. A zone is taken only when
/// `zoned`; without one the time is UTC.
pub(crate) fn parse_timestamp(text: &str, zoned: bool) -> Option<i128> {
    let text = text.trim();
    let (date, rest) = match text.find([' ', 'T']) {
        Some(at) => (&text[..at], text[at + 1..].trim_start()),
        None => (text, ""),
    };
    let date = NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()?;
    let clock = rest.find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.')).unwrap_or(rest.len());
    let (time, zone) = rest.split_at(clock);
    let time = if time.is_empty() { (0, 0) } else { time_of_day(time)? };
    let seconds = i64::from(date.to_epoch_days()) * 86_400 + time.0;
    let zone = zone.trim();
    if !zone.is_empty() && !zoned {
        return None;
    }
    let seconds = if zone.is_empty() {
        seconds
    } else {
        let wall = DateTime::<Utc>::from_timestamp(seconds, 0)?.naive_utc();
        to_instant(&parse_zone(zone)?, wall).div_euclid(1000)
    };
    Some(i128::from(seconds) * 1_000_000_000 + i128::from(time.1))
}

/// Seconds of the day and nanoseconds of the second.
fn time_of_day(text: &str) -> Option<(i64, i64)> {
    let mut parts = text.split(':');
    let hour: i64 = parts.next()?.parse().ok()?;
    let minute: i64 = parts.next().map_or(Some(0), |m| m.parse().ok())?;
    let (second, nanos) = match parts.next() {
        Some(second) => {
            let (whole, fraction) = second.split_once('.').unwrap_or((second, ""));
            (whole.parse::<i64>().ok()?, fraction_nanos(fraction)?)
        }
        None => (0, 0),
    };
    let valid = parts.next().is_none() && hour < 24 && minute < 60 && second < 60;
    valid.then_some((hour * 3600 + minute * 60 + second, nanos))
}

fn fraction_nanos(digits: &str) -> Option<i64> {
    if digits.len() > 12 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    format!("{digits:0<9}")[..9].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_reads_in_all_its_lengths() {
        for (text, seconds) in [
            ("1970-01-02", 86_400),
            ("1970-01-01 01:00", 3600),
            ("1970-01-01T00:00:01", 1),
            ("1970-01-01 09:00:00 Asia/Seoul", 0),
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T02:00:00+02:00", 0),
        ] {
            assert_eq!(parse_timestamp(text, true), Some(i128::from(seconds) * 1_000_000_000), "{text}");
        }
        assert_eq!(parse_timestamp("1970-01-01 00:00 UTC", false), None);
        assert_eq!(parse_timestamp("1970-13-01", true), None);
    }
}
