//! Puts and their delivery at once: from the client to rows of Parquet, on the cores that all of it shares.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aws::client::{Client, Target};
use bytes::Bytes;
use http::Method;
use rt::Rt;
use serde_json::{Value, json};
use testkit::{Options, Server};

use crate::events::COLUMNS;
use crate::freshness::count;
use crate::ingest::{self, RECORD_BYTES, SHARDS};
use crate::report::{Report, mb_per_second};
use crate::stream;

const CLIENTS: usize = 8;
/// Of the puts, in the seconds that every rate is measured for.
const TIMES: u32 = 3;
const LOOK_EVERY: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(120);
const ROLE: &str = "arn:aws:iam::000000000000:role/bench";
const COUNT: &str = "SELECT count(*) FROM together.events";

/// What the records of a run are delivered to.
struct Case {
    what: &'static str,
    /// Objects of how many partitions are open at once; zero without dynamic partitioning.
    partitions: u32,
    /// Of the delivery's buffer, in seconds.
    interval: u32,
    target: &'static str,
}

const CASES: [Case; 2] = [
    Case { what: "one prefix", partitions: 0, interval: 0, target: "150 MB/s" },
    Case { what: "500 partitions, by a query", partitions: 500, interval: 60, target: "-" },
];

pub async fn run(bin: &Path, scratch: &Path, seconds: u64) -> Result<()> {
    let report = Report::new(
        "Puts and their delivery to Parquet at once, 500-byte records, 8 clients",
        &[
            "delivered to",
            "MB/s put meanwhile",
            "MB/s, first put to last row",
            "target",
            "peak resident",
            "objects",
        ],
    );
    for case in CASES {
        measured(bin, scratch, Duration::from_secs(seconds) * TIMES, &case, &report).await?;
    }
    report.note(
        "The last row of a delivery to partitions waits for its buffer of 60 s. Beyond 64 MiB of open files \
         rows of the largest are written as a row group.",
    );
    Ok(())
}

async fn measured(bin: &Path, scratch: &Path, time: Duration, case: &Case, report: &Report) -> Result<()> {
    let rt = Rt::system();
    let server = Server::start(Options::new(bin).scratch(scratch)).await?;
    let client = server.client();
    pipeline(&client, case).await?;
    let bodies = Arc::new(ingest::bodies(&client)?);
    let start = rt.instant();
    let (bytes, took, _) = ingest::load(&client, &bodies, CLIENTS, time).await?;
    let records = bytes / RECORD_BYTES as u64;
    loop {
        let delivered = count(&rt, &client, COUNT, "s3://together/answers/").await?;
        ensure!(delivered <= records, "{delivered} rows of {records} records");
        if delivered == records {
            break;
        }
        ensure!(
            rt.instant().duration_since(start) < PATIENCE,
            "only {delivered} of {records} rows are there"
        );
        rt.sleep(LOOK_EVERY).await;
    }
    let whole = rt.instant().duration_since(start);
    let objects = ledger(&client).await?["objects"]["count"].to_string();
    report.row(&[
        case.what.into(),
        rate(bytes, took),
        rate(bytes, whole),
        case.target.into(),
        format!("{} MiB", peak_kib(server.pid())? / 1024),
        objects,
    ]);
    server.stop().await
}

/// The account of the delivery.
async fn ledger(client: &Client) -> Result<Value> {
    let query = [("region", client.region()), ("name", "together")];
    let path = "/_mulgil/firehose/ledger";
    let answer = client.send(Method::GET, "firehose", path, &query, &[], Bytes::new()).await?.checked()?;
    Ok(serde_json::from_slice(&answer.body)?)
}

/// The most memory that was resident at one time.
fn peak_kib(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

fn rate(bytes: u64, took: Duration) -> String {
    format!("{:.0}", mb_per_second(bytes, took))
}

async fn pipeline(client: &Client, case: &Case) -> Result<()> {
    client.create_bucket("together").await?;
    stream::create(client, stream::NAME, SHARDS).await?;
    client.call(Target::GLUE, "CreateDatabase", &json!({"DatabaseInput": {"Name": "together"}})).await?;
    let columns: Vec<Value> =
        COLUMNS.iter().map(|(name, kind)| json!({"Name": name, "Type": kind})).collect();
    let table = json!({"DatabaseName": "together", "TableInput": {"Name": "events", "StorageDescriptor": {
        "Columns": columns,
        "Location": "s3://together/events/",
        "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
        "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
    }}});
    client.call(Target::GLUE, "CreateTable", &table).await?;
    let delivery = json!({
        "DeliveryStreamName": "together",
        "DeliveryStreamType": "KinesisStreamAsSource",
        "Tags": [{"Key": "mulgil:live", "Value": "false"}],
        "KinesisStreamSourceConfiguration": {"KinesisStreamARN": stream::ARN, "RoleARN": ROLE},
        "ExtendedS3DestinationConfiguration": {
            "RoleARN": ROLE, "BucketARN": "arn:aws:s3:::together",
            "Prefix": if case.partitions > 0 { "events/p=!{partitionKeyFromQuery:p}/" } else { "events/" },
            "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
            "BufferingHints": {"SizeInMBs": 128, "IntervalInSeconds": case.interval},
            "DynamicPartitioningConfiguration": {"Enabled": case.partitions > 0},
            "ProcessingConfiguration": processing(case.partitions),
            "DataFormatConversionConfiguration": {
                "SchemaConfiguration": {"RoleARN": ROLE, "DatabaseName": "together", "TableName": "events"},
                "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
                "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}}}}},
    });
    client.call(Target::FIREHOSE, "CreateDeliveryStream", &delivery).await?;
    Ok(())
}

/// Takes the partition of an event from one of its numbers.
fn processing(partitions: u32) -> Value {
    if partitions == 0 {
        return json!({"Enabled": false});
    }
    let parameter = |name: &str, value: String| json!({"ParameterName": name, "ParameterValue": value});
    json!({"Enabled": true, "Processors": [{"Type": "MetadataExtraction", "Parameters": [
        parameter("MetadataExtractionQuery", format!("{{p: (.ms % {partitions})}}")),
        parameter("JsonParsingEngine", "JQ-1.6".to_owned()),
    ]}]})
}
