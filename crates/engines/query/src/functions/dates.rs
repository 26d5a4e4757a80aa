//! Times as text by pattern: MySQL's for `date_format` and `date_parse`, Joda's for `format_datetime` and
//! `parse_datetime`.

use std::sync::Arc;

use arrow::array::{ArrayRef, TimestampMillisecondArray};
use chrono::{DateTime, Offset, TimeZone};
use datafusion::error::Result;
use datafusion::logical_expr::ScalarUDF;

use super::patterns::{Parsed, Pattern, Shown};
use super::scalar::{Args, P, R, exact};
use super::times::{Moments, to_instant};
use crate::error::invalid;
use crate::types::{TIMESTAMP, timestamp_tz};

pub(super) fn all() -> Vec<ScalarUDF> {
    vec![
        exact("date_format", &[P::Time, P::Str], R::Str, |args| format(args, Pattern::mysql)),
        exact("format_datetime", &[P::Time, P::Str], R::Str, |args| format(args, Pattern::joda)),
        exact("date_parse", &[P::Str, P::Str], R::Of(|_| Ok(TIMESTAMP)), |args| {
            let millis = parse(args, Pattern::mysql, |parsed| {
                parsed.local().map(|wall| wall.and_utc().timestamp_millis())
            })?;
            Ok(Arc::new(TimestampMillisecondArray::from(millis)))
        }),
        exact("parse_datetime", &[P::Str, P::Str], R::Of(|_| Ok(timestamp_tz("UTC"))), |args| {
            let millis = parse(args, Pattern::joda, |parsed| {
                let wall = parsed.local()?;
                Some(match &parsed.zone {
                    Some(zone) => to_instant(zone, wall),
                    None => wall.and_utc().timestamp_millis(),
                })
            })?;
            Ok(Arc::new(TimestampMillisecondArray::from(millis).with_timezone("UTC")))
        }),
    ]
}

/// The pattern last used, since it is nearly always the same.
struct Patterns {
    read: fn(&str) -> std::result::Result<Pattern, String>,
    last: Option<(String, Pattern)>,
}

impl Patterns {
    fn get(&mut self, text: &str) -> Result<&Pattern> {
        if self.last.as_ref().is_none_or(|(known, _)| known != text) {
            let pattern = (self.read)(text).map_err(invalid)?;
            self.last = Some((text.to_owned(), pattern));
        }
        Ok(&self.last.as_ref().expect("a pattern was just stored").1)
    }
}

fn format(args: &Args, read: fn(&str) -> std::result::Result<Pattern, String>) -> Result<ArrayRef> {
    let moments = Moments::of(&args.columns[0]);
    let mut patterns = Patterns { read, last: None };
    args.texts(move |row| {
        let Some(wall) = moments.local(row) else { return Ok(None) };
        let offset = match (&moments.zone, DateTime::from_timestamp_millis(moments.millis.value(row))) {
            (Some(zone), Some(utc)) => {
                zone.offset_from_utc_datetime(&utc.naive_utc()).fix().local_minus_utc()
            }
            _ => 0,
        };
        let zone = moments.zone_name.as_deref().unwrap_or("UTC");
        Ok(Some(patterns.get(args.str(1).value(row))?.format(&Shown { wall, offset, zone })))
    })
}

fn parse(
    args: &Args,
    read: fn(&str) -> std::result::Result<Pattern, String>,
    millis: impl Fn(&Parsed) -> Option<i64>,
) -> Result<Vec<Option<i64>>> {
    let mut patterns = Patterns { read, last: None };
    (0..args.rows)
        .map(|row| {
            if args.any_null(row) {
                return Ok(None);
            }
            let text = args.str(0).value(row);
            let parsed = patterns.get(args.str(1).value(row))?.parse(text);
            let found = parsed.as_ref().and_then(&millis);
            found.map(Some).ok_or_else(|| invalid(format!("Invalid format: \"{text}\"")))
        })
        .collect()
}
