//! Date patterns as Java's `DateTimeFormatter` writes them, the part that makes sense in an object key.
//!
//! Letters count: `M` is 1, `MM` is 01, `MMM` is Jan, `MMMM` is January. Text is English. What cannot be
//! done (era, localized zone names, padding, optional sections) is refused when the pattern is read, so
//! that rendering never fails.

use std::fmt::Write;

use chrono::{DateTime, Datelike, Offset, Timelike, Weekday};
use chrono_tz::Tz;

/// A pattern that was read and can be rendered at any time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DatePattern {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Number { field: Number, width: usize },
    Text { field: Text, long: bool },
    Fraction { digits: usize },
    Zone { style: Zone, count: usize },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Year,
    /// The last two digits: `yy`.
    ShortYear,
    WeekYear,
    ShortWeekYear,
    Quarter,
    Month,
    WeekOfYear,
    WeekOfMonth,
    DayOfYear,
    DayOfMonth,
    Weekday,
    /// 0–23.
    Hour,
    /// 1–24.
    ClockHour,
    /// 1–12.
    HalfDayClockHour,
    /// 0–11.
    HalfDayHour,
    Minute,
    Second,
    MilliOfDay,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    Month,
    Weekday,
    HalfDay,
    Quarter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Zone {
    /// `X`: offset, `Z` for zero.
    OffsetOrZ,
    /// `x` and `Z`: offset in digits.
    Offset,
    /// `VV`: the name of the zone.
    Id,
}

/// The shortest span of time over which a rendered pattern may stay the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unit {
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
}

/// Why a pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    #[error("the quote at position {0} is not closed")]
    OpenQuote(usize),
    #[error("the pattern letter '{0}' is not supported")]
    Letter(char),
    #[error("'{letter}' repeated {count} times is not supported")]
    Count { letter: char, count: usize },
    #[error("the character '{0}' is reserved; put it between single quotes")]
    Reserved(char),
}

impl DatePattern {
    pub(crate) fn parse(pattern: &str) -> Result<DatePattern, PatternError> {
        let letters: Vec<char> = pattern.chars().collect();
        let mut parts = Vec::new();
        let mut at = 0;
        while at < letters.len() {
            let letter = letters[at];
            if letter == '\'' {
                at = quoted(&letters, at, &mut parts)?;
            } else if letter.is_ascii_alphabetic() {
                let count = letters[at..].iter().take_while(|next| **next == letter).count();
                parts.push(field(letter, count)?);
                at += count;
            } else if matches!(letter, '[' | ']' | '{' | '}' | '#') {
                return Err(PatternError::Reserved(letter));
            } else {
                literal(&mut parts, letter);
                at += 1;
            }
        }
        Ok(DatePattern { parts })
    }

    pub(crate) fn render(&self, time: &DateTime<Tz>, out: &mut String) {
        for part in &self.parts {
            match part {
                Part::Literal(text) => out.push_str(text),
                Part::Number { field, width } => {
                    let _infallible = write!(out, "{:0width$}", number(*field, time));
                }
                Part::Text { field, long } => out.push_str(text(*field, *long, time)),
                Part::Fraction { digits } => {
                    let nanos = format!("{:09}", time.nanosecond() % 1_000_000_000);
                    out.push_str(&nanos[..*digits]);
                }
                Part::Zone { style, count } => zone(*style, *count, time, out),
            }
        }
    }

    /// The finest unit the pattern shows.
    pub(crate) fn finest(&self) -> Option<Unit> {
        self.parts.iter().filter_map(Part::unit).min()
    }
}

impl Part {
    fn unit(&self) -> Option<Unit> {
        match self {
            Part::Literal(_) => None,
            Part::Number { field, .. } => Some(match field {
                Number::MilliOfDay => Unit::Millisecond,
                Number::Second => Unit::Second,
                Number::Minute => Unit::Minute,
                Number::Hour | Number::ClockHour | Number::HalfDayClockHour | Number::HalfDayHour => {
                    Unit::Hour
                }
                _ => Unit::Day,
            }),
            Part::Text { field: Text::HalfDay, .. } | Part::Zone { .. } => Some(Unit::Hour),
            Part::Text { .. } => Some(Unit::Day),
            Part::Fraction { .. } => Some(Unit::Millisecond),
        }
    }
}

