//! From the acknowledged put to the first answer that includes it, the query's own time counted.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use aws::client::{Client, Target};
use rt::Rt;
use serde_json::json;
use testkit::{Options, Server};

use crate::report::{Report, millis, quantile};

const ROUNDS: usize = 100;
const POLL: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_secs(30);
const ROLE: &str = "arn:aws:iam::000000000000:role/bench";

/// What is put beside the records that are looked for: 20 MB/s of JSON.
const LOAD_RECORDS: usize = 500;
const LOAD_RECORD_BYTES: usize = 1_000;
const LOAD_EVERY: Duration = Duration::from_millis(25);

/// How a delivery buffers, and what it is called in the report.
struct Setting {
    what: &'static str,
    mib: u32,
    seconds: u32,
    live: bool,
    target: &'static str,
}

const SETTINGS: [Setting; 2] = [
    Setting { what: "files, 0 s", mib: 64, seconds: 0, live: false, target: "1000 ms" },
    Setting { what: "live, 900 s and 128 MiB", mib: 128, seconds: 900, live: true, target: "100 ms" },
];

pub async fn run(bin: &Path, scratch: &Path) -> Result<()> {
    let report = Report::new(
        "Put → queryable, 100 puts beside 20 MB/s",
        &["buffering", "p50", "p99", "target of p99"],
    );
    for setting in SETTINGS {
        let mut waits = measured(bin, scratch, &setting).await?;
        let (half, most) = (quantile(&mut waits, 0.5), quantile(&mut waits, 0.99));
        report.row(&[setting.what.into(), millis(half), millis(most), setting.target.into()]);
    }
    report.note("From the acknowledgement of the put to an Athena answer that includes the record.");
    Ok(())
}

async fn measured(bin: &Path, scratch: &Path, setting: &Setting) -> Result<Vec<Duration>> {
    let rt = Rt::system();
    let server = Server::start(Options::new(bin).scratch(scratch)).await?;
    let client = server.client();
    pipeline(&client, setting).await?;
    let load = rt.spawn("load", load(rt.clone(), server.client()));
    let mut waits = Vec::new();
    for n in 0..ROUNDS {
        let data = base64_simd::STANDARD.encode_to_string(json!({"n": n}).to_string());
        let put = json!({"StreamName": "fresh", "PartitionKey": n.to_string(), "Data": data});
        client.call(Target::KINESIS, "PutRecord", &put).await?;
        let start = rt.instant();
        loop {
            let sql = format!("SELECT count(*) FROM fresh.events WHERE n = {n}");
            let found = count(&rt, &client, &sql, "s3://fresh-lake/answers/").await?;
            ensure!(found <= 1, "record {n} is there {found} times");
            if found == 1 {
                break;
            }
            ensure!(rt.instant().duration_since(start) < PATIENCE, "record {n} is not queryable");
        }
        waits.push(rt.instant().duration_since(start));
    }
    load.abort();
    server.stop().await?;
    Ok(waits)
}

async fn load(rt: Rt, client: Client) {
    let pad = "x".repeat(LOAD_RECORD_BYTES);
    let data = base64_simd::STANDARD.encode_to_string(json!({"n": -1, "pad": pad}).to_string());
    let records: Vec<_> =
        (0..LOAD_RECORDS).map(|n| json!({"PartitionKey": n.to_string(), "Data": data})).collect();
    let put = json!({"StreamName": "fresh", "Records": records});
    let mut next = rt.instant();
    loop {
        // A refused put is one that is not offered again: the rate is what counts.
        let _answered = client.call(Target::KINESIS, "PutRecords", &put).await;
        next += LOAD_EVERY;
        rt.sleep(next.saturating_duration_since(rt.instant())).await;
    }
}

async fn pipeline(client: &Client, setting: &Setting) -> Result<()> {
    client.create_bucket("fresh-lake").await?;
    client.call(Target::KINESIS, "CreateStream", &json!({"StreamName": "fresh", "ShardCount": 1})).await?;
    client.call(Target::GLUE, "CreateDatabase", &json!({"DatabaseInput": {"Name": "fresh"}})).await?;
    let table = json!({"DatabaseName": "fresh", "TableInput": {"Name": "events", "StorageDescriptor": {
        "Columns": [{"Name": "n", "Type": "int"}],
        "Location": "s3://fresh-lake/events/",
        "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
        "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
    }}});
    client.call(Target::GLUE, "CreateTable", &table).await?;
    let delivery = json!({
        "DeliveryStreamName": "fresh",
        "DeliveryStreamType": "KinesisStreamAsSource",
        "Tags": [{"Key": "mulgil:live", "Value": setting.live.to_string()}],
        "KinesisStreamSourceConfiguration": {
            "KinesisStreamARN": "arn:aws:kinesis:us-east-1:000000000000:stream/fresh", "RoleARN": ROLE},
        "ExtendedS3DestinationConfiguration": {
            "RoleARN": ROLE, "BucketARN": "arn:aws:s3:::fresh-lake",
            "Prefix": "events/", "ErrorOutputPrefix": "errors/",
            "BufferingHints": {"SizeInMBs": setting.mib, "IntervalInSeconds": setting.seconds},
            "DataFormatConversionConfiguration": {
                "SchemaConfiguration": {"RoleARN": ROLE, "DatabaseName": "fresh", "TableName": "events"},
                "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
                "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}}}}},
    });
    client.call(Target::FIREHOSE, "CreateDeliveryStream", &delivery).await?;
    Ok(())
}

/// The one number that a query answers.
pub async fn count(rt: &Rt, client: &Client, sql: &str, output: &str) -> Result<u64> {
    let request = json!({"QueryString": sql, "ResultConfiguration": {"OutputLocation": output}});
    let started = client.call(Target::ATHENA, "StartQueryExecution", &request).await?;
    let id = json!({"QueryExecutionId": started["QueryExecutionId"]});
    loop {
        let answer = client.call(Target::ATHENA, "GetQueryExecution", &id).await?;
        match answer["QueryExecution"]["Status"]["State"].as_str() {
            Some("SUCCEEDED") => break,
            Some("QUEUED" | "RUNNING") => rt.sleep(POLL).await,
            _ => bail!("{}", answer["QueryExecution"]["Status"]["StateChangeReason"]),
        }
    }
    let answer = client.call(Target::ATHENA, "GetQueryResults", &id).await?;
    let value = &answer["ResultSet"]["Rows"][1]["Data"][0]["VarCharValue"];
    Ok(value.as_str().unwrap_or("0").parse()?)
}
