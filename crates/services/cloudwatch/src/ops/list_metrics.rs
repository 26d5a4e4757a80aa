use std::sync::Arc;

use aws::{ApiError, Context};

use crate::CloudWatch;
use crate::error::invalid;
use crate::limits::{LISTED_METRICS, METRICS_MAX, RECENT};
use crate::model::{DimensionFilter, ListMetricsInput, ListMetricsOutput};
use crate::point::MetricId;

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<CloudWatch>,
    input: ListMetricsInput,
) -> Result<ListMetricsOutput, ApiError> {
    let after: Option<MetricId> = match &input.next_token {
        Some(token) => Some(aws::paging::decode(token).ok_or_else(|| invalid("NextToken", "is not valid."))?),
        None => None,
    };
    let recent = input.recently_active.map(|_| ctx.now.minus(RECENT));
    let metrics = svc.metrics(&ctx.scope, after.as_ref(), METRICS_MAX).await?;
    let wanted = metrics
        .into_iter()
        .filter(|record| matches(&record.id, &input) && recent.is_none_or(|recent| record.last >= recent));
    let mut ids = wanted.map(|record| record.id).peekable();
    let page: Vec<_> = ids.by_ref().take(LISTED_METRICS).collect();
    let last = page.last().filter(|_| ids.peek().is_some());
    Ok(ListMetricsOutput {
        next_token: last.map(aws::paging::encode),
        metrics: Some(page.into_iter().map(MetricId::describe).collect()),
        ..ListMetricsOutput::default()
    })
}

fn matches(id: &MetricId, input: &ListMetricsInput) -> bool {
    let has = |filter: &DimensionFilter| {
        id.dimensions
            .get(&filter.name)
            .is_some_and(|found| filter.value.as_ref().is_none_or(|value| value == found))
    };
    input.namespace.as_ref().is_none_or(|namespace| *namespace == id.namespace)
        && input.metric_name.as_ref().is_none_or(|name| *name == id.name)
        && input.dimensions.as_ref().is_none_or(|filters| filters.iter().all(has))
}
