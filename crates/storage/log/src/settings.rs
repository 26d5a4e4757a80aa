use std::time::Duration;

/// Sizes and bounds of one log. The defaults suit a machine of two cores and a few gigabytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// A segment is closed when it has reached this many bytes; at most 2 GiB. Retention frees whole
    /// segments, so small ones free disk sooner; every segment costs some 32 bytes of memory for each
    /// partition with data in it, so long histories of many partitions want large ones. Default 256 MiB.
    pub segment_bytes: u64,
    /// A segment is also closed after this many batches, which bounds the index of the one being written
    /// (32 bytes a batch). Default 262,144.
    pub segment_batches: usize,
    /// The most bytes that wait for the disk before appends are held back. Default 64 MiB.
    pub queue_bytes: usize,
    /// How long an append waits for room in the queue before it is refused as overloaded. Default 1 s.
    pub queue_wait: Duration,
    /// The most bytes written before one fsync; bounds how long one fsync takes. Default 16 MiB.
    pub group_bytes: usize,
    /// Longer batches are cut into frames of about this size, so that a read need not fetch much more than
    /// it returns. Default 1 MiB.
    pub frame_bytes: usize,
    /// The largest key and data of one record together. Default 10 MiB and 4 KiB.
    pub record_bytes: usize,
    /// Recent batches kept in memory for readers at the tail. Default 128 MiB.
    pub tail_cache_bytes: usize,
    /// Index lists of closed segments kept in memory. Default 32 MiB.
    pub index_cache_bytes: usize,
    /// Closed segments kept open for reading. Default 128.
    pub open_files: usize,
    /// How often expired segments are looked for. Default 60 s.
    pub retention_interval: Duration,
    /// How long after opening they are looked for the first time, so that a log which is opened again and again
    /// within an interval does not grow for ever. Default 0.5 s.
    pub retention_delay: Duration,
}

impl Default for LogSettings {
    fn default() -> LogSettings {
        LogSettings {
            segment_bytes: 256 << 20,
            segment_batches: 262_144,
            queue_bytes: 64 << 20,
            queue_wait: Duration::from_secs(1),
            group_bytes: 16 << 20,
            frame_bytes: 1 << 20,
            record_bytes: (10 << 20) + (4 << 10),
            tail_cache_bytes: 128 << 20,
            index_cache_bytes: 32 << 20,
            open_files: 128,
            retention_interval: Duration::from_secs(60),
            retention_delay: Duration::from_millis(500),
        }
    }
}

/// Positions in a segment are 32 bits wide on disk and in the index.
pub(crate) const SEGMENT_BYTES_MAX: u64 = 2 << 30;
