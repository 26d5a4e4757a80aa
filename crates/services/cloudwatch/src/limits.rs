//! Quotas, each with its source.

use std::time::Duration;

/// How long points are kept. AWS: those of a minute for 15 days.
pub(crate) const RETENTION: Duration = Duration::from_secs(15 * 24 * 3600);
/// How far back a point may be put. API reference of PutMetricData.
pub(crate) const PAST_MAX: Duration = Duration::from_secs(14 * 24 * 3600);
/// How far ahead. Likewise.
pub(crate) const FUTURE_MAX: Duration = Duration::from_secs(2 * 3600);
/// Metrics of one account in one region. AWS has none; ours keeps the store in bounds.
pub(crate) const METRICS_MAX: usize = 10_000;
/// Metrics of one PutMetricData. API reference.
pub(crate) const DATA_MAX: usize = 1000;
/// Values of one metric in one PutMetricData. API reference.
pub(crate) const VALUES_MAX: usize = 150;
/// The greatest value there may be, either way: 2^360. API reference.
pub(crate) const VALUE_MAX: f64 = 2.348_542_582_773_833e108;
/// Metrics of one page of ListMetrics. API reference.
pub(crate) const LISTED_METRICS: usize = 500;
/// What `RecentlyActive` means.
pub(crate) const RECENT: Duration = Duration::from_secs(3 * 3600);
/// Points of one GetMetricStatistics. API reference.
pub(crate) const STATISTICS_POINTS_MAX: usize = 1440;
/// Points of one GetMetricData. API reference.
pub(crate) const DATA_POINTS_MAX: usize = 100_800;
/// Metrics of one GetMetricData. API reference.
pub(crate) const QUERIES_MAX: usize = 500;
/// How often old points are looked for.
pub(crate) const SWEEP_EVERY: Duration = Duration::from_secs(3600);
/// Scopes of which the last look is remembered; of others it is made again.
pub(crate) const SCOPES_MAX: usize = 1000;
/// Hours that one look removes at most; the next one goes on.
pub(crate) const SWEEP_HOURS_MAX: usize = 1000;
