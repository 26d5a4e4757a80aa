//! Quotas, each with its source. "AWS" is the service's public quota page or model; the rest are bounds
//! of this implementation.

use std::time::Duration;

/// How many queries run, how many may wait, and how long one may take.
#[derive(Clone, Debug)]
pub struct AthenaSettings {
    /// Queries running at the same time, over all accounts. Default 8: the engine shares one memory
    /// budget, and more queries than that only share it more thinly.
    pub queries_running_max: usize,
    /// Queries running or waiting. Default 200 (AWS: active DML queries); one more is refused with
    /// `TooManyRequestsException`.
    pub queries_admitted_max: usize,
    /// How long a query may run. Default 30 minutes (AWS: DML query timeout).
    pub query_timeout: Duration,
}

impl Default for AthenaSettings {
    fn default() -> AthenaSettings {
        AthenaSettings {
            queries_running_max: 8,
            queries_admitted_max: 200,
            query_timeout: Duration::from_secs(30 * 60),
        }
    }
}

/// AWS: the query history is kept for 45 days.
pub(crate) const HISTORY_KEPT: Duration = Duration::from_secs(45 * 24 * 3600);
/// How often finished executions are looked at for their age.
pub(crate) const SWEEP_EVERY: Duration = Duration::from_secs(3600);
/// Executions forgotten by one commit of the sweeper.
pub(crate) const SWEEP_BATCH: usize = 100;

/// AWS model: members of a page of each list.
pub(crate) const PAGE_MAX: usize = 50;
/// AWS model: rows of a page of results.
pub(crate) const RESULT_ROWS_MAX: usize = 1000;
/// A page of results ends early rather than grow beyond this.
pub(crate) const RESULT_PAGE_BYTES_MAX: usize = 8 << 20;
/// What is read of a result object at a time.
pub(crate) const RESULT_READ_BYTES: u64 = 256 << 10;
/// What is gathered of a result before it is handed to the store.
pub(crate) const SPOOL_BUFFER_BYTES: usize = 256 << 10;

/// AWS: tags of a work group.
pub(crate) const TAGS_MAX: usize = 50;
/// AWS: work groups of an account and region, `primary` included.
pub(crate) const WORK_GROUPS_MAX: usize = 1000;

/// AWS: the default age of a reusable result.
pub(crate) const REUSE_AGE_DEFAULT_MINUTES: i32 = 60;
/// How often a running query is compared with its scan limit.
pub(crate) const SCAN_LIMIT_CHECK_EVERY: Duration = Duration::from_millis(20);
/// Attempts to change a record that somebody else keeps changing.
pub(crate) const CONFLICT_RETRIES_MAX: usize = 20;
