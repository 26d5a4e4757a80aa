//! Date patterns in MySQL's and Joda's letters, read once and used for writing and reading.

use std::fmt::Write;

use arrow::array::timezone::Tz;
use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

use super::times::{offset_text, parse_zone};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// A pattern's parts in order.
#[derive(Debug)]
pub(super) struct Pattern(Vec<Part>);

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Text(String),
    /// At least this many digits.
    Number(Field, usize),
    MonthName {
        short: bool,
    },
    DayName {
        short: bool,
    },
    HalfDay,
    /// Digits of the second's fraction.
    Fraction(usize),
    /// `+09:00` or `+0900`.
    Offset {
        colon: bool,
    },
    ZoneName,
    Era,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Field {
    Year,
    Year2,
    Month,
    Day,
    DayOfYear,
    WeekYear,
    Week,
    Weekday,
    /// From Sunday as 0.
    WeekdayFromSunday,
    Hour,
    Hour12,
    /// 1 to 24, and 0 to 11.
    Hour24From1,
    Hour11,
    Minute,
    Second,
}

/// A time to be written.
pub(super) struct Shown<'a> {
    pub(super) wall: NaiveDateTime,
    /// Seconds east of UTC.
    pub(super) offset: i32,
    pub(super) zone: &'a str,
}

impl Pattern {
    /// `%Y-%m-%d`. The error says which specifier is unknown.
    pub(super) fn mysql(text: &str) -> Result<Pattern, String> {
        let mut parts = Parts::default();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                parts.text(c);
                continue;
            }
            let Some(letter) = chars.next() else {
                parts.text('%');
                break;
            };
            mysql_letter(letter, &mut parts)?;
        }
        Ok(Pattern(parts.list))
    }

    /// `yyyy-MM-dd`.
    pub(super) fn joda(text: &str) -> Result<Pattern, String> {
        let mut parts = Parts::default();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            if c == '\'' {
                if chars.next_if_eq(&'\'').is_some() {
                    parts.text('\'');
                    continue;
                }
                while let Some(quoted) = chars.next() {
                    if quoted == '\'' {
                        if chars.next_if_eq(&'\'').is_none() {
                            break;
                        }
                        parts.text('\'');
                    } else {
                        parts.text(quoted);
                    }
                }
            } else if c.is_ascii_alphabetic() {
                let mut count = 1;
                while chars.next_if_eq(&c).is_some() {
                    count += 1;
                }
                parts.push(joda_letter(c, count)?);
            } else {
                parts.text(c);
            }
        }
        Ok(Pattern(parts.list))
    }

    pub(super) fn format(&self, shown: &Shown<'_>) -> String {
        let mut out = String::new();
        for part in &self.0 {
            part.write(shown, &mut out);
        }
        out
    }

    pub(super) fn parse(&self, text: &str) -> Option<Parsed> {
        let mut parsed = Parsed::default();
        let mut rest = text;
        for (index, part) in self.0.iter().enumerate() {
            let adjacent = matches!(self.0.get(index + 1), Some(Part::Number(_, _) | Part::Fraction(_)));
            rest = part.read(rest, adjacent, &mut parsed)?;
        }
        rest.is_empty().then_some(parsed)
    }
}

#[derive(Default)]
struct Parts {
    list: Vec<Part>,
}

impl Parts {
    fn text(&mut self, c: char) {
        if let Some(Part::Text(text)) = self.list.last_mut() {
            text.push(c);
        } else {
            self.list.push(Part::Text(c.to_string()));
        }
    }

    fn push(&mut self, part: Part) {
        self.list.push(part);
    }

    fn numbers(&mut self, fields: &[(Field, usize)], separator: char) {
        for (index, (field, width)) in fields.iter().enumerate() {
            if index > 0 {
                self.text(separator);
            }
            self.push(Part::Number(*field, *width));
        }
    }
}

