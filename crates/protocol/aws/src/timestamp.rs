use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use rt::Timestamp;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A timestamp member of a wire shape, with the millisecond precision AWS keeps.
///
/// In JSON it is a number of epoch seconds with decimals; the query protocol writes ISO 8601.
/// Either form is accepted.
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

    pub fn parse_iso8601(text: &str) -> Option<AwsTimestamp> {
        DateTime::parse_from_rfc3339(text).ok().map(|t| AwsTimestamp(t.timestamp_millis()))
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
                AwsTimestamp::parse_iso8601(text).ok_or_else(|| E::custom("invalid ISO 8601 date"))
            }
        }

        deserializer.deserialize_any(Any)
    }
}
