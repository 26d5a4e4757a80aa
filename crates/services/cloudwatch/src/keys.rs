//! Every key this crate owns in the metadata store.

use meta::Key;
use names::Scope;

use crate::point::MetricId;

pub(crate) enum CloudWatchKey<'a> {
    /// `account/region/cloudwatch/metric/<namespace>/<name>/<dimensions>` →
    /// [`MetricRecord`](crate::store::MetricRecord).
    Metric(&'a Scope, &'a MetricId),
    /// All metrics.
    Metrics(&'a Scope),
    /// `account/region/cloudwatch/point/<hour>/<namespace>/<name>/<dimensions>` → [`Hour`](crate::point::Hour).
    Points(&'a Scope, u64, &'a MetricId),
    /// All points of an hour, hours since 1970.
    PointsOfHour(&'a Scope, u64),
    AllPoints(&'a Scope),
}

impl CloudWatchKey<'_> {
    pub(crate) fn key(&self) -> Key {
        let scoped = |scope: &Scope, kind| Key::scoped(scope, "cloudwatch").with(kind);
        let of = |key: Key, id: &MetricId| key.with(&id.namespace).with(&id.name).with(id.dimensions_key());
        match self {
            CloudWatchKey::Metric(scope, id) => of(scoped(scope, "metric"), id),
            CloudWatchKey::Metrics(scope) => scoped(scope, "metric"),
            CloudWatchKey::Points(scope, hour, id) => of(scoped(scope, "point").with_u64(*hour), id),
            CloudWatchKey::PointsOfHour(scope, hour) => scoped(scope, "point").with_u64(*hour),
            CloudWatchKey::AllPoints(scope) => scoped(scope, "point"),
        }
    }
}
