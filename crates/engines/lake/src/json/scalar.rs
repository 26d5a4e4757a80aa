//! Scalars of JSON as the values of columns; `None` is "does not fit".

use std::borrow::Cow;

use super::cursor::Token;
use super::pattern::TimePattern;
use super::time;

/// The text of a number, or of a string that may be one.
fn numeric<'a>(token: Token<'a>) -> Option<Cow<'a, str>> {
    match token {
        Token::Number(text) => Some(Cow::Borrowed(text)),
        Token::Text(text) => Some(match text.plain().ok()? {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
        }),
        Token::Null | Token::Bool(_) | Token::Object | Token::Array => None,
    }
}

pub(super) fn boolean(token: Token<'_>) -> Option<bool> {
    match token {
        Token::Bool(value) => Some(value),
        Token::Text(text) => {
            let text = text.plain().ok()?;
            let is = |word: &str| text.trim().eq_ignore_ascii_case(word);
            if is("true") { Some(true) } else { is("false").then_some(false) }
        }
        _ => None,
    }
}

pub(super) fn integer<T: TryFrom<i64>>(token: Token<'_>) -> Option<T> {
    let text = numeric(token)?;
    let value = match text.parse::<i64>() {
        Ok(value) => value,
        Err(_) => {
            let (unscaled, exact) = decimal_text(&text, 0)?;
            if !exact {
                return None;
            }
            i64::try_from(unscaled).ok()?
        }
    };
    T::try_from(value).ok()
}

pub(super) fn float64(token: Token<'_>) -> Option<f64> {
    let text = numeric(token)?;
    let value = text.parse::<f64>().ok()?;
    // An infinity that was written as digits is an overflow.
    (value.is_finite() || !text.bytes().any(|b| b.is_ascii_digit())).then_some(value)
}

pub(super) fn float32(token: Token<'_>) -> Option<f32> {
    let text = numeric(token)?;
    let value = text.parse::<f32>().ok()?;
    (value.is_finite() || !text.bytes().any(|b| b.is_ascii_digit())).then_some(value)
}

pub(super) fn decimal(token: Token<'_>, precision: u8, scale: i8) -> Option<i128> {
    let (unscaled, _) = decimal_text(&numeric(token)?, scale)?;
    let bound = 10_i128.checked_pow(u32::from(precision))?;
    (unscaled.abs() < bound).then_some(unscaled)
}

pub(super) fn date(token: Token<'_>) -> Option<i32> {
    let Token::Text(text) = token else { return None };
    let text = text.plain().ok()?;
    let text = text.trim();
    time::parse_date(text).or_else(|| {
        let micros = time::parse_timestamp(text)?;
        i32::try_from(micros.div_euclid(time::MICROS_PER_DAY)).ok()
    })
}

pub(super) fn timestamp(token: Token<'_>, patterns: &[TimePattern]) -> Option<i64> {
    let text = numeric(token)?;
    let by_pattern = patterns.iter().find_map(|pattern| pattern.read(&text));
    by_pattern.or_else(|| time::parse_timestamp(&text)).or_else(|| epoch(&text))
}

/// Epoch seconds, with or without a fraction, or milliseconds when it is whole and has 13 digits or
/// more: OpenX's rule.
fn epoch(text: &str) -> Option<i64> {
    const MILLIS_DIGITS: usize = 13;
    let micros = match text.parse::<i64>() {
        Ok(number) if text.trim_start_matches(['-', '+']).len() >= MILLIS_DIGITS => {
            number.checked_mul(1_000)?
        }
        Ok(number) => number.checked_mul(1_000_000)?,
        Err(_) => i64::try_from(decimal_text(text, 6)?.0).ok()?,
    };
    time::in_range(micros).then_some(micros)
}

/// A number's digits as an integer of 10^-scale, and whether nothing was rounded away. Half rounds
/// away from zero. `None` when it is no number or beyond i128.
fn decimal_text(text: &str, scale: i8) -> Option<(i128, bool)> {
    /// Beyond it every number is zero or an overflow.
    const EXPONENT_MAX: i32 = 1_000;
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(e) => (&text[..e], text[e + 1..].parse::<i32>().ok()?.clamp(-EXPONENT_MAX, EXPONENT_MAX)),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.as_bytes().first()? {
        b'-' => (true, &mantissa[1..]),
        b'+' => (false, &mantissa[1..]),
        _ => (false, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    // How many digits stand before the point of the scaled number.
    let point = i32::try_from(whole.len()).ok()? + exponent + i32::from(scale);
    let mut value: i128 = 0;
    let mut exact = true;
    let mut round_up = false;
    let mut count: i32 = 0;
    for byte in whole.bytes().chain(fraction.bytes()) {
        if !byte.is_ascii_digit() {
            return None;
        }
        let digit = byte - b'0';
        if count < point {
            value = value.checked_mul(10)?.checked_add(i128::from(digit))?;
        } else {
            round_up |= count == point && digit >= 5;
            exact &= digit == 0;
        }
        count += 1;
    }
    while count < point && value != 0 {
        value = value.checked_mul(10)?;
        count += 1;
    }
    value += i128::from(round_up);
    Some((if negative { -value } else { value }, exact))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_scaled_and_rounded_half_away_from_zero() {
        for (text, scale, unscaled, exact) in [
            ("12.345", 2, 1235, false),
            ("-12.345", 2, -1235, false),
            ("12.344", 2, 1234, false),
            ("1e3", 0, 1000, true),
            ("1.5e-1", 2, 15, true),
            ("0.05", 1, 1, false),
            ("0.004", 1, 0, false),
            (".5", 1, 5, true),
            ("7.", 0, 7, true),
            ("0e999999", 2, 0, true),
        ] {
            assert_eq!(decimal_text(text, scale), Some((unscaled, exact)), "{text}");
        }
        for text in ["", ".", "-", "1x", "1e", "1e400", "99999999999999999999999999999999999999999"] {
            assert_eq!(decimal_text(text, 0), None, "{text}");
        }
    }

    #[test]
    fn an_epoch_is_seconds_until_it_has_thirteen_digits() {
        assert_eq!(epoch("1454612111"), Some(1_454_612_111_000_000));
        assert_eq!(epoch("1454612111000"), Some(1_454_612_111_000_000));
        assert_eq!(epoch("1454612111.25"), Some(1_454_612_111_250_000));
        assert_eq!(epoch("-1"), Some(-1_000_000));
        assert_eq!(epoch("9999999999999999"), None, "beyond the year 9999");
    }
}
