use std::sync::Arc;

use aws::{ApiError, AwsTimestamp, Context};
use rt::Timestamp;

use crate::CloudWatch;
use crate::limits::STATISTICS_POINTS_MAX;
use crate::model::{
    Datapoint, GetMetricStatisticsInput, GetMetricStatisticsOutput, StandardUnit, Statistic, error,
};
use crate::period::Range;
use crate::point::{MetricId, Point};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<CloudWatch>,
    input: GetMetricStatisticsInput,
) -> Result<GetMetricStatisticsOutput, ApiError> {
    let statistics = input.statistics.unwrap_or_default();
    if statistics.is_empty() {
        return Err(error::missing_required_parameter_exception("The parameter Statistics is required."));
    }
    let range = Range::new(input.start_time, input.end_time, input.period)?;
    if range.periods() > STATISTICS_POINTS_MAX {
        return Err(error::invalid_parameter_combination_exception(format!(
            "You have requested up to {} datapoints, which exceeds the limit of {STATISTICS_POINTS_MAX}. You may \
             reduce the datapoints requested by increasing Period, or decreasing the time range.",
            range.periods()
        )));
    }
    let id = MetricId::new(&input.namespace, &input.metric_name, input.dimensions);
    let points = svc.points(&ctx.scope, &id, &range, input.unit, ctx.now).await?;
    let datapoints = points.into_iter().map(|((at, unit), point)| datapoint(at, &unit, &point, &statistics));
    Ok(GetMetricStatisticsOutput { label: Some(input.metric_name), datapoints: Some(datapoints.collect()) })
}

fn datapoint(at: i64, unit: &str, point: &Point, statistics: &[Statistic]) -> Datapoint {
    let get = |statistic| statistics.contains(&statistic).then(|| point.get(statistic));
    Datapoint {
        timestamp: Some(AwsTimestamp::from(Timestamp::from_millis(at))),
        sample_count: get(Statistic::SampleCount),
        average: get(Statistic::Average),
        sum: get(Statistic::Sum),
        minimum: get(Statistic::Minimum),
        maximum: get(Statistic::Maximum),
        unit: unit.parse::<StandardUnit>().ok(),
        extended_statistics: None,
    }
}
