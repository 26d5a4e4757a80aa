use super::time;

/// A timestamp format given by a user: Joda's letters, as Hive takes them, or `millis`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TimePattern {
    EpochMillis,
    Items(Vec<Item>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Literal(char),
    /// A number of exactly this many digits, or from one to the field's most.
    Number {
        field: Field,
        exactly: Option<usize>,
    },
    MonthName,
    DayName,
    AmPm,
    Offset,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Year,
    Month,
    Day,
    DayOfYear,
    Hour24,
    Hour12,
    Minute,
    Second,
    Fraction,
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

impl TimePattern {
    /// The error says which part of the format is not understood.
    pub(super) fn parse(format: &str) -> Result<TimePattern, String> {
        if format == "millis" {
            return Ok(TimePattern::EpochMillis);
        }
        let chars: Vec<char> = format.chars().collect();
        let mut items = Vec::new();
        let mut at = 0;
        while at < chars.len() {
            let c = chars[at];
            let run = chars[at..].iter().take_while(|next| **next == c).count();
            if c == '\'' {
                at = quoted(&chars, at, &mut items)?;
            } else if c.is_ascii_alphabetic() {
                items.push(letter(c, run)?);
                at += run;
            } else {
                items.push(Item::Literal(c));
                at += 1;
            }
        }
        // A number right before another one has the width it is written with.
        for index in 0..items.len() {
            let followed = matches!(items.get(index + 1), Some(Item::Number { .. }));
            if let Item::Number { exactly, field } = &mut items[index]
                && !followed
                && *field != Field::Fraction
            {
                *exactly = None;
            }
        }
        if items.is_empty() { Err("it is empty".to_owned()) } else { Ok(TimePattern::Items(items)) }
    }

    /// Microseconds since the epoch; `None` when the text does not have this form.
    pub(super) fn read(&self, text: &str) -> Option<i64> {
        let micros = match self {
            TimePattern::EpochMillis => text.parse::<i64>().ok()?.checked_mul(1_000)?,
            TimePattern::Items(items) => {
                let mut time = Time::default();
                let mut rest = text;
                for item in items {
                    rest = time.take(item, rest)?;
                }
                if !rest.is_empty() {
                    return None;
                }
                time.micros()?
            }
        };
        time::in_range(micros).then_some(micros)
    }
}

/// Appends what stands between quotes; two quotes are one.
fn quoted(chars: &[char], open: usize, items: &mut Vec<Item>) -> Result<usize, String> {
    if chars.get(open + 1) == Some(&'\'') {
        items.push(Item::Literal('\''));
        return Ok(open + 2);
    }
    let mut at = open + 1;
    while let Some(&c) = chars.get(at) {
        match (c, chars.get(at + 1)) {
            ('\'', Some('\'')) => at += 1,
            ('\'', _) => return Ok(at + 1),
            _ => {}
        }
        items.push(Item::Literal(c));
        at += 1;
    }
    Err("a quote is never closed".to_owned())
}

fn letter(c: char, run: usize) -> Result<Item, String> {
    let field = match (c, run) {
        ('M', 3..) => return Ok(Item::MonthName),
        ('E', _) => return Ok(Item::DayName),
        ('a', _) => return Ok(Item::AmPm),
        ('Z', 1 | 2) | ('X' | 'x', _) => return Ok(Item::Offset),
        ('y' | 'Y' | 'u', _) => Field::Year,
        ('M', _) => Field::Month,
        ('d', _) => Field::Day,
        ('D', _) => Field::DayOfYear,
        ('H', _) => Field::Hour24,
        ('h', _) => Field::Hour12,
        ('m', _) => Field::Minute,
        ('s', _) => Field::Second,
        ('S', 1..=9) => Field::Fraction,
        _ => return Err(format!("the letter {c} is not supported")),
    };
    Ok(Item::Number { field, exactly: Some(run) })
}

struct Time {
    year: i64,
    month: i64,
    day: i64,
    day_of_year: Option<i64>,
    hour: i64,
    half_day: Option<i64>,
    minute: i64,
    second: i64,
    micros: i64,
    offset: i64,
}

impl Default for Time {
    fn default() -> Time {
        Time {
            year: 1970,
            month: 1,
            day: 1,
            day_of_year: None,
            hour: 0,
            half_day: None,
            minute: 0,
            second: 0,
            micros: 0,
            offset: 0,
        }
    }
}

impl Time {
    /// Reads `item` from the start of `text` and returns the rest.
    fn take<'a>(&mut self, item: &Item, text: &'a str) -> Option<&'a str> {
        match item {
            Item::Literal(c) => text.strip_prefix(*c),
            Item::Number { field, exactly } => {
                let most = if *field == Field::Year { 4 } else { 9 };
                let digits =
                    text.bytes().take(exactly.unwrap_or(most)).take_while(u8::is_ascii_digit).count();
                if digits == 0 || exactly.is_some_and(|exactly| digits != exactly) {
                    return None;
                }
                self.set(*field, &text[..digits])?;
                Some(&text[digits..])
            }
            Item::MonthName => {
                let (index, rest) = name(&MONTHS, text)?;
                self.month = index + 1;
                Some(rest)
            }
            Item::DayName => Some(name(&DAYS, text)?.1),
            Item::AmPm => {
                let half = text.get(..2)?;
                self.half_day = Some(match half.to_ascii_lowercase().as_str() {
                    "am" => 0,
                    "pm" => 12,
                    _ => return None,
                });
                Some(&text[2..])
            }
            Item::Offset => {
                let length = text.bytes().take_while(|b| b.is_ascii_digit() || b"+-:Zz".contains(b)).count();
                self.offset = time::parse_offset(text.as_bytes().get(..length)?).filter(|_| length > 0)?;
                Some(&text[length..])
            }
        }
    }

    fn set(&mut self, field: Field, digits: &str) -> Option<()> {
        if field == Field::Fraction {
            self.micros = time::fraction(digits.as_bytes())?;
            return Some(());
        }
        let number: i64 = digits.parse().ok()?;
        let (slot, range) = match field {
            // Two digits are of the hundred years around the turn, as Joda's pivot has it.
            Field::Year if digits.len() == 2 => {
                self.year = if number < 70 { 2000 + number } else { 1900 + number };
                return Some(());
            }
            Field::Year => (&mut self.year, 0..=9999),
            Field::Month => (&mut self.month, 1..=12),
            Field::Day => (&mut self.day, 1..=31),
            Field::DayOfYear => (self.day_of_year.insert(0), 1..=366),
            Field::Hour24 => (&mut self.hour, 0..=23),
            Field::Hour12 => (&mut self.hour, 1..=12),
            Field::Minute => (&mut self.minute, 0..=59),
            Field::Second => (&mut self.second, 0..=59),
            Field::Fraction => unreachable!("handled above"),
        };
        *slot = Some(number).filter(|number| range.contains(number))?;
        Some(())
    }

    fn micros(&self) -> Option<i64> {
        let days = match self.day_of_year {
            Some(day) => i64::from(time::days_from_civil(self.year, 1, 1)?) + day - 1,
            None => i64::from(time::days_from_civil(self.year, self.month, self.day)?),
        };
        let hour = match self.half_day {
            Some(half) => self.hour % 12 + half,
            None => self.hour,
        };
        let seconds = (hour * 60 + self.minute - self.offset) * 60 + self.second;
        Some(days * time::MICROS_PER_DAY + seconds * 1_000_000 + self.micros)
    }
}

