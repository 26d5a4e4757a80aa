use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use rt::Timestamp;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::cbor;

/// A timestamp member of a wire shape, with the millisecond precision AWS keeps.
///
/// In JSON it is a number of epoch seconds with decimals; the query protocol writes ISO 8601.
/// Either form is accepted. CBOR has its own, see [`crate::cbor`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AwsTimestamp(i64);

impl AwsTimestamp {
    pub const fn from_millis(millis: i64) -> AwsTimestamp {
        AwsTimestamp(millis)
    }

    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Seconds since the epoch, rounded to milliseconds. `None` when not finite or out of range.
    pub fn from_epoch_seconds(seconds: f64) -> Option<AwsTimestamp> {
        // Year 9999 is where ISO 8601 with four digits ends.
        const SECONDS_MAX: f64 = 253_402_300_799.999;
        (seconds.is_finite() && seconds.abs() <= SECONDS_MAX)
            .then(|| AwsTimestamp((seconds * 1000.0).round() as i64))
    }

    /// Any of the three forms AWS knows: ISO 8601, an HTTP date, epoch seconds.
    pub fn parse(text: &str) -> Option<AwsTimestamp> {
        let date = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_rfc2822(text));
        match date {
            Ok(date) => Some(AwsTimestamp(date.timestamp_millis())),
            Err(_) => text.parse().ok().and_then(AwsTimestamp::from_epoch_seconds),
        }
    }

    /// `2026-11-22T08:50:13.250Z`; without the fraction when it is zero.
    pub fn to_iso8601(self) -> String {
        let format = if self.0 % 1000 == 0 { SecondsFormat::Secs } else { SecondsFormat::Millis };
        DateTime::<Utc>::from_timestamp_millis(self.0).unwrap_or_default().to_rfc3339_opts(format, true)
    }
}

impl From<Timestamp> for AwsTimestamp {
    fn from(timestamp: Timestamp) -> AwsTimestamp {
        AwsTimestamp(timestamp.as_millis())
    }
}

impl From<AwsTimestamp> for Timestamp {
    fn from(timestamp: AwsTimestamp) -> Timestamp {
        Timestamp::from_millis(timestamp.0)
    }
}

impl Serialize for AwsTimestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return serializer.serialize_newtype_struct(cbor::TIMESTAMP, &self.0);
        }
        if self.0 % 1000 == 0 {
            serializer.serialize_i64(self.0 / 1000)
        } else {
            serializer.serialize_f64(self.0 as f64 / 1000.0)
        }
    }
}

impl<'de> Deserialize<'de> for AwsTimestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AwsTimestamp, D::Error> {
        struct Any;

        impl Visitor<'_> for Any {
            type Value = AwsTimestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("epoch seconds or an ISO 8601 date")
            }

            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<AwsTimestamp, E> {
                self.visit_f64(seconds as f64)
            }

            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<AwsTimestamp, E> {
                self.visit_f64(seconds as f64)
            }

            fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<AwsTimestamp, E> {
                AwsTimestamp::from_epoch_seconds(seconds).ok_or_else(|| E::custom("timestamp out of range"))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<AwsTimestamp, E> {
                AwsTimestamp::parse(text).ok_or_else(|| E::custom("invalid date"))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_carries_epoch_seconds_and_takes_every_form() {
        let at = AwsTimestamp::from_millis(1_795_337_413_250);
        assert_eq!(serde_json::to_string(&at).unwrap(), "1795337413.25");
        assert_eq!(
            serde_json::to_string(&AwsTimestamp::from_millis(1_795_337_413_000)).unwrap(),
            "1795337413"
        );
        for text in
            ["1795337413.25", "1795337413.2500001", "\"2026-11-22T08:50:13.25Z\"", "\"1795337413.25\""]
        {
            assert_eq!(serde_json::from_str::<AwsTimestamp>(text).unwrap(), at, "{text}");
        }
        let http = "\"Sun, 22 Nov 2026 08:50:13 GMT\"";
        assert_eq!(serde_json::from_str::<AwsTimestamp>(http).unwrap().as_millis(), 1_795_337_413_000);
    }

    #[test]
    fn times_that_cannot_be_written_are_refused() {
        for text in ["1e300", "-1e300", "\"NaN\"", "\"inf\"", "\"\"", "\"yesterday\"", "null", "[]"] {
            assert!(serde_json::from_str::<AwsTimestamp>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn iso_8601_has_a_fraction_only_when_there_is_one() {
        assert_eq!(AwsTimestamp::from_millis(1_795_337_413_000).to_iso8601(), "2026-11-22T08:50:13Z");
        assert_eq!(AwsTimestamp::from_millis(1_795_337_413_007).to_iso8601(), "2026-11-22T08:50:13.007Z");
    }
}
