//! Points of minutes brought together into points of periods.

use std::collections::BTreeMap;

use aws::{ApiError, AwsTimestamp};
use names::Scope;
use rt::Timestamp;

use crate::CloudWatch;
use crate::error::invalid;
use crate::limits::{FUTURE_MAX, RETENTION};
use crate::model::StandardUnit;
use crate::point::{MINUTE_MS, MetricId, Point, hour_and_minute, time_of};

/// What is asked for: whole periods from the one that holds `start` up to `end`, which is outside.
pub(crate) struct Range {
    start: i64,
    end: i64,
    period: i64,
}

impl Range {
    /// `period` in seconds.
    pub(crate) fn new(start: AwsTimestamp, end: AwsTimestamp, period: i32) -> Result<Range, ApiError> {
        let (start, end) = (start.as_millis(), end.as_millis());
        if start >= end {
            return Err(invalid("StartTime", "must be less than the parameter EndTime."));
        }
        if period % 60 != 0 {
            return Err(invalid("Period", "must be a multiple of 60: metrics are kept by the minute."));
        }
        let period = i64::from(period) * 1000;
        Ok(Range { start: start.div_euclid(period) * period, end, period })
    }

    /// How many periods it has.
    pub(crate) fn periods(&self) -> usize {
        usize::try_from((self.end - self.start + self.period - 1) / self.period).unwrap_or(usize::MAX)
    }
}

/// Start of a period and unit → what it holds.
pub(crate) type Points = BTreeMap<(i64, String), Point>;

impl CloudWatch {
    /// The periods of `range` in which there are values, of one unit or of each.
    pub(crate) async fn points(
        &self,
        scope: &Scope,
        id: &MetricId,
        range: &Range,
        unit: Option<StandardUnit>,
        now: Timestamp,
    ) -> Result<Points, ApiError> {
        let oldest = now.minus(RETENTION).as_millis();
        let newest = now.plus(FUTURE_MAX).as_millis();
        let (start, end) = (range.start.max(oldest), range.end.min(newest));
        if start >= end {
            return Ok(Points::new());
        }
        let hour = |millis| hour_and_minute(Timestamp::from_millis(millis)).0;
        let mut points = Points::new();
        for (hour, of_hour) in self.hours(scope, id, hour(start), hour(end)).await? {
            for (minute, of_minute) in of_hour.0 {
                let at = time_of(hour, minute);
                if at < start - start.rem_euclid(MINUTE_MS) || at >= range.end {
                    continue;
                }
                let period = at.div_euclid(range.period) * range.period;
                let wanted = |found: &String| unit.is_none_or(|unit| unit.as_str() == found);
                for (unit, point) in of_minute.into_iter().filter(|(found, _)| wanted(found)) {
                    let sum = points.entry((period, unit)).or_insert(Point::NOTHING);
                    *sum = sum.with(point);
                }
            }
        }
        Ok(points)
    }
}