/// The full or three-letter name at the start of `text`.
fn name<'a>(names: &[&str], text: &'a str) -> Option<(i64, &'a str)> {
    let length = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let word = text[..length].to_ascii_lowercase();
    let index =
        names.iter().position(|name| word == *name || (word.len() == 3 && name.starts_with(&word)))?;
    Some((i64::try_from(index).ok()?, &text[length..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joda_patterns_read_what_they_describe() {
        let noon = 1_704_196_800_000_000; // 2024-01-02T12:00:00Z
        for (format, text, micros) in [
            ("yyyy-MM-dd'T'HH:mm:ss.SSSZ", "2024-01-02T21:00:00.250+0900", noon + 250_000),
            ("yyyyMMddHHmmss", "20240102120000", noon),
            ("dd/MMM/yyyy:HH:mm:ss Z", "02/Jan/2024:12:00:00 +0000", noon),
            ("EEE, d MMM yyyy h:mm a", "Tue, 2 January 2024 12:00 PM", noon),
            ("yy.D", "24.2", noon - time::MICROS_PER_DAY / 2),
            ("millis", "1704196800000", noon),
        ] {
            assert_eq!(TimePattern::parse(format).unwrap().read(text), Some(micros), "{format}");
        }
    }

    #[test]
    fn text_of_another_form_is_not_taken() {
        let pattern = TimePattern::parse("yyyy-MM-dd HH:mm").unwrap();
        for text in ["2024-01-02", "2024-01-02 12:00:00", "2024-13-02 12:00", "2024-02-30 12:00", "x"] {
            assert_eq!(pattern.read(text), None, "{text}");
        }
    }

    #[test]
    fn a_format_that_is_not_understood_is_refused_by_its_letter() {
        assert_eq!(TimePattern::parse("yyyy-MM-dd z"), Err("the letter z is not supported".into()));
        assert_eq!(TimePattern::parse("yyyy'x"), Err("a quote is never closed".into()));
    }
}
