//! Bounds that all deliveries of a process share.

use std::time::Duration;

#[derive(Clone, Debug)]
pub struct FlowSettings {
    /// Bytes that batches in work may hold, all deliveries together: records read, rows decoded, files
    /// encoded. A batch that needs more than all of it gets all of it. Default 256 MiB.
    pub memory_bytes: usize,
    /// Bytes that the files of all partitions of one batch may hold before they are written. Beyond it the rows of
    /// the largest are written to their files as a row group. Default 64 MiB.
    pub partition_bytes: usize,
    /// Bytes of records in a batch whose partitions by key do not fill their buffers before. Default 1 GiB.
    pub partitioned_batch_bytes: usize,
    /// Bytes of pending records of one delivery up to which they are shown as rows: rows are kept until they
    /// are written. A delivery that is further behind shows its files only. Default 256 MiB.
    pub live_bytes: usize,
    /// Batches in work at a time, all deliveries together. More than there are cores only costs memory.
    /// Default 2.
    pub batches_at_once: usize,
    /// Requests to places outside under way at a time, all deliveries together. Default 16.
    pub requests_at_once: usize,
    /// Bytes these may hold: records and bodies. One that needs more than all of it gets all of it. Default
    /// 128 MiB.
    pub request_memory_bytes: usize,
    /// The shortest time between two batches of one delivery that are closed by age, so that a buffer
    /// interval of zero makes a few objects a second and not hundreds. Default 200 ms.
    pub batch_spacing: Duration,
    /// The pause after the first failure of a delivery; doubled up to `retry_max`. Default 200 ms.
    pub retry_first: Duration,
    /// Default 30 s.
    pub retry_max: Duration,
    #[cfg(any(test, feature = "failpoints"))]
    pub failpoints: crate::Failpoints,
}

impl Default for FlowSettings {
    fn default() -> FlowSettings {
        FlowSettings {
            memory_bytes: 256 << 20,
            partition_bytes: 64 << 20,
            partitioned_batch_bytes: 1 << 30,
            live_bytes: 256 << 20,
            batches_at_once: 2,
            requests_at_once: 16,
            request_memory_bytes: 128 << 20,
            batch_spacing: Duration::from_millis(200),
            retry_first: Duration::from_millis(200),
            retry_max: Duration::from_secs(30),
            #[cfg(any(test, feature = "failpoints"))]
            failpoints: crate::Failpoints::default(),
        }
    }
}
