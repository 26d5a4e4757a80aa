//! Metrics, and what a minute of one holds.

use std::collections::BTreeMap;

use rt::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Dimension, Metric, Statistic};

pub(crate) const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// Which metric. Dimensions are in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct MetricId {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) dimensions: BTreeMap<String, String>,
}

impl MetricId {
    pub(crate) fn new(namespace: &str, name: &str, dimensions: Option<Vec<Dimension>>) -> MetricId {
        let dimensions = dimensions.unwrap_or_default().into_iter();
        MetricId {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            dimensions: dimensions.map(|dimension| (dimension.name, dimension.value)).collect(),
        }
    }

    /// The last segment of its keys.
    pub(crate) fn dimensions_key(&self) -> String {
        serde_json::to_string(&self.dimensions).expect("invariant: a map of text is JSON")
    }

    pub(crate) fn describe(self) -> Metric {
        let dimension = |(name, value)| Dimension { name, value };
        Metric {
            namespace: Some(self.namespace),
            metric_name: Some(self.name),
            dimensions: Some(self.dimensions.into_iter().map(dimension).collect()),
        }
    }
}

/// Values taken together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Point {
    #[serde(rename = "n")]
    pub(crate) count: f64,
    #[serde(rename = "s")]
    pub(crate) sum: f64,
    #[serde(rename = "l")]
    pub(crate) least: f64,
    #[serde(rename = "g")]
    pub(crate) greatest: f64,
}

impl Point {
    pub(crate) const NOTHING: Point =
        Point { count: 0.0, sum: 0.0, least: f64::INFINITY, greatest: f64::NEG_INFINITY };

    /// The same value `count` times.
    pub(crate) fn of(value: f64, count: f64) -> Point {
        Point { count, sum: value * count, least: value, greatest: value }
    }

    pub(crate) fn with(self, other: Point) -> Point {
        Point {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            least: self.least.min(other.least),
            greatest: self.greatest.max(other.greatest),
        }
    }

    pub(crate) fn get(&self, statistic: Statistic) -> f64 {
        match statistic {
            Statistic::SampleCount => self.count,
            Statistic::Average => self.sum / self.count,
            Statistic::Sum => self.sum,
            Statistic::Minimum => self.least,
            Statistic::Maximum => self.greatest,
        }
    }
}

/// The points of one metric in one hour: minute of the hour → unit → point.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Hour(pub(crate) BTreeMap<u8, BTreeMap<String, Point>>);

impl Hour {
    pub(crate) fn add(&mut self, minute: u8, unit: &str, point: Point) {
        let of_unit = self.0.entry(minute).or_default();
        let sum = of_unit.get(unit).map_or(point, |before| before.with(point));
        of_unit.insert(unit.to_owned(), sum);
    }
}

/// The hour since 1970 in which `at` lies, and the minute of it.
pub(crate) fn hour_and_minute(at: Timestamp) -> (u64, u8) {
    let millis = at.as_millis().max(0);
    let minute = millis.rem_euclid(HOUR_MS) / MINUTE_MS;
    ((millis / HOUR_MS).unsigned_abs(), u8::try_from(minute).unwrap_or_default())
}

/// When that minute began.
pub(crate) fn time_of(hour: u64, minute: u8) -> i64 {
    i64::try_from(hour).unwrap_or_default() * HOUR_MS + i64::from(minute) * MINUTE_MS
}