fn mysql_letter(letter: char, parts: &mut Parts) -> Result<(), String> {
    let number = |field, width| Part::Number(field, width);
    let part = match letter {
        'a' => Part::DayName { short: true },
        'b' => Part::MonthName { short: true },
        'c' => number(Field::Month, 1),
        'd' => number(Field::Day, 2),
        'e' => number(Field::Day, 1),
        'f' => Part::Fraction(6),
        'H' => number(Field::Hour, 2),
        'h' | 'I' => number(Field::Hour12, 2),
        'i' => number(Field::Minute, 2),
        'j' => number(Field::DayOfYear, 3),
        'k' => number(Field::Hour, 1),
        'l' => number(Field::Hour12, 1),
        'M' => Part::MonthName { short: false },
        'm' => number(Field::Month, 2),
        'p' => Part::HalfDay,
        's' | 'S' => number(Field::Second, 2),
        'v' => number(Field::Week, 2),
        'W' => Part::DayName { short: false },
        'w' => number(Field::WeekdayFromSunday, 1),
        'x' => number(Field::WeekYear, 4),
        'Y' => number(Field::Year, 4),
        'y' => number(Field::Year2, 2),
        'T' => {
            parts.numbers(&[(Field::Hour, 2), (Field::Minute, 2), (Field::Second, 2)], ':');
            return Ok(());
        }
        'r' => {
            parts.numbers(&[(Field::Hour12, 2), (Field::Minute, 2), (Field::Second, 2)], ':');
            parts.text(' ');
            Part::HalfDay
        }
        'D' | 'U' | 'u' | 'V' | 'X' => return Err(format!("%{letter} not supported in date format string")),
        other => {
            parts.text(other);
            return Ok(());
        }
    };
    parts.push(part);
    Ok(())
}

fn joda_letter(letter: char, count: usize) -> Result<Part, String> {
    let number = |field| Part::Number(field, count);
    Ok(match letter {
        'y' | 'Y' if count == 2 => Part::Number(Field::Year2, 2),
        'y' | 'Y' | 'u' => number(Field::Year),
        'x' => number(Field::WeekYear),
        'w' => number(Field::Week),
        'e' => number(Field::Weekday),
        'E' => Part::DayName { short: count < 4 },
        'D' => number(Field::DayOfYear),
        'M' | 'L' if count >= 3 => Part::MonthName { short: count == 3 },
        'M' | 'L' => number(Field::Month),
        'd' => number(Field::Day),
        'a' => Part::HalfDay,
        'K' => number(Field::Hour11),
        'h' => number(Field::Hour12),
        'H' => number(Field::Hour),
        'k' => number(Field::Hour24From1),
        'm' => number(Field::Minute),
        's' => number(Field::Second),
        'S' => Part::Fraction(count),
        'Z' if count >= 3 => Part::ZoneName,
        'Z' => Part::Offset { colon: count == 2 },
        'z' => Part::ZoneName,
        'G' => Part::Era,
        other => return Err(format!("Illegal pattern component: {other}")),
    })
}

impl Part {
    fn write(&self, shown: &Shown<'_>, out: &mut String) {
        let wall = shown.wall;
        let _ = match self {
            Part::Text(text) => out.write_str(text),
            Part::Number(field, width) => write!(out, "{:0width$}", field.of(wall), width = *width),
            Part::MonthName { short } => out.write_str(cut(MONTHS[wall.month0() as usize], *short)),
            Part::DayName { short } => {
                out.write_str(cut(DAYS[wall.weekday().num_days_from_monday() as usize], *short))
            }
            Part::HalfDay => out.write_str(if wall.hour() < 12 { "AM" } else { "PM" }),
            Part::Fraction(digits) => {
                let nanos = format!("{:09}", wall.nanosecond());
                write!(out, "{:0<width$}", &nanos[..(*digits).min(9)], width = *digits)
            }
            Part::Offset { colon } => {
                let text = offset_text(shown.offset);
                out.write_str(&if *colon { text } else { text.replace(':', "") })
            }
            Part::ZoneName => out.write_str(shown.zone),
            Part::Era => out.write_str("AD"),
        };
    }