/// Reads what stands between quotes from `at`; two quotes in a row are one quote.
fn quoted(letters: &[char], at: usize, parts: &mut Vec<Part>) -> Result<usize, PatternError> {
    let mut next = at + 1;
    if letters.get(next) == Some(&'\'') {
        literal(parts, '\'');
        return Ok(next + 1);
    }
    while next < letters.len() {
        if letters[next] != '\'' {
            literal(parts, letters[next]);
            next += 1;
        } else if letters.get(next + 1) == Some(&'\'') {
            literal(parts, '\'');
            next += 2;
        } else {
            return Ok(next + 1);
        }
    }
    Err(PatternError::OpenQuote(at))
}

fn literal(parts: &mut Vec<Part>, letter: char) {
    match parts.last_mut() {
        Some(Part::Literal(text)) => text.push(letter),
        _ => parts.push(Part::Literal(letter.into())),
    }
}

fn field(letter: char, count: usize) -> Result<Part, PatternError> {
    let refused = Err(PatternError::Count { letter, count });
    let numeric = |field, max: usize| {
        if count <= max {
            Ok(Part::Number { field, width: count })
        } else {
            Err(PatternError::Count { letter, count })
        }
    };
    match (letter, count) {
        ('y' | 'u', 2) => numeric(Number::ShortYear, 2),
        ('y' | 'u', _) => numeric(Number::Year, 9),
        ('Y', 2) => numeric(Number::ShortWeekYear, 2),
        ('Y', _) => numeric(Number::WeekYear, 9),
        ('Q' | 'q', 3) => Ok(Part::Text { field: Text::Quarter, long: false }),
        ('Q' | 'q', 4) => Ok(Part::Text { field: Text::Quarter, long: true }),
        ('Q' | 'q', _) => numeric(Number::Quarter, 2),
        ('M' | 'L', 3) => Ok(Part::Text { field: Text::Month, long: false }),
        ('M' | 'L', 4) => Ok(Part::Text { field: Text::Month, long: true }),
        ('M' | 'L', _) => numeric(Number::Month, 2),
        ('E', 1..=3) => Ok(Part::Text { field: Text::Weekday, long: false }),
        ('E' | 'e', 4) => Ok(Part::Text { field: Text::Weekday, long: true }),
        ('e', 3) => Ok(Part::Text { field: Text::Weekday, long: false }),
        ('e', _) => numeric(Number::Weekday, 2),
        ('c', _) => numeric(Number::Weekday, 1),
        ('a', 1) => Ok(Part::Text { field: Text::HalfDay, long: false }),
        ('w', _) => numeric(Number::WeekOfYear, 2),
        ('W', _) => numeric(Number::WeekOfMonth, 1),
        ('D', _) => numeric(Number::DayOfYear, 3),
        ('d', _) => numeric(Number::DayOfMonth, 2),
        ('H', _) => numeric(Number::Hour, 2),
        ('k', _) => numeric(Number::ClockHour, 2),
        ('h', _) => numeric(Number::HalfDayClockHour, 2),
        ('K', _) => numeric(Number::HalfDayHour, 2),
        ('m', _) => numeric(Number::Minute, 2),
        ('s', _) => numeric(Number::Second, 2),
        ('A', _) => numeric(Number::MilliOfDay, 19),
        ('S', 1..=9) => Ok(Part::Fraction { digits: count }),
        ('X', 1..=3) => Ok(Part::Zone { style: Zone::OffsetOrZ, count }),
        ('x', 1..=3) => Ok(Part::Zone { style: Zone::Offset, count }),
        ('Z', 1..=3) => Ok(Part::Zone { style: Zone::Offset, count: 2 }),
        ('Z', 5) => Ok(Part::Zone { style: Zone::OffsetOrZ, count: 3 }),
        ('V', 2) => Ok(Part::Zone { style: Zone::Id, count }),
        ('S' | 'X' | 'x' | 'Z' | 'V' | 'E' | 'a', _) => refused,
        _ => Err(PatternError::Letter(letter)),
    }
}

