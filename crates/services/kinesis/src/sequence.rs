//! Sequence numbers: 56 decimal digits like AWS's, each of which says exactly where its record is.
//!
//! The number is 47 hexadecimal digits:
//!
//! | digits | |
//! |---|---|
//! | 1 | 2, which makes every number start with 49 |
//! | 9 | seconds of the shard's creation |
//! | 1 | low digit of the shard's index |
//! | 16 | place: 0 for the start of the shard, the record's offset plus 1 for a record |
//! | 2 | 0 |
//! | 9 | seconds of the record's arrival |
//! | 8 | the shard's index |
//! | 1 | version, 2 |
//!
//! Numbers of one shard grow with the offset. Those of records with the same arrival differ by 2^80 from
//! one to the next, so that a batch needs one conversion to decimal and then additions.

use std::fmt;

use log::Offset;
use rt::Timestamp;

/// The numbers of one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShardNumbers {
    index: u32,
    created_s: u64,
}

/// One sequence number, as three limbs to the base of 10^19, the highest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SequenceNumber([u64; 3]);

const BASE: u64 = 10_000_000_000_000_000_000;
const LIMB_DIGITS: usize = 19;
pub(crate) const DIGITS: usize = 56;
/// 2^80 in limbs.
const STEP: [u64; 2] = [120_892, 5_819_614_629_174_706_176];
const VERSION: u128 = 2;
const TIME_MASK: u64 = (1 << 36) - 1;

impl ShardNumbers {
    pub(crate) fn new(index: u32, created: Timestamp) -> ShardNumbers {
        ShardNumbers { index, created_s: seconds(created) }
    }

    /// The shard's StartingSequenceNumber: before its first record.
    pub(crate) fn start(&self) -> SequenceNumber {
        self.number(0, self.created_s)
    }

    pub(crate) fn record(&self, offset: Offset, at: Timestamp) -> SequenceNumber {
        self.number(offset.saturating_add(1), seconds(at))
    }

    /// A number after that of every record before `tail`.
    pub(crate) fn end(&self, tail: Offset, at: Timestamp) -> SequenceNumber {
        self.number(tail.saturating_add(1), seconds(at))
    }

    /// The place a number of this shard names: 0 for its start, the record's offset plus 1 for a record.
    /// `None` for a number of another shard or none at all.
    pub(crate) fn place(&self, number: &str) -> Option<u64> {
        let number = SequenceNumber::parse(number)?;
        let (high, low) = number.to_binary();
        let place = (high << 48) | (low >> 80) as u64;
        let at_s = (low >> 36) as u64 & TIME_MASK;
        (self.number(place, at_s) == number).then_some(place)
    }

    fn number(&self, place: u64, at_s: u64) -> SequenceNumber {
        let index = u128::from(self.index);
        let low =
            (u128::from(place & ((1 << 48) - 1)) << 80) | (u128::from(at_s) << 36) | (index << 4) | VERSION;
        let high = (2 << 56) | (self.created_s << 20) | ((u64::from(self.index) & 15) << 16) | (place >> 48);
        SequenceNumber::from_binary(high, low)
    }
}

impl SequenceNumber {
    /// The number of the next record of the same batch.
    pub(crate) fn next(self) -> SequenceNumber {
        let SequenceNumber([mut first, second, third]) = self;
        let (third, carry) = add(third, STEP[1], 0);
        let (second, carry) = add(second, STEP[0], carry);
        first += carry;
        SequenceNumber([first, second, third])
    }

    /// The decimal digits.
    pub(crate) fn digits(self) -> [u8; DIGITS] {
        let mut digits = [0; DIGITS];
        let mut end = DIGITS;
        for mut limb in self.0.into_iter().rev() {
            let start = end.saturating_sub(LIMB_DIGITS);
            for digit in digits[start..end].iter_mut().rev() {
                *digit = b'0' + (limb % 10) as u8;
                limb /= 10;
            }
            end = start;
        }
        digits
    }

    fn parse(text: &str) -> Option<SequenceNumber> {
        if text.len() != DIGITS || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (first, rest) = text.split_at(DIGITS - 2 * LIMB_DIGITS);
        let (second, third) = rest.split_at(LIMB_DIGITS);
        Some(SequenceNumber([first.parse().ok()?, second.parse().ok()?, third.parse().ok()?]))
    }

