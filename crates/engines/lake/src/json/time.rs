//! Dates and times in text: ISO 8601 and Hive's `yyyy-MM-dd HH:mm:ss[.fffffffff]`.

pub(crate) const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Days since 1970-01-01 of exactly `yyyy-MM-dd`.
pub(crate) fn parse_date(text: &str) -> Option<i32> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 {
        return None;
    }
    date_at(bytes)
}

/// `yyyy-MM-dd`, for years 0 to 9999.
pub(crate) fn format_date(days: i32) -> String {
    let (year, month, day) = civil_from_days(days);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Microseconds since 1970-01-01T00:00:00 UTC. A date, optionally a time to the minute, second or a
/// fraction of it (finer than microseconds is cut), optionally `Z` or an offset.
pub(crate) fn parse_timestamp(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let days = i64::from(date_at(bytes.get(..10)?)?);
    let mut rest = &bytes[10..];
    let mut micros = 0;
    if !rest.is_empty() {
        if !matches!(rest[0], b'T' | b't' | b' ') {
            return None;
        }
        rest = &rest[1..];
        let hour = two(rest, 0).filter(|hour| *hour < 24)?;
        let minute = separated(rest, 2).filter(|minute| *minute < 60)?;
        rest = &rest[5..];
        let mut second = 0;
        if rest.first() == Some(&b':') {
            // A leap second is the first moment of the next minute.
            second = separated(rest, 0).filter(|second| *second <= 60)?;
            rest = &rest[3..];
        }
        micros = ((hour * 60 + minute) * 60 + second) * 1_000_000;
        if let Some(b'.' | b',') = rest.first() {
            let digits = rest[1..].iter().take_while(|b| b.is_ascii_digit()).count();
            micros += fraction(&rest[1..=digits])?;
            rest = &rest[digits + 1..];
        }
    }
    let offset = parse_offset(rest)?;
    Some(days * MICROS_PER_DAY + micros - offset * 60_000_000)
}

/// Whether the time lies in the years 1 to 9999, which every reader of timestamps takes.
pub(crate) fn in_range(micros: i64) -> bool {
    const FIRST: i64 = -719_162 * MICROS_PER_DAY;
    const END: i64 = 2_932_897 * MICROS_PER_DAY;
    (FIRST..END).contains(&micros)
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar; `None` for a day that is not in it.
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i32> {
    const DAYS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let in_month = *DAYS.get(usize::try_from(month - 1).ok()?)? + i64::from(leap && month == 2);
    if !(0..=9999).contains(&year) || !(1..=in_month).contains(&day) {
        return None;
    }
    // Years start in March, so that the leap day is the last; eras are 400 years.
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    i32::try_from(era * 146_097 + day_of_era - 719_468).ok()
}

/// Minutes east of UTC: nothing, `Z`, `±HH`, `±HHmm`, `±HH:mm`, with a space before it allowed.
pub(crate) fn parse_offset(text: &[u8]) -> Option<i64> {
    let text = text.trim_ascii_start();
    let (sign, digits) = match text {
        [] | [b'Z' | b'z'] => return Some(0),
        b"UTC" | b"GMT" => return Some(0),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let minutes = match digits.len() {
        2 => 0,
        4 => two(digits, 2)?,
        5 => separated(digits, 2)?,
        _ => return None,
    };
    let hours = two(digits, 0)?;
    (hours <= 18 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

/// Microseconds of the digits after a decimal point.
pub(crate) fn fraction(digits: &[u8]) -> Option<i64> {
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    let digit = |place: usize| digits.get(place).map_or(0, |b| i64::from(b - b'0'));
    Some((0..6).fold(0, |micros, place| micros * 10 + digit(place)))
}

fn date_at(bytes: &[u8]) -> Option<i32> {
    let year = two(bytes, 0)? * 100 + two(bytes, 2)?;
    if bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    days_from_civil(year, two(bytes, 5)?, two(bytes, 8)?)
}

fn two(bytes: &[u8], at: usize) -> Option<i64> {
    match bytes.get(at..at + 2)? {
        [a @ b'0'..=b'9', b @ b'0'..=b'9'] => Some(i64::from(a - b'0') * 10 + i64::from(b - b'0')),
        _ => None,
    }
}

/// Two digits after a colon.
fn separated(bytes: &[u8], at: usize) -> Option<i64> {
    if bytes.get(at) == Some(&b':') { two(bytes, at + 1) } else { None }
}

fn civil_from_days(days: i32) -> (i64, i64, i64) {
    let days = i64::from(days) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn timestamps_read_in_every_common_form() {
        let noon = 1_704_196_800_000_000; // 2024-01-02T12:00:00Z
        for (text, micros) in [
            ("2024-01-02", noon - MICROS_PER_DAY / 2),
            ("2024-01-02T12:00", noon),
            ("2024-01-02 12:00:00", noon),
            ("2024-01-02T12:00:00Z", noon),
            ("2024-01-02T21:00:00+09:00", noon),
            ("2024-01-02T07:30:00-0430", noon),
            ("2024-01-02 12:00:00.5", noon + 500_000),
            ("2024-01-02 12:00:00.123456789", noon + 123_456),
            ("2024-01-02 12:00:00 UTC", noon),
        ] {
            assert_eq!(parse_timestamp(text), Some(micros), "{text}");
        }
        for text in [
            "",
            "2024",
            "2024-02-30",
            "2024-01-02X",
            "2024-01-02T25:00",
            "2024-01-02T12:00:00.",
            "2024-01-02T12:60",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_date_survives_its_text_and_agrees_with_chrono(days in -719_162..2_932_896_i32) {
            let text = format_date(days);
            let oracle = chrono::NaiveDate::from_epoch_days(days).unwrap();
            prop_assert_eq!(&text, &oracle.format("%Y-%m-%d").to_string());
            prop_assert_eq!(parse_date(&text), Some(days));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,40}|[0-9T:. Z+-]{0,40}") {
            let _ = parse_timestamp(&text);
        }
    }
}
