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

/// Buffers of an HTTP endpoint and of Splunk when none are given: MiB and seconds.
pub(crate) const ENDPOINT_BUFFER_DEFAULT: (i32, i32) = (5, 300);
pub(crate) const SPLUNK_BUFFER_DEFAULT: (i32, i32) = (5, 60);

/// The body of a request before it is packed, less what is not records.
pub(crate) const ENDPOINT_REQUEST_BYTES_MAX: u64 = (64 << 20) - 1_024;

/// How long a request is tried again when nothing is given; for Splunk too.
pub(crate) const ENDPOINT_RETRY_SECONDS_DEFAULT: i32 = 300;

/// How long Splunk may take to say that events are indexed when nothing is given.
pub(crate) const SPLUNK_ACKNOWLEDGEMENT_SECONDS_DEFAULT: i32 = 180;

/// How long an endpoint may take to answer a request.
pub(crate) const ENDPOINT_RESPONSE_TIMEOUT: Duration = Duration::from_secs(180);

/// How long records of direct puts wait for delivery. The public service gives up after a day; here a
/// destination may be away for as long as there is disk.
pub(crate) const DIRECT_PUT_RETENTION: Duration = Duration::from_secs(366 * 24 * 60 * 60);
