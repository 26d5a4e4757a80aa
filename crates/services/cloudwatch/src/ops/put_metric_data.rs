use std::sync::Arc;

use aws::{ApiError, Context};
use rt::Timestamp;

use crate::CloudWatch;
use crate::error::invalid;
use crate::limits::{DATA_MAX, FUTURE_MAX, PAST_MAX, VALUE_MAX, VALUES_MAX};
use crate::model::{MetricDatum, PutMetricDataInput, PutMetricDataOutput, StandardUnit, error};
use crate::point::{MetricId, Point};
use crate::store::Put;

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<CloudWatch>,
    input: PutMetricDataInput,
) -> Result<PutMetricDataOutput, ApiError> {
    let data = input.metric_data.unwrap_or_default();
    if data.is_empty() {
        return Err(error::missing_required_parameter_exception("The parameter MetricData is required."));
    }
    if data.len() > DATA_MAX {
        let message = format!("has {} metrics, at most {DATA_MAX} are taken at once.", data.len());
        return Err(invalid("MetricData", &message));
    }
    if input.namespace.starts_with("AWS/") {
        return Err(invalid("Namespace", "must not begin with AWS/, which is reserved."));
    }
    let puts = data.into_iter().map(|datum| put(&input.namespace, datum, ctx.now));
    svc.add(&ctx.scope, puts.collect::<Result<_, _>>()?, ctx.now).await?;
    Ok(PutMetricDataOutput {})
}

fn put(namespace: &str, datum: MetricDatum, now: Timestamp) -> Result<Put, ApiError> {
    if datum.storage_resolution.is_some_and(|seconds| seconds != 60) {
        return Err(invalid("StorageResolution", "must be 60: metrics are kept by the minute."));
    }
    let at = datum.timestamp.map_or(now, Timestamp::from);
    if at < now.minus(PAST_MAX) || at > now.plus(FUTURE_MAX) {
        return Err(invalid(
            "Timestamp",
            "must specify a time within the past two weeks, or two hours ahead.",
        ));
    }
    let point = point(&datum)?;
    let unit = datum.unit.unwrap_or(StandardUnit::None).as_str().to_owned();
    Ok(Put { id: MetricId::new(namespace, &datum.metric_name, datum.dimensions), at, unit, point })
}

/// What is given in one of three ways.
fn point(datum: &MetricDatum) -> Result<Point, ApiError> {
    let point = match (datum.value, &datum.statistic_values, &datum.values) {
        (Some(value), None, None) => Point::of(value, 1.0),
        (None, Some(set), None) => {
            Point { count: set.sample_count, sum: set.sum, least: set.minimum, greatest: set.maximum }
        }
        (None, None, Some(values)) => of_values(values, datum.counts.as_deref())?,
        (None, None, None) => {
            return Err(error::missing_required_parameter_exception(
                "At least one of the parameters Value, Values and StatisticValues must be specified.",
            ));
        }
        _ => {
            return Err(error::invalid_parameter_combination_exception(
                "The parameters Value, Values and StatisticValues are mutually exclusive and you have specified \
                 more than one of them.",
            ));
        }
    };
    if datum.counts.is_some() && datum.values.is_none() {
        return Err(error::invalid_parameter_combination_exception("The parameter Counts needs Values."));
    }
    let is_sound = |value: f64| value.is_finite() && value.abs() <= VALUE_MAX;
    if ![point.sum, point.least, point.greatest].into_iter().all(is_sound) || point.least > point.greatest {
        return Err(invalid("MetricData", "holds a value that is no number from -2^360 to 2^360."));
    }
    if !(point.count.is_finite() && point.count > 0.0) {
        return Err(invalid("MetricData", "holds a count that is not greater than 0."));
    }
    Ok(point)
}

fn of_values(values: &[f64], counts: Option<&[f64]>) -> Result<Point, ApiError> {
    if values.is_empty() || values.len() > VALUES_MAX {
        return Err(invalid("Values", &format!("must hold from 1 to {VALUES_MAX} values.")));
    }
    if counts.is_some_and(|counts| counts.len() != values.len()) {
        return Err(invalid("Counts", "must hold a count for each of the Values."));
    }
    if counts.is_some_and(|counts| !counts.iter().all(|count| *count > 0.0)) {
        return Err(invalid("Counts", "must hold counts greater than 0."));
    }
    let count = |place: usize| counts.and_then(|counts| counts.get(place)).copied().unwrap_or(1.0);
    let points = values.iter().enumerate().map(|(place, value)| Point::of(*value, count(place)));
    Ok(points.fold(Point::NOTHING, Point::with))
}
