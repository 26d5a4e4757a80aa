//! Every metric there is. Where the public service has one, its name is kept, in Prometheus' form.

use crate::Kind::{self, Counter, Gauge};
use crate::Metric;

/// Labels of everything that belongs to a delivery stream, in this order.
pub const ACCOUNT: &str = "account";
pub const REGION: &str = "region";
pub const DELIVERY_STREAM: &str = "delivery_stream";

/// Labels of everything that belongs to a table, after account and region.
pub const DATABASE: &str = "database";
pub const TABLE: &str = "table";

const fn metric(name: &'static str, kind: Kind, public: &'static str, help: &'static str) -> Metric {
    Metric { name, kind, unit: None, public, help }
}

const fn in_unit(
    name: &'static str,
    kind: Kind,
    unit: &'static str,
    public: &'static str,
    help: &'static str,
) -> Metric {
    Metric { name, kind, unit: Some(unit), public, help }
}

/// What is delivered to one kind of destination.
#[derive(Debug)]
pub struct Delivery {
    pub records: Metric,
    pub bytes: Metric,
    pub success: Metric,
    pub attempts: Metric,
    pub freshness: Metric,
}

macro_rules! delivery {
    ($prefix:literal, $public:literal, $what:literal) => {
        Delivery {
            records: metric(
                concat!($prefix, "_records"),
                Counter,
                concat!($public, ".Records"),
                concat!("records delivered to ", $what),
            ),
            bytes: metric(
                concat!($prefix, "_bytes"),
                Counter,
                concat!($public, ".Bytes"),
                concat!("bytes of the records delivered to ", $what, ", as they came from the source"),
            ),
            success: metric(
                concat!($prefix, "_success"),
                Counter,
                concat!($public, ".Success"),
                concat!("writes to ", $what, " that succeeded; divide by the attempts"),
            ),
            attempts: metric(
                concat!($prefix, "_attempts"),
                Counter,
                "",
                concat!("writes to ", $what, " that were tried"),
            ),
            freshness: in_unit(
                concat!($prefix, "_data_freshness"),
                Gauge,
                "seconds",
                concat!($public, ".DataFreshness"),
                "age of the oldest record that is not delivered yet; 0 when nothing is pending",
            ),
        }
    };
}

pub static DELIVERY_TO_S3: Delivery = delivery!("firehose_delivery_to_s3", "DeliveryToS3", "buckets");
pub static DELIVERY_TO_ICEBERG: Delivery =
    delivery!("firehose_delivery_to_iceberg", "DeliveryToIceberg", "Iceberg tables");
pub static DELIVERY_TO_ICEBERG_INCOMING_ROWS: Metric = metric(
    "firehose_delivery_to_iceberg_incoming_row_count",
    Counter,
    "DeliveryToIceberg.IncomingRowCount",
    "records that were to become rows of Iceberg tables",
);
pub static DELIVERY_TO_ICEBERG_SUCCESSFUL_ROWS: Metric = metric(
    "firehose_delivery_to_iceberg_successful_row_count",
    Counter,
    "DeliveryToIceberg.SuccessfulRowCount",
    "records that became rows of Iceberg tables, or replaced or deleted one",
);
pub static DELIVERY_TO_ICEBERG_FAILED_ROWS: Metric = metric(
    "firehose_delivery_to_iceberg_failed_row_count",
    Counter,
    "DeliveryToIceberg.FailedRowCount",
    "records that went to the error output of a delivery to Iceberg tables",
);
pub static PARTITION_COUNT: Metric = metric(
    "firehose_partition_count",
    Gauge,
    "PartitionCount",
    "partitions by key of the latest batch: beyond the limit, records go to the error output",
);
pub static PARTITION_COUNT_EXCEEDED: Metric = metric(
    "firehose_partition_count_exceeded",
    Gauge,
    "PartitionCountExceeded",
    "1 if the latest batch had records of more partitions than the delivery may open",
);
pub static DELIVERY_TO_HTTP_ENDPOINT: Delivery =
    delivery!("firehose_delivery_to_http_endpoint", "DeliveryToHttpEndpoint", "the HTTP endpoint");
pub static DELIVERY_TO_SPLUNK: Delivery =
    delivery!("firehose_delivery_to_splunk", "DeliveryToSplunk", "Splunk");

pub static BACKUP_TO_S3_RECORDS: Metric = metric(
    "firehose_backup_to_s3_records",
    Counter,
    "BackupToS3.Records",
    "records written to the backup or error output in a bucket",
);
pub static BACKUP_TO_S3_BYTES: Metric = metric(
    "firehose_backup_to_s3_bytes",
    Counter,
    "BackupToS3.Bytes",
    "bytes of the records written to the backup or error output, as they came from the source",
);

pub static INCOMING_RECORDS: Metric = metric(
    "firehose_incoming_records",
    Counter,
    "IncomingRecords",
    "records accepted from direct puts since the process started",
);
pub static INCOMING_BYTES: Metric = metric(
    "firehose_incoming_bytes",
    Counter,
    "IncomingBytes",
    "bytes accepted from direct puts since the process started",
);
pub static INCOMING_PUT_REQUESTS: Metric = metric(
    "firehose_incoming_put_requests",
    Counter,
    "IncomingPutRequests",
    "PutRecord and PutRecordBatch requests that were accepted since the process started",
);
pub static THROTTLED_RECORDS: Metric = metric(
    "firehose_throttled_records",
    Counter,
    "ThrottledRecords",
    "records refused because the log could not take them, since the process started",
);

