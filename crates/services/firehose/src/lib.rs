//! The Data Firehose API: delivery streams into buckets.
//!
//! What it is: a translation. A delivery stream is a record in `meta` ([`keys`]), a delivery of the engine
//! `flow`, and, for direct puts, a topic of `log` that holds records from the moment their put is answered
//! until they are delivered. The record and the delivery are created and deleted in one commit.
//!
//! What it is not: it moves no data and keeps no buffer; buffering, conversion, prefixes, exactly-once and
//! retries are `flow`'s. It never reads a Kinesis stream through that service: both know the same topic.
//!
//! Start with `ops/create_delivery_stream.rs`, then `destination.rs` (settings to a delivery and back).

mod backup;
mod decode;
mod destination;
mod destinations;
mod endpoint;
mod error;
mod failures;
mod http_endpoint;
mod iceberg;
mod keys;
mod ledger;
mod limits;
mod measure;
pub mod model;
mod ops;
mod outside;
mod partitioning;
mod processing;
mod put;
pub mod replay;
mod schema;
mod source;
mod splunk;
mod stream;

pub use endpoint::{CertificateError, Endpoints};

use std::sync::Arc;

use flow::{Flow, FlowError};
use lake::Lake;
use log::Log;
use meta::Meta;
use metrics::Metrics;
use objects::Objects;
use rt::Rt;
use tokio::sync::Semaphore;

/// The service and the engines it works with. Cheap to clone.
#[derive(Clone)]
pub struct Firehose {
    rt: Rt,
    meta: Meta,
    log: Log,
    objects: Objects,
    lake: Lake,
    flow: Flow,
    metrics: Metrics,
    /// One creation or deletion at a time: both touch a topic and a record, which no commit spans.
    changes: Arc<Semaphore>,
}

impl Firehose {
    pub fn new(rt: Rt, meta: Meta, log: Log, objects: Objects, lake: Lake, flow: Flow) -> Firehose {
        let (metrics, changes) = (Metrics::new(), Arc::new(Semaphore::new(1)));
        Firehose { rt, meta, log, objects, lake, flow, metrics, changes }
    }

    /// Counts in this registry, and tells it of every delivery stream from now on.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Metrics) -> Firehose {
        metrics.watch(measure::Deliveries { rt: self.rt.clone(), flow: self.flow.clone() });
        self.metrics = metrics;
        self
    }

    /// Resumes the deliveries of earlier processes; to be called once, when the process starts. Returns
    /// how many there are.
    pub async fn start(&self) -> Result<usize, FlowError> {
        self.flow.resume_all().await
    }
}

/// Every built operation with its handler.
pub fn operations() -> Vec<aws::Operation<Firehose>> {
    use aws::{operation, raw_operation};
    use model::op;
    vec![
        operation(&op::CREATE_DELIVERY_STREAM, ops::create_delivery_stream::handle),
        operation(&op::DELETE_DELIVERY_STREAM, ops::delete_delivery_stream::handle),
        operation(&op::DESCRIBE_DELIVERY_STREAM, ops::describe_delivery_stream::handle),
        operation(&op::LIST_DELIVERY_STREAMS, ops::list_delivery_streams::handle),
        operation(&op::LIST_TAGS_FOR_DELIVERY_STREAM, ops::list_tags_for_delivery_stream::handle),
        raw_operation(&op::PUT_RECORD, ops::put_record::handle),
        raw_operation(&op::PUT_RECORD_BATCH, ops::put_record_batch::handle),
        operation(&op::TAG_DELIVERY_STREAM, ops::tag_delivery_stream::handle),
        operation(&op::UNTAG_DELIVERY_STREAM, ops::untag_delivery_stream::handle),
        operation(&op::UPDATE_DESTINATION, ops::update_destination::handle),
    ]
}

#[cfg(test)]
mod tests;