    fn read<'a>(&self, text: &'a str, adjacent: bool, parsed: &mut Parsed) -> Option<&'a str> {
        match self {
            Part::Text(expected) => text.strip_prefix(expected.as_str()),
            Part::Number(field, width) => {
                let most =
                    if adjacent || *field == Field::Year2 { (*width).max(1) } else { field.digits_max() };
                let (number, rest) = digits(text, most)?;
                parsed.set(*field, number)?;
                Some(rest)
            }
            Part::MonthName { short } => {
                let (index, rest) = named(text, &MONTHS, *short)?;
                parsed.month = u32::try_from(index).ok()? + 1;
                Some(rest)
            }
            Part::DayName { short } => named(text, &DAYS, *short).map(|(_, rest)| rest),
            Part::HalfDay => {
                let head = text.get(..2)?.to_ascii_uppercase();
                parsed.afternoon = Some(match head.as_str() {
                    "AM" => false,
                    "PM" => true,
                    _ => return None,
                });
                text.get(2..)
            }
            Part::Fraction(most) => {
                let end = text.bytes().take((*most).min(9)).take_while(u8::is_ascii_digit).count();
                let (head, rest) = text.split_at(end);
                parsed.nanos = format!("{head:0<9}").parse().ok()?;
                (end > 0).then_some(rest)
            }
            Part::Offset { .. } | Part::ZoneName => {
                let end =
                    text.find(|c: char| !(c.is_alphanumeric() || "+-:/_".contains(c))).unwrap_or(text.len());
                let (head, rest) = text.split_at(end);
                parsed.zone = Some(parse_zone(head)?);
                Some(rest)
            }
            Part::Era => text.strip_prefix("AD"),
        }
    }
}

fn cut(name: &str, short: bool) -> &str {
    if short { &name[..3] } else { name }
}

fn digits(text: &str, most: usize) -> Option<(i64, &str)> {
    let sign = usize::from(text.starts_with('-') && most > 2);
    let count = text.bytes().skip(sign).take(most).take_while(u8::is_ascii_digit).count();
    let (head, rest) = text.split_at(count + sign);
    Some((head.parse().ok()?, rest))
}

fn named<'a>(text: &'a str, names: &[&str], short: bool) -> Option<(usize, &'a str)> {
    let fits = |name: &str| text.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name));
    let find = |short: bool| {
        names.iter().enumerate().find_map(|(index, name)| {
            let name = cut(name, short);
            fits(name).then(|| (index, &text[name.len()..]))
        })
    };
    if short { find(false).or_else(|| find(true)) } else { find(false).or_else(|| find(true)) }
}

impl Field {
    fn of(self, wall: NaiveDateTime) -> i64 {
        let (_, hour12) = wall.hour12();
        match self {
            Field::Year => i64::from(wall.year()),
            Field::Year2 => i64::from(wall.year().rem_euclid(100)),
            Field::Month => i64::from(wall.month()),
            Field::Day => i64::from(wall.day()),
            Field::DayOfYear => i64::from(wall.ordinal()),
            Field::WeekYear => i64::from(wall.iso_week().year()),
            Field::Week => i64::from(wall.iso_week().week()),
            Field::Weekday => i64::from(wall.weekday().number_from_monday()),
            Field::WeekdayFromSunday => i64::from(wall.weekday().num_days_from_sunday()),
            Field::Hour => i64::from(wall.hour()),
            Field::Hour12 => i64::from(hour12),
            Field::Hour24From1 => i64::from(if wall.hour() == 0 { 24 } else { wall.hour() }),
            Field::Hour11 => i64::from(wall.hour() % 12),
            Field::Minute => i64::from(wall.minute()),
            Field::Second => i64::from(wall.second()),
        }
    }

    fn digits_max(self) -> usize {
        match self {
            Field::Year | Field::WeekYear => 9,
            Field::DayOfYear => 3,
            Field::Weekday | Field::WeekdayFromSunday => 1,
            _ => 2,
        }
    }
}

