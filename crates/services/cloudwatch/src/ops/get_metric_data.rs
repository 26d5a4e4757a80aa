use std::collections::BTreeSet;
use std::sync::Arc;

use aws::{ApiError, AwsTimestamp, Context};
use rt::Timestamp;

use crate::CloudWatch;
use crate::error::invalid;
use crate::limits::{DATA_POINTS_MAX, QUERIES_MAX};
use crate::model::{
    GetMetricDataInput, GetMetricDataOutput, MetricDataQuery, MetricDataResult, ScanBy, Statistic,
    StatusCode, error,
};
use crate::period::Range;
use crate::point::MetricId;

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<CloudWatch>,
    input: GetMetricDataInput,
) -> Result<GetMetricDataOutput, ApiError> {
    check(&input)?;
    // How many points the pages before had.
    let mut skip: usize = match &input.next_token {
        Some(token) => {
            let skip = aws::paging::decode(token);
            skip.ok_or_else(|| error::invalid_next_token("The NextToken is not valid."))?
        }
        None => 0,
    };
    let max = input.max_datapoints.and_then(|max| usize::try_from(max).ok()).unwrap_or(DATA_POINTS_MAX);
    let mut room = max.min(DATA_POINTS_MAX);
    let (before, mut given, mut more) = (skip, 0, false);
    let mut results = Vec::new();
    for query in &input.metric_data_queries {
        if query.return_data == Some(false) {
            continue;
        }
        let mut points = points(&ctx, &svc, &input, query).await?;
        let skipped = skip.min(points.len());
        skip -= skipped;
        points.drain(..skipped);
        let cut = points.len() > room;
        points.truncate(room);
        room -= points.len();
        given += points.len();
        more |= cut;
        results.push(result(query, points, cut));
    }
    let next_token = more.then(|| aws::paging::encode(&(before + given)));
    Ok(GetMetricDataOutput { metric_data_results: Some(results), next_token, messages: Some(Vec::new()) })
}

fn check(input: &GetMetricDataInput) -> Result<(), ApiError> {
    let queries = &input.metric_data_queries;
    if queries.is_empty() || queries.len() > QUERIES_MAX {
        return Err(invalid("MetricDataQueries", &format!("must hold from 1 to {QUERIES_MAX} queries.")));
    }
    if input.max_datapoints.is_some_and(|max| max < 1) {
        return Err(invalid("MaxDatapoints", "must be greater than 0."));
    }
    let ids: BTreeSet<_> = queries.iter().map(|query| &query.id).collect();
    if ids.len() < queries.len() {
        return Err(invalid("MetricDataQueries", "must not give two queries the same Id."));
    }
    let is_valid = |id: &str| {
        id.starts_with(|c: char| c.is_ascii_lowercase())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    match ids.into_iter().find(|id| !is_valid(id)) {
        Some(_) => Err(invalid(
            "MetricDataQueries",
            "must have Ids of letters, numbers and underscore that begin with a lowercase letter.",
        )),
        None => Ok(()),
    }
}

/// Times and values, in the order that is asked for.
async fn points(
    ctx: &Context,
    svc: &CloudWatch,
    input: &GetMetricDataInput,
    query: &MetricDataQuery,
) -> Result<Vec<(i64, f64)>, ApiError> {
    let stat = query.metric_stat.as_ref().ok_or_else(|| {
        error::missing_required_parameter_exception(
            "The parameter MetricStat is required: metric math is not built.",
        )
    })?;
    let unknown = |_| invalid("Stat", "must be one of SampleCount, Average, Sum, Minimum and Maximum.");
    let statistic: Statistic = stat.stat.parse().map_err(unknown)?;
    let (Some(namespace), Some(name)) = (&stat.metric.namespace, &stat.metric.metric_name) else {
        return Err(error::missing_required_parameter_exception(
            "The parameters Namespace and MetricName are required.",
        ));
    };
    let range = Range::new(input.start_time, input.end_time, stat.period)?;
    let id = MetricId::new(namespace, name, stat.metric.dimensions.clone());
    let points = svc.points(&ctx.scope, &id, &range, stat.unit, ctx.now).await?;
    let mut points: Vec<_> = points.into_iter().map(|((at, _), point)| (at, point.get(statistic))).collect();
    if input.scan_by != Some(ScanBy::TimestampAscending) {
        points.reverse();
    }
    Ok(points)
}

fn result(query: &MetricDataQuery, points: Vec<(i64, f64)>, cut: bool) -> MetricDataResult {
    let name = query.metric_stat.as_ref().and_then(|stat| stat.metric.metric_name.clone());
    let (times, values): (Vec<_>, Vec<_>) = points.into_iter().unzip();
    let time = |at| AwsTimestamp::from(Timestamp::from_millis(at));
    MetricDataResult {
        id: Some(query.id.clone()),
        label: query.label.clone().or(name),
        timestamps: Some(times.into_iter().map(time).collect()),
        values: Some(values),
        status_code: Some(if cut { StatusCode::PartialData } else { StatusCode::Complete }),
        messages: None,
    }
}