pub static DATA_READ_FROM_KINESIS_STREAM_RECORDS: Metric = metric(
    "firehose_data_read_from_kinesis_stream_records",
    Counter,
    "DataReadFromKinesisStream.Records",
    "records of the source stream that were read and settled",
);
pub static DATA_READ_FROM_KINESIS_STREAM_BYTES: Metric = metric(
    "firehose_data_read_from_kinesis_stream_bytes",
    Counter,
    "DataReadFromKinesisStream.Bytes",
    "bytes of the records of the source stream that were read and settled",
);
pub static KINESIS_MILLIS_BEHIND_LATEST: Metric = metric(
    "firehose_kinesis_millis_behind_latest",
    Gauge,
    "KinesisMillisBehindLatest",
    "how far the delivery is behind the newest record of its source stream, in milliseconds",
);

pub static SUCCEED_CONVERSION_RECORDS: Metric = metric(
    "firehose_succeed_conversion_records",
    Counter,
    "SucceedConversion.Records",
    "records converted to the table's format",
);
pub static SUCCEED_CONVERSION_BYTES: Metric = metric(
    "firehose_succeed_conversion_bytes",
    Counter,
    "SucceedConversion.Bytes",
    "bytes of the records converted to the table's format, before the conversion",
);
pub static FAILED_CONVERSION_RECORDS: Metric = metric(
    "firehose_failed_conversion_records",
    Counter,
    "FailedConversion.Records",
    "records that could not be converted and went to the error output",
);
pub static FAILED_CONVERSION_BYTES: Metric = metric(
    "firehose_failed_conversion_bytes",
    Counter,
    "FailedConversion.Bytes",
    "bytes of the records that could not be converted",
);

pub static LEDGER_DELIVERED_RECORDS: Metric =
    metric("firehose_ledger_delivered_records", Counter, "", "records delivered, by the ledger");
pub static LEDGER_REJECTED_RECORDS: Metric = metric(
    "firehose_ledger_rejected_records",
    Counter,
    "",
    "records in the error output, by the ledger: look there for the reasons",
);
pub static LEDGER_MISSING_RECORDS: Metric = metric(
    "firehose_ledger_missing_records",
    Counter,
    "",
    "records the source no longer had when their turn came: its retention is too short, or it is damaged",
);
pub static LEDGER_PENDING_RECORDS: Metric =
    metric("firehose_ledger_pending_records", Gauge, "", "records in the source that are not settled yet");
pub static LEDGER_DROPPED_RECORDS: Metric = metric(
    "firehose_ledger_dropped_records",
    Counter,
    "",
    "records that an operator left out on purpose, by the ledger",
);
pub static LEDGER_UNBALANCED: Metric = metric(
    "firehose_ledger_unbalanced",
    Gauge,
    "",
    "1 if records or bytes of a delivery are not accounted for, which is a defect",
);
pub static DELIVERY_FAILING: Metric = metric(
    "firehose_delivery_failing",
    Gauge,
    "",
    "1 while the last attempt of a delivery failed and it waits for the next one",
);

pub static LOG_APPENDED_RECORDS: Metric = metric(
    "mulgil_log_appended_records",
    Counter,
    "",
    "records appended to the log since the process started",
);
pub static LOG_APPENDED_BYTES: Metric =
    metric("mulgil_log_appended_bytes", Counter, "", "bytes appended to the log since the process started");
pub static LOG_FAILED_WRITES: Metric = metric(
    "mulgil_log_failed_writes",
    Counter,
    "",
    "writes of the log that failed since the process started: look at the disk",
);
pub static LOG_QUARANTINED: Metric = metric(
    "mulgil_log_quarantined_batches",
    Counter,
    "",
    "damaged batches of the log that are not served: see `mulgil log inspect`",
);

/// What is done to keep an Iceberg table in shape, since the process started.
#[derive(Debug)]
pub struct TableUpkeep {
    pub compactions: Metric,
    pub files: Metric,
    pub bytes: Metric,
    pub snapshots: Metric,
    pub orphans: Metric,
    pub failures: Metric,
    pub running: Metric,
    pub lag: Metric,
}

pub static UPKEEP: TableUpkeep = TableUpkeep {
    compactions: metric(
        "mulgil_upkeep_compactions",
        Counter,
        "",
        "groups of small files of the table that were rewritten, a commit each",
    ),
    files: metric(
        "mulgil_upkeep_rewritten_files",
        Counter,
        "",
        "data files of the table that were rewritten",
    ),
    bytes: metric(
        "mulgil_upkeep_rewritten_bytes",
        Counter,
        "",
        "bytes of the data files that were rewritten",
    ),
    snapshots: metric(
        "mulgil_upkeep_expired_snapshots",
        Counter,
        "",
        "snapshots of the table that were forgotten: queries of the past reach back less far",
    ),
    orphans: metric(
        "mulgil_upkeep_removed_orphans",
        Counter,
        "",
        "files in the table's folders that no snapshot had and that were removed",
    ),
    failures: metric(
        "mulgil_upkeep_failures",
        Counter,
        "",
        "rounds of upkeep that ended with an error: the table grows slower to read; see the log",
    ),
    running: metric("mulgil_upkeep_running", Gauge, "", "1 while the table is being looked after"),
    lag: in_unit(
        "mulgil_upkeep_lag",
        Gauge,
        "seconds",
        "",
        "age of the oldest commit that upkeep has not looked after: growing, its budget is too small",
    ),
};