fn number(field: Number, time: &DateTime<Tz>) -> i64 {
    let half_day = |hour: u32| i64::from(hour % 12);
    match field {
        Number::Year => i64::from(time.year()),
        Number::ShortYear => i64::from(time.year().rem_euclid(100)),
        Number::WeekYear => i64::from(week(time).0),
        Number::ShortWeekYear => i64::from(week(time).0.rem_euclid(100)),
        Number::Quarter => i64::from(time.month0() / 3 + 1),
        Number::Month => i64::from(time.month()),
        Number::WeekOfYear => i64::from(week(time).1),
        Number::WeekOfMonth => {
            let first = time.date_naive().with_day(1).expect("every month has a first day");
            i64::from((time.day0() + first.weekday().num_days_from_sunday()) / 7 + 1)
        }
        Number::DayOfYear => i64::from(time.ordinal()),
        Number::DayOfMonth => i64::from(time.day()),
        Number::Weekday => i64::from(time.weekday().number_from_sunday()),
        Number::Hour => i64::from(time.hour()),
        Number::ClockHour => i64::from(if time.hour() == 0 { 24 } else { time.hour() }),
        Number::HalfDayHour => half_day(time.hour()),
        Number::HalfDayClockHour => match half_day(time.hour()) {
            0 => 12,
            hour => hour,
        },
        Number::Minute => i64::from(time.minute()),
        Number::Second => i64::from(time.second()),
        Number::MilliOfDay => {
            i64::from(time.num_seconds_from_midnight()) * 1000 + i64::from(time.nanosecond() / 1_000_000)
        }
    }
}

/// Year and number of the week as the United States count them (Java's default locale on servers): weeks
/// begin on Sunday, and the week that holds the first of January is the first of the year.
fn week(time: &DateTime<Tz>) -> (i32, u32) {
    let date = time.date_naive();
    let to_saturday = 6 - i64::from(date.weekday().num_days_from_sunday());
    let saturday = date + chrono::Duration::days(to_saturday);
    (saturday.year(), saturday.ordinal0() / 7 + 1)
}

fn text(field: Text, long: bool, time: &DateTime<Tz>) -> &'static str {
    const MONTHS: [(&str, &str); 12] = [
        ("Jan", "January"),
        ("Feb", "February"),
        ("Mar", "March"),
        ("Apr", "April"),
        ("May", "May"),
        ("Jun", "June"),
        ("Jul", "July"),
        ("Aug", "August"),
        ("Sep", "September"),
        ("Oct", "October"),
        ("Nov", "November"),
        ("Dec", "December"),
    ];
    const QUARTERS: [(&str, &str); 4] =
        [("Q1", "1st quarter"), ("Q2", "2nd quarter"), ("Q3", "3rd quarter"), ("Q4", "4th quarter")];
    let (short, full) = match field {
        Text::Month => MONTHS[time.month0() as usize],
        Text::Quarter => QUARTERS[time.month0() as usize / 3],
        Text::HalfDay => [("AM", "AM"), ("PM", "PM")][usize::from(time.hour() >= 12)],
        Text::Weekday => match time.weekday() {
            Weekday::Mon => ("Mon", "Monday"),
            Weekday::Tue => ("Tue", "Tuesday"),
            Weekday::Wed => ("Wed", "Wednesday"),
            Weekday::Thu => ("Thu", "Thursday"),
            Weekday::Fri => ("Fri", "Friday"),
            Weekday::Sat => ("Sat", "Saturday"),
            Weekday::Sun => ("Sun", "Sunday"),
        },
    };
    if long { full } else { short }
}

