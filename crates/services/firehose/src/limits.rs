//! Quotas and defaults of the public service, from its API reference and its quota page.

use std::time::Duration;

/// PutRecordBatch: records of a request.
pub(crate) const RECORDS_MAX: usize = 500;

/// Data of one record, before base64.
pub(crate) const RECORD_BYTES_MAX: usize = 1_000 << 10;

/// The name of a delivery stream.
pub(crate) const NAME_CHARS_MAX: usize = 64;

/// PutRecordBatch: all records of a request together, before base64.
pub(crate) const BATCH_BYTES_MAX: usize = 4 << 20;

/// Buffer size when none is given, in MiB; the second with format conversion or dynamic partitioning.
pub(crate) const BUFFER_MIB_DEFAULT: i32 = 5;
pub(crate) const BUFFER_MIB_DEFAULT_LARGE: i32 = 128;

/// The smallest buffer with format conversion or dynamic partitioning, in MiB.
pub(crate) const BUFFER_MIB_MIN_LARGE: i32 = 64;

/// Buffer interval when none is given.
pub(crate) const INTERVAL_SECONDS_DEFAULT: i32 = 300;

/// Tags of one delivery stream.
pub(crate) const TAGS_MAX: usize = 50;

/// ListDeliveryStreams without a limit.
pub(crate) const LIST_DEFAULT: usize = 10;

/// How long records of direct puts wait for delivery. The public service gives up after a day; here a
/// destination may be away for as long as there is disk.
pub(crate) const DIRECT_PUT_RETENTION: Duration = Duration::from_secs(366 * 24 * 60 * 60);
