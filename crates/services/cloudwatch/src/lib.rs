//! CloudWatch metrics, as far as producers and consumers of streams put and read them on their way.
//!
//! Concepts
//! - A *metric* is a namespace, a name and up to thirty dimensions. It exists from the first value that is put.
//! - A *point* is what one minute of one metric in one unit holds: how many values, their sum, the least and the
//!   greatest. Single values are not kept, so there are no percentiles and nothing finer than a minute.
//!
//! Guarantees: what was acknowledged is on disk. Points go after [`RETENTION`](limits::RETENTION), metrics when their
//! last point went; the number of metrics is bounded.
//!
//! It never raises alarms, never computes over metrics, and puts none of its own.
//!
//! Start reading at `ops/put_metric_data.rs`.

mod error;
mod keys;
mod limits;
pub mod model;
mod ops;
mod period;
mod point;
mod store;

use std::collections::HashMap;

use meta::Meta;
use names::Scope;
use rt::Timestamp;

/// The service's state: the store, and the one who writes to it.
pub struct CloudWatch {
    meta: Meta,
    /// Points are read, added to and written back by one at a time. Holds when old ones were last looked for.
    writing: tokio::sync::Mutex<HashMap<Scope, Timestamp>>,
}

impl CloudWatch {
    pub fn new(meta: Meta) -> CloudWatch {
        CloudWatch { meta, writing: tokio::sync::Mutex::default() }
    }
}

/// The handlers of every built operation.
pub fn operations() -> Vec<aws::Operation<CloudWatch>> {
    use model::op;
    vec![
        aws::operation(&op::GET_METRIC_DATA, ops::get_metric_data::handle),
        aws::operation(&op::GET_METRIC_STATISTICS, ops::get_metric_statistics::handle),
        aws::operation(&op::LIST_METRICS, ops::list_metrics::handle),
        aws::operation(&op::PUT_METRIC_DATA, ops::put_metric_data::handle),
    ]
}

#[cfg(test)]
mod tests;