/// `count` 1 is +01 (minutes only if there are any), 2 is +0100, 3 is +01:00.
fn zone(style: Zone, count: usize, time: &DateTime<Tz>, out: &mut String) {
    if style == Zone::Id {
        out.push_str(time.timezone().name());
        return;
    }
    let seconds = time.offset().fix().local_minus_utc();
    if seconds == 0 && style == Zone::OffsetOrZ {
        out.push('Z');
        return;
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let (hours, minutes) = (seconds.abs() / 3600, seconds.abs() / 60 % 60);
    let _infallible = match count {
        1 if minutes == 0 => write!(out, "{sign}{hours:02}"),
        1 | 2 => write!(out, "{sign}{hours:02}{minutes:02}"),
        _ => write!(out, "{sign}{hours:02}:{minutes:02}"),
    };
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    fn render(pattern: &str, zone: Tz, millis: i64) -> String {
        let mut out = String::new();
        let time = zone.timestamp_millis_opt(millis).unwrap();
        DatePattern::parse(pattern).unwrap().render(&time, &mut out);
        out
    }

    /// 2024-01-31T23:05:09.042Z, a Wednesday.
    const TIME: i64 = 1_706_742_309_042;

    #[test]
    fn every_supported_letter_renders_as_java_does() {
        // The expectations were written from the specification of java.time.format.DateTimeFormatter.
        for (pattern, expected) in [
            ("yyyy/MM/dd/HH", "2024/01/31/23"),
            ("y-M-d H:m:s", "2024-1-31 23:5:9"),
            ("uu yy", "24 24"),
            ("MMM MMMM L", "Jan January 1"),
            ("EEE, EEEE e", "Wed, Wednesday 4"),
            ("D DDD", "31 031"),
            ("h hh K a", "11 11 11 PM"),
            ("k kk", "23 23"),
            ("S SSS SSSSSS", "0 042 042000"),
            ("'dt='yyyy''", "dt=2024'"),
            ("'it''s'", "it's"),
            ("Q QQ QQQ", "1 01 Q1"),
            ("w ww YYYY W", "5 05 2024 5"),
            ("X XX XXX Z x", "Z Z Z +0000 +00"),
            ("VV", "UTC"),
        ] {
            assert_eq!(render(pattern, Tz::UTC, TIME), expected, "{pattern}");
        }
    }

    #[test]
    fn a_time_zone_moves_the_date() {
        assert_eq!(render("yyyy-MM-dd HH XXX VV", Tz::Asia__Seoul, TIME), "2024-02-01 08 +09:00 Asia/Seoul");
        assert_eq!(render("HHmm XX", Tz::Asia__Kolkata, TIME), "0435 +0530");
    }

    #[test]
    fn weeks_are_counted_from_sunday_and_the_first_of_january() {
        // 2024-12-29 is the Sunday of the week that holds 2025-01-01.
        assert_eq!(render("YYYY-ww", Tz::UTC, 1_735_430_400_000), "2025-01");
        // 2023-01-01 is a Sunday, 2022-12-31 a Saturday.
        assert_eq!(render("YYYY-ww", Tz::UTC, 1_672_444_800_000), "2022-53");
        assert_eq!(render("YYYY-ww", Tz::UTC, 1_672_531_200_000), "2023-01");
    }

    #[test]
    fn what_cannot_be_rendered_is_refused_by_name() {
        for (pattern, error) in [
            ("yyyy 'open", PatternError::OpenQuote(5)),
            ("G", PatternError::Letter('G')),
            ("MMMMM", PatternError::Count { letter: 'M', count: 5 }),
            ("[HH]", PatternError::Reserved('[')),
            ("ddd", PatternError::Count { letter: 'd', count: 3 }),
            ("aa", PatternError::Count { letter: 'a', count: 2 }),
        ] {
            assert_eq!(DatePattern::parse(pattern), Err(error), "{pattern}");
        }
    }
}
