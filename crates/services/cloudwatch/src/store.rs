//! Metrics and points in the metadata store.

use std::collections::{BTreeMap, BTreeSet};

use aws::ApiError;
use meta::{CommitError, Txn};
use names::Scope;
use rt::Timestamp;
use serde::{Deserialize, Serialize};

use crate::CloudWatch;
use crate::error::{from_meta, invalid};
use crate::keys::CloudWatchKey;
use crate::limits::{METRICS_MAX, RETENTION, SCOPES_MAX, SWEEP_EVERY, SWEEP_HOURS_MAX};
use crate::point::{Hour, MetricId, Point, hour_and_minute};

/// What is stored of a metric besides its points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MetricRecord {
    pub(crate) id: MetricId,
    /// The time of its newest value.
    pub(crate) last: Timestamp,
}

/// A value to be added.
pub(crate) struct Put {
    pub(crate) id: MetricId,
    pub(crate) at: Timestamp,
    pub(crate) unit: String,
    pub(crate) point: Point,
}

impl CloudWatch {
    /// Adds values; all of them are on disk when this returns, or none is.
    pub(crate) async fn add(&self, scope: &Scope, puts: Vec<Put>, now: Timestamp) -> Result<(), ApiError> {
        let mut swept = self.writing.lock().await;
        if swept.get(scope).is_none_or(|last| now.saturating_since(*last) >= SWEEP_EVERY) {
            self.sweep(scope, now).await?;
            if swept.len() >= SCOPES_MAX {
                swept.clear();
            }
            swept.insert(scope.clone(), now);
        }
        let metrics = self.touched(scope, &puts).await?;
        let hours = self.hours_with(scope, &puts).await?;
        let txn = metrics.values().fold(Txn::new(), |txn, record| {
            txn.put_json(CloudWatchKey::Metric(scope, &record.id).key(), record)
        });
        let txn = hours.iter().fold(txn, |txn, ((hour, id), points)| {
            txn.put_json(CloudWatchKey::Points(scope, *hour, id).key(), points)
        });
        match self.meta.commit(txn).await {
            Ok(_) => Ok(()),
            Err(CommitError::Meta(error)) => Err(from_meta(error)),
            Err(conflict @ CommitError::Conflict { .. }) => Err(ApiError::internal(conflict)),
        }
    }

    /// The records of the metrics that values are added to.
    async fn touched(
        &self,
        scope: &Scope,
        puts: &[Put],
    ) -> Result<BTreeMap<MetricId, MetricRecord>, ApiError> {
        let ids: Vec<&MetricId> =
            puts.iter().map(|put| &put.id).collect::<BTreeSet<_>>().into_iter().collect();
        let keys: Vec<_> = ids.iter().map(|id| CloudWatchKey::Metric(scope, id).key()).collect();
        let found = self.meta.get_many(&keys).await.map_err(from_meta)?;
        let new = found.iter().filter(|entry| entry.is_none()).count();
        if new > 0 {
            let metrics = CloudWatchKey::Metrics(scope).key();
            let there = self.meta.scan(&metrics, None, METRICS_MAX).await.map_err(from_meta)?.len();
            if there + new > METRICS_MAX {
                let message = format!("would be a new metric; there are {there} of at most {METRICS_MAX}.");
                return Err(invalid("MetricData", &message));
            }
        }
        let mut records = BTreeMap::new();
        for (id, entry) in ids.into_iter().zip(&found) {
            let record = match entry {
                Some(entry) => entry.json().map_err(from_meta)?,
                None => MetricRecord { id: id.clone(), last: Timestamp::default() },
            };
            records.insert(id.clone(), record);
        }
        for put in puts {
            if let Some(record) = records.get_mut(&put.id) {
                record.last = record.last.max(put.at);
            }
        }
        Ok(records)
    }

    /// The hours that values fall into, with the values.
    async fn hours_with(
        &self,
        scope: &Scope,
        puts: &[Put],
    ) -> Result<BTreeMap<(u64, MetricId), Hour>, ApiError> {
        let mut hours: BTreeMap<(u64, MetricId), Hour> =
            puts.iter().map(|put| ((hour_and_minute(put.at).0, put.id.clone()), Hour::default())).collect();
        let keys: Vec<_> =
            hours.keys().map(|(hour, id)| CloudWatchKey::Points(scope, *hour, id).key()).collect();
        let found = self.meta.get_many(&keys).await.map_err(from_meta)?;
        for (points, entry) in hours.values_mut().zip(found) {
            if let Some(entry) = entry {
                *points = entry.json().map_err(from_meta)?;
            }
        }
        for put in puts {
            let (hour, minute) = hour_and_minute(put.at);
            if let Some(points) = hours.get_mut(&(hour, put.id.clone())) {
                points.add(minute, &put.unit, put.point);
            }
        }
        Ok(hours)
    }

    /// The points of a metric in the hours `from..=to` that are still kept, oldest first.
    pub(crate) async fn hours(
        &self,
        scope: &Scope,
        id: &MetricId,
        from: u64,
        to: u64,
    ) -> Result<Vec<(u64, Hour)>, ApiError> {
        let keys: Vec<_> = (from..=to).map(|hour| CloudWatchKey::Points(scope, hour, id).key()).collect();
        let found = self.meta.get_many(&keys).await.map_err(from_meta)?;
        let kept = (from..=to).zip(found).filter_map(|(hour, entry)| Some((hour, entry?)));
        kept.map(|(hour, entry)| Ok((hour, entry.json().map_err(from_meta)?))).collect()
    }

    /// Metrics in the order of their keys, from after `after` on.
    pub(crate) async fn metrics(
        &self,
        scope: &Scope,
        after: Option<&MetricId>,
        limit: usize,
    ) -> Result<Vec<MetricRecord>, ApiError> {
        let after = after.map(|id| CloudWatchKey::Metric(scope, id).key());
        let metrics = CloudWatchKey::Metrics(scope).key();
        let entries = self.meta.scan(&metrics, after.as_ref(), limit).await.map_err(from_meta)?;
        entries.iter().map(|entry| entry.json().map_err(from_meta)).collect()
    }

    /// Removes the points that are over their time, and metrics that have none left.
    async fn sweep(&self, scope: &Scope, now: Timestamp) -> Result<(), ApiError> {
        let horizon = now.minus(RETENTION);
        let (first_kept, _) = hour_and_minute(horizon);
        let mut txn = Txn::new();
        let mut after = None;
        for _ in 0..SWEEP_HOURS_MAX {
            let all = CloudWatchKey::AllPoints(scope).key();
            let next = self.meta.scan(&all, after.as_ref(), 1).await.map_err(from_meta)?;
            let hour = next.first().and_then(|entry| entry.key.segment(all.depth())?.as_u64());
            let Some(hour) = hour.filter(|hour| *hour < first_kept) else { break };
            txn = txn.delete_prefix(CloudWatchKey::PointsOfHour(scope, hour).key());
            after = Some(CloudWatchKey::PointsOfHour(scope, hour + 1).key());
        }
        for record in self.metrics(scope, None, METRICS_MAX).await? {
            if record.last < horizon {
                txn = txn.delete(CloudWatchKey::Metric(scope, &record.id).key());
            }
        }
        if txn.is_empty() {
            return Ok(());
        }
        match self.meta.commit(txn).await {
            Ok(_) => Ok(()),
            Err(CommitError::Meta(error)) => Err(from_meta(error)),
            Err(conflict @ CommitError::Conflict { .. }) => Err(ApiError::internal(conflict)),
        }
    }
}
