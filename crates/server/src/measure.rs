//! `GET /metrics`: who may read it, and the figures no service has.

use aws::Body;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode};
use lake::iceberg::Iceberg;
use log::Log;
use metrics::names::TableUpkeep;
use metrics::{Labels, Metric, Metrics, Sample, Source, names};
use rt::Rt;

use crate::config::Config;

/// Who may read the metrics: they name streams and tell how busy they are.
#[derive(Clone)]
pub(crate) enum Readers {
    /// Whoever reaches the listener, which is on loopback.
    Anyone,
    /// Who sends this token.
    Token(String),
    Nobody,
}

impl Readers {
    pub(crate) fn of(config: &Config) -> Readers {
        match &config.metrics_token {
            Some(token) => Readers::Token(token.0.clone()),
            None if config.listen.ip().is_loopback() => Readers::Anyone,
            None => Readers::Nobody,
        }
    }

    fn may(&self, request: &Request<Bytes>) -> bool {
        match self {
            Readers::Anyone => true,
            Readers::Nobody => false,
            Readers::Token(token) => {
                let given = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
                let given = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
                is_same(given.as_bytes(), token.as_bytes())
            }
        }
    }
}

/// Looks at every byte, so that the time tells nothing about the first one that differs.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

/// Answers a scrape.
pub(crate) async fn scrape(metrics: Metrics, readers: Readers, request: Request<Bytes>) -> Response<Body> {
    if readers.may(&request) {
        return text(StatusCode::OK, metrics::CONTENT_TYPE, metrics.render().await);
    }
    let why = "metrics are for whoever sends the token: set MULGIL_METRICS_TOKEN, or metrics.token in the config \
               file, and send it as `Authorization: Bearer TOKEN`\n";
    text(StatusCode::FORBIDDEN, "text/plain; charset=utf-8", why.to_owned())
}

fn text(status: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(aws::body::full(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// What the log counts.
pub(crate) struct LogFigures(pub(crate) Log);

impl Source for LogFigures {
    fn samples(&self) -> BoxFuture<'_, Vec<Sample>> {
        async move {
            let stats = self.0.stats();
            let figures = [
                (&names::LOG_APPENDED_RECORDS, stats.records),
                (&names::LOG_APPENDED_BYTES, stats.bytes),
                (&names::LOG_FAILED_WRITES, stats.failed_writes),
                (&names::LOG_QUARANTINED, stats.quarantined),
            ];
            let sample = |(metric, value): (&'static Metric, u64)| Sample {
                metric,
                labels: Labels::new(),
                value: value as f64,
            };
            figures.into_iter().map(sample).collect()
        }
        .boxed()
    }
}

/// What upkeep did to every table since the process started.
pub(crate) struct UpkeepFigures {
    pub(crate) rt: Rt,
    pub(crate) iceberg: Iceberg,
}

impl Source for UpkeepFigures {
    fn samples(&self) -> BoxFuture<'_, Vec<Sample>> {
        async move { self.figures() }.boxed()
    }
}

impl UpkeepFigures {
    fn figures(&self) -> Vec<Sample> {
        let now = self.rt.now();
        let TableUpkeep { compactions, files, bytes, snapshots, orphans, failures, running, lag } =
            &names::UPKEEP;
        let mut samples = Vec::new();
        for (scope, database, table, status) in self.iceberg.upkeep_status() {
            let labels: Labels = vec![
                (names::ACCOUNT, scope.account.as_str().to_owned()),
                (names::REGION, scope.region.as_str().to_owned()),
                (names::DATABASE, database),
                (names::TABLE, table),
            ];
            let lag_seconds = status.pending.map_or(0.0, |since| now.saturating_since(since).as_secs_f64());
            let figures: [(&'static Metric, f64); 8] = [
                (compactions, status.compacted.commits as f64),
                (files, status.compacted.files_before as f64),
                (bytes, status.compacted.bytes_before as f64),
                (snapshots, status.snapshots_expired as f64),
                (orphans, status.orphans_removed as f64),
                (failures, status.failures as f64),
                (running, f64::from(u8::from(status.running))),
                (lag, lag_seconds),
            ];
            let sample = |(metric, value)| Sample { metric, labels: labels.clone(), value };
            samples.extend(figures.into_iter().map(sample));
        }
        samples
    }
}
