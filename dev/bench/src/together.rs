//! Puts and their delivery at once: from the client to rows of Parquet, on the cores that all of it shares.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use aws::client::{Client, Target};
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

pub async fn run(bin: &Path, scratch: &Path, seconds: u64) -> Result<()> {
    let rt = Rt::system();
    let report = Report::new(
        "Puts and their delivery to Parquet at once, 500-byte records, 8 clients",
        &["what", "MB/s of payload", "target"],
    );
    let server = Server::start(Options::new(bin).scratch(scratch)).await?;
    let client = server.client();
    pipeline(&client).await?;
    let bodies = Arc::new(ingest::bodies(&client)?);
    let start = rt.instant();
    let (bytes, took, _) =
        ingest::load(&client, &bodies, CLIENTS, Duration::from_secs(seconds) * TIMES).await?;
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
    report.row(&["acknowledged puts, while delivered".into(), rate(bytes, took), "-".into()]);
    report.row(&["from the first put to the last row".into(), rate(bytes, whole), "150".into()]);
    server.stop().await
}

fn rate(bytes: u64, took: Duration) -> String {
    format!("{:.0}", mb_per_second(bytes, took))
}

async fn pipeline(client: &Client) -> Result<()> {
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
            "Prefix": "events/", "ErrorOutputPrefix": "errors/",
            "BufferingHints": {"SizeInMBs": 128, "IntervalInSeconds": 0},
            "DataFormatConversionConfiguration": {
                "SchemaConfiguration": {"RoleARN": ROLE, "DatabaseName": "together", "TableName": "events"},
                "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
                "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}}}}},
    });
    client.call(Target::FIREHOSE, "CreateDeliveryStream", &delivery).await?;
    Ok(())
}