    /// `high` are the bits from 128 on.
    fn from_binary(high: u64, low: u128) -> SequenceNumber {
        let (high, middle, third) = divide([high, (low >> 64) as u64, low as u64]);
        let (first, middle, second) = divide([high, middle.0, middle.1]);
        debug_assert_eq!(first, 0, "47 hexadecimal digits are less than 10^57");
        debug_assert_eq!(middle.0, 0, "47 hexadecimal digits are less than 10^57");
        SequenceNumber([middle.1, second, third])
    }

    fn to_binary(self) -> (u64, u128) {
        let SequenceNumber([first, second, third]) = self;
        let upper = u128::from(first) * u128::from(BASE) + u128::from(second);
        let (upper_high, upper_low) = ((upper >> 64) as u64, upper as u64);
        let low = u128::from(upper_low) * u128::from(BASE);
        let (low, carry) = low.overflowing_add(u128::from(third));
        let high = u128::from(upper_high) * u128::from(BASE);
        let (low, carry_too) = low.overflowing_add(high << 64);
        ((high >> 64) as u64 + u64::from(carry) + u64::from(carry_too), low)
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third] = self.0;
        write!(f, "{first}{second:019}{third:019}")
    }
}

fn seconds(at: Timestamp) -> u64 {
    u64::try_from(at.as_millis() / 1000).unwrap_or(0) & TIME_MASK
}

/// Sum and carry to the base of the limbs.
fn add(limb: u64, other: u64, carry: u64) -> (u64, u64) {
    let sum = u128::from(limb) + u128::from(other) + u128::from(carry);
    if sum >= u128::from(BASE) { ((sum - u128::from(BASE)) as u64, 1) } else { (sum as u64, 0) }
}

/// Divides 192 bits, the highest first, by the base: quotient (high, (middle, low)) and remainder.
fn divide(number: [u64; 3]) -> (u64, (u64, u64), u64) {
    let mut remainder = 0;
    let quotient = number.map(|part| {
        let dividend = (u128::from(remainder) << 64) | u128::from(part);
        remainder = (dividend % u128::from(BASE)) as u64;
        (dividend / u128::from(BASE)) as u64
    });
    (quotient[0], (quotient[1], quotient[2]), remainder)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_look_like_those_of_aws() {
        let created = Timestamp::from_millis(1_600_000_000_000);
        let start = ShardNumbers::new(0, created).start().to_string();
        assert_eq!(start, "49610756384790827419890419256589692040303913337075269634");
        let later = ShardNumbers::new(19, created).record(7, Timestamp::from_millis(1_600_000_077_999));
        assert_eq!(later.to_string(), "49610756384857729655486011126023970601678780746390569266");
    }

    proptest! {
        #[test]
        fn a_number_says_where_its_record_is(index in 0u32..100_000, created in 0i64..4_000_000_000_000, offset in 0..u64::MAX - 1, later in 0i64..1_000_000_000_000) {
            let created = Timestamp::from_millis(created);
            let at = Timestamp::from_millis(created.as_millis() + later);
            let numbers = ShardNumbers::new(index, created);
            let number = numbers.record(offset, at);
            let text = number.to_string();
            prop_assert_eq!(text.as_bytes(), number.digits());
            prop_assert_eq!(text.len(), DIGITS);
            prop_assert_eq!(numbers.place(&text), Some(offset + 1));
            prop_assert_eq!(ShardNumbers::new(index + 16, created).place(&text), None);
            prop_assert_eq!(ShardNumbers::new(index + 1, created).place(&text), None);
            prop_assert!(numbers.start() < number);
        }

        #[test]
        fn the_next_number_is_that_of_the_next_record_and_greater_also_as_text(index in 0u32..10_000, offset in 0..u64::MAX - 2, at in 1_000_000_000_000i64..4_000_000_000_000) {
            let at = Timestamp::from_millis(at);
            let numbers = ShardNumbers::new(index, at);
            let number = numbers.record(offset, at);
            let next = numbers.record(offset + 1, at);
            prop_assert_eq!(number.next(), next);
            prop_assert!(number.to_string() < next.to_string());
            prop_assert!(numbers.record(offset, at.plus(std::time::Duration::from_secs(3600))) < next);
        }

        #[test]
        fn other_texts_name_no_place(text in "[0-9]{0,60}|.{0,20}") {
            let numbers = ShardNumbers::new(3, Timestamp::from_millis(1_700_000_000_000));
            prop_assert_eq!(numbers.place(&text), None);
        }
    }
}