/// What a text said, with Joda's defaults for the rest.
pub(super) struct Parsed {
    year: i32,
    month: u32,
    day: u32,
    day_of_year: Option<u32>,
    hour: u32,
    afternoon: Option<bool>,
    minute: u32,
    second: u32,
    nanos: u32,
    pub(super) zone: Option<Tz>,
}

impl Default for Parsed {
    fn default() -> Parsed {
        Parsed {
            year: 1970,
            month: 1,
            day: 1,
            day_of_year: None,
            hour: 0,
            afternoon: None,
            minute: 0,
            second: 0,
            nanos: 0,
            zone: None,
        }
    }
}

impl Parsed {
    fn set(&mut self, field: Field, value: i64) -> Option<()> {
        let small = u32::try_from(value);
        match field {
            Field::Year => self.year = i32::try_from(value).ok()?,
            Field::Year2 => {
                self.year = i32::try_from(if value >= 70 { 1900 + value } else { 2000 + value }).ok()?
            }
            Field::Month => self.month = small.ok()?,
            Field::Day => self.day = small.ok()?,
            Field::DayOfYear => self.day_of_year = Some(small.ok()?),
            Field::Hour => self.hour = small.ok()?,
            Field::Hour24From1 => self.hour = small.ok()? % 24,
            Field::Hour12 | Field::Hour11 => {
                self.hour = small.ok().filter(|hour| *hour <= 12)? % 12;
                self.afternoon.get_or_insert(false);
            }
            Field::Minute => self.minute = small.ok()?,
            Field::Second => self.second = small.ok()?,
            Field::WeekYear | Field::Week | Field::Weekday | Field::WeekdayFromSunday => {}
        }
        Some(())
    }

    /// `None` when there is no such time.
    pub(super) fn local(&self) -> Option<NaiveDateTime> {
        let date = match self.day_of_year {
            Some(day) => NaiveDate::from_yo_opt(self.year, day)?,
            None => NaiveDate::from_ymd_opt(self.year, self.month, self.day)?,
        };
        let hour = if self.afternoon == Some(true) && self.hour < 12 { self.hour + 12 } else { self.hour };
        Some(date.and_time(NaiveTime::from_hms_nano_opt(hour, self.minute, self.second, self.nanos)?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_time_survives_its_pattern() {
        let wall = NaiveDate::from_ymd_opt(2024, 2, 29).unwrap().and_hms_milli_opt(15, 4, 5, 678).unwrap();
        let shown = Shown { wall, offset: 32_400, zone: "Asia/Seoul" };
        for (pattern, text) in [
            (Pattern::mysql("%Y-%m-%d %H:%i:%s.%f"), "2024-02-29 15:04:05.678000"),
            (Pattern::mysql("%W, %e %M %y %r"), "Thursday, 29 February 24 03:04:05 PM"),
            (Pattern::joda("yyyy-MM-dd'T'HH:mm:ss.SSSZZ"), "2024-02-29T15:04:05.678+09:00"),
            (Pattern::joda("EEE d MMM yyyyy hh 'o''clock' a"), "Thu 29 Feb 02024 03 o'clock PM"),
        ] {
            let pattern = pattern.unwrap();
            assert_eq!(pattern.format(&shown), text);
            let read = pattern.parse(text).unwrap().local().unwrap();
            assert_eq!(read.date(), wall.date(), "{text}");
        }
    }

    #[test]
    fn adjacent_numbers_are_told_apart_by_their_width() {
        let read = Pattern::mysql("%Y%m%d").unwrap().parse("20240229").unwrap().local().unwrap();
        assert_eq!(read.date(), NaiveDate::from_ymd_opt(2024, 2, 29).unwrap());
    }

    proptest! {
        #[test]
        fn no_pattern_and_no_text_make_it_panic(pattern in any::<String>(), text in any::<String>()) {
            for read in [Pattern::mysql(&pattern), Pattern::joda(&pattern)].into_iter().flatten() {
                let _ = read.parse(&text);
            }
        }
    }
}
