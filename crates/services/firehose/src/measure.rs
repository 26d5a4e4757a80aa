//! The metrics of delivery streams, under the names the public service gives them.

use flow::{Cause, Encode, Flow, FlowId, FlowSpec, FlowStatus, Phase};
use futures::FutureExt;
use futures::future::BoxFuture;
use log::Appended;
use metrics::names::{self as known, Delivery};
use metrics::{Labels, Metric, Sample, Source};
use names::Scope;
use rt::{Rt, Timestamp};

use crate::Firehose;
use crate::source::STREAM_SPACE;

/// Tells of every delivery at each scrape. Totals come from the ledgers, so they go on after a restart.
pub(crate) struct Deliveries {
    pub(crate) rt: Rt,
    pub(crate) flow: Flow,
}

impl Source for Deliveries {
    fn samples(&self) -> BoxFuture<'_, Vec<Sample>> {
        async move {
            let mut samples = Vec::new();
            for id in self.flow.ids() {
                // One that was deleted meanwhile has no values; one that cannot be read says so itself.
                if let (Ok(spec), Ok(status)) = (self.flow.spec(&id).await, self.flow.status(&id).await) {
                    delivery(&id, &spec, &status, self.rt.now(), &mut samples);
                }
            }
            samples
        }
        .boxed()
    }
}

/// The labels of everything that belongs to a delivery stream.
pub(crate) fn labels(scope: &Scope, stream: &str) -> Labels {
    vec![
        (known::ACCOUNT, scope.account.as_str().to_owned()),
        (known::REGION, scope.region.as_str().to_owned()),
        (known::DELIVERY_STREAM, stream.to_owned()),
    ]
}

impl Firehose {
    /// Counts a put that was accepted.
    pub(crate) fn count_accepted(&self, scope: &Scope, stream: &str, accepted: Appended, bytes: u64) {
        let labels = labels(scope, stream);
        self.metrics.add(&known::INCOMING_RECORDS, &labels, u64::from(accepted.count));
        self.metrics.add(&known::INCOMING_BYTES, &labels, bytes);
        self.metrics.add(&known::INCOMING_PUT_REQUESTS, &labels, 1);
    }

    /// Counts a put that is to be tried again later.
    pub(crate) fn count_throttled(&self, scope: &Scope, stream: &str, records: u64) {
        self.metrics.add(&known::THROTTLED_RECORDS, &labels(scope, stream), records);
    }
}

/// The family of the destination a delivery has.
fn destination(spec: &FlowSpec) -> &'static Delivery {
    match &spec.encode {
        Encode::Requests(requests) if requests.failure == Cause::Splunk => &known::DELIVERY_TO_SPLUNK,
        Encode::Requests(_) => &known::DELIVERY_TO_HTTP_ENDPOINT,
        Encode::Raw(_) | Encode::Parquet(_) => &known::DELIVERY_TO_S3,
        Encode::Iceberg(_) => &known::DELIVERY_TO_ICEBERG,
    }
}

fn delivery(id: &FlowId, spec: &FlowSpec, status: &FlowStatus, now: Timestamp, out: &mut Vec<Sample>) {
    let labels = labels(&id.scope, &id.name);
    let mut tell = |metric: &'static Metric, value: f64| {
        out.push(Sample { metric, labels: labels.clone(), value });
    };
    let ledger = &status.ledger;
    let age = status.oldest_pending.map_or(0.0, |oldest| now.saturating_since(oldest).as_secs_f64());
    let Delivery { records, bytes, success, attempts, freshness } = destination(spec);
    tell(records, ledger.delivered_records as f64);
    tell(bytes, ledger.delivered_bytes as f64);
    tell(success, ledger.batches as f64);
    tell(attempts, (ledger.batches + status.failures) as f64);
    tell(freshness, age);
    let (kept, kept_bytes) = match spec.backup {
        Some(_) => (ledger.taken_records, ledger.taken_bytes),
        None => (0, 0),
    };
    tell(&known::BACKUP_TO_S3_RECORDS, (ledger.rejected_records + kept) as f64);
    tell(&known::BACKUP_TO_S3_BYTES, (ledger.rejected_bytes + kept_bytes) as f64);
    if spec.source.topic.space == STREAM_SPACE {
        tell(&known::DATA_READ_FROM_KINESIS_STREAM_RECORDS, ledger.taken_records as f64);
        tell(&known::DATA_READ_FROM_KINESIS_STREAM_BYTES, ledger.taken_bytes as f64);
        tell(&known::KINESIS_MILLIS_BEHIND_LATEST, age * 1e3);
    }
    if matches!(spec.encode, Encode::Parquet(_)) {
        tell(&known::SUCCEED_CONVERSION_RECORDS, ledger.delivered_records as f64);
        tell(&known::SUCCEED_CONVERSION_BYTES, ledger.delivered_bytes as f64);
        tell(&known::FAILED_CONVERSION_RECORDS, ledger.rejected_records as f64);
        tell(&known::FAILED_CONVERSION_BYTES, ledger.rejected_bytes as f64);
    }
    if matches!(spec.encode, Encode::Iceberg(_)) {
        let (rows, failed) = (ledger.delivered_records, ledger.rejected_records);
        tell(&known::DELIVERY_TO_ICEBERG_INCOMING_ROWS, (rows + failed) as f64);
        tell(&known::DELIVERY_TO_ICEBERG_SUCCESSFUL_ROWS, rows as f64);
        tell(&known::DELIVERY_TO_ICEBERG_FAILED_ROWS, failed as f64);
    }
    if spec.partitioning.is_some() {
        tell(&known::PARTITION_COUNT, f64::from(status.partitions));
        tell(&known::PARTITION_COUNT_EXCEEDED, if status.partitions_exceeded { 1.0 } else { 0.0 });
    }
    tell(&known::LEDGER_DELIVERED_RECORDS, ledger.delivered_records as f64);
    tell(&known::LEDGER_REJECTED_RECORDS, ledger.rejected_records as f64);
    tell(&known::LEDGER_DROPPED_RECORDS, ledger.dropped_records as f64);
    tell(&known::LEDGER_UNBALANCED, if ledger.balances() { 0.0 } else { 1.0 });
    tell(&known::LEDGER_MISSING_RECORDS, ledger.missing_records as f64);
    tell(&known::LEDGER_PENDING_RECORDS, status.pending_records as f64);
    tell(&known::DELIVERY_FAILING, if status.phase == Phase::Retrying { 1.0 } else { 0.0 });
}
