//! One registry of metrics for the process, with every name as a constant.
//!
//! # Concepts
//!
//! * A **metric** ([`Metric`]) is a constant of [`names`]: its name, kind and unit, the question it answers, and the
//!   name the public service gives it, if it has one. Nobody makes up a name at the place where something is counted.
//! * A **counter of the process** ([`Metrics::add`]) starts at zero with the process, for what nobody keeps.
//! * A **source** ([`Source`]) is asked at every scrape for what is kept elsewhere: totals that are durable go on
//!   where they were after a restart, and no number is kept twice.
//!
//! # What it never does
//!
//! It listens nowhere and decides nothing about who may read; [`Metrics::render`] is the text for whoever may.

pub mod names;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

/// The media type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A thing that is measured.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// In Prometheus' form, without the endings that kind and unit add: `_seconds`, `_total`.
    pub name: &'static str,
    pub kind: Kind,
    /// Seconds, milliseconds and bytes are told in the name.
    pub unit: Option<&'static str>,
    /// What the public service calls it; empty where it has no such metric.
    pub public: &'static str,
    pub help: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only ever grows, but for restarts.
    Counter,
    Gauge,
}

/// What is measured: `(label, value)`, in an order that is always the same.
pub type Labels = Vec<(&'static str, String)>;

/// One value of a metric.
#[derive(Clone, Debug)]
pub struct Sample {
    pub metric: &'static Metric,
    pub labels: Labels,
    pub value: f64,
}

/// Tells at a scrape what it keeps.
///
/// Asked by every scrape, concurrently if scrapes are. What cannot be read is left out, and said in the log.
pub trait Source: Send + Sync + 'static {
    fn samples(&self) -> BoxFuture<'_, Vec<Sample>>;
}

/// The registry. Clones share it.
#[derive(Clone, Default)]
pub struct Metrics {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    counters: Mutex<BTreeMap<&'static str, Counters>>,
    sources: Mutex<Vec<Arc<dyn Source>>>,
}

struct Counters {
    metric: &'static Metric,
    values: BTreeMap<Labels, u64>,
}

impl Metrics {
    pub fn new() -> Metrics {
        Metrics::default()
    }

    /// Adds to a counter of the process.
    pub fn add(&self, metric: &'static Metric, labels: &Labels, amount: u64) {
        let mut counters = self.shared.counters.lock();
        let values = &mut counters
            .entry(metric.name)
            .or_insert_with(|| Counters { metric, values: BTreeMap::new() })
            .values;
        match values.get_mut(labels) {
            Some(value) => *value = value.saturating_add(amount),
            None => {
                values.insert(labels.clone(), amount);
            }
        }
    }

    /// What a counter of the process stands at.
    pub fn counted(&self, metric: &'static Metric, labels: &Labels) -> u64 {
        let counters = self.shared.counters.lock();
        counters.get(metric.name).and_then(|counters| counters.values.get(labels)).copied().unwrap_or(0)
    }

    /// Forgets the counters of something that is no more.
    pub fn forget(&self, labels: &Labels) {
        for counters in self.shared.counters.lock().values_mut() {
            counters.values.retain(|known, _| !known.starts_with(labels));
        }
    }

    /// Forgets all counters of the process, for one that empties its stores.
    pub fn clear(&self) {
        self.shared.counters.lock().clear();
    }

    /// Asks `source` too, from the next scrape on.
    pub fn watch(&self, source: impl Source) {
        self.shared.sources.lock().push(Arc::new(source));
    }

    /// Everything as text in the format of OpenMetrics, which Prometheus reads.
    pub async fn render(&self) -> String {
        let sources = self.shared.sources.lock().clone();
        let mut families: BTreeMap<&'static str, Family> = BTreeMap::new();
        for source in sources {
            for Sample { metric, labels, value } in source.samples().await {
                families
                    .entry(metric.name)
                    .or_insert_with(|| Family::of(metric))
                    .values
                    .insert(labels, value);
            }
        }
        for counters in self.shared.counters.lock().values() {
            let family = families.entry(counters.metric.name).or_insert_with(|| Family::of(counters.metric));
            // Whole numbers to 2^53 are exact.
            family
                .values
                .extend(counters.values.iter().map(|(labels, value)| (labels.clone(), *value as f64)));
        }
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Snapshot { families: families.into_values().collect() }));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("a string takes any text");
        text
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Family {
    metric: &'static Metric,
    values: BTreeMap<Labels, f64>,
}

impl Family {
    fn of(metric: &'static Metric) -> Family {
        Family { metric, values: BTreeMap::new() }
    }

    fn help(&self) -> String {
        let Metric { public, help, .. } = self.metric;
        match public.is_empty() {
            true => (*help).to_owned(),
            false => format!("{public}: {help}"),
        }
    }
}

/// One scrape.
#[derive(Debug)]
struct Snapshot {
    families: Vec<Family>,
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for family in &self.families {
            let metric = family.metric;
            let kind = match metric.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
            };
            let unit = metric.unit.map(|unit| Unit::Other(unit.to_owned()));
            let mut encoder = encoder.encode_descriptor(metric.name, &family.help(), unit.as_ref(), kind)?;
            for (labels, value) in &family.values {
                let encoder = encoder.encode_family(labels)?;
                match metric.kind {
                    Kind::Counter => ConstCounter::new(*value).encode(encoder)?,
                    Kind::Gauge => ConstGauge::new(*value).encode(encoder)?,
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
