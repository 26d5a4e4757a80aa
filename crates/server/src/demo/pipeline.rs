//! The resources of the demo, made with the calls a user would make.

use anyhow::{Context, Result};
use aws::client::{ClientError, Target};
use serde_json::{Value, json};

use crate::commands::Remote;

pub const STREAM: &str = "flights";
pub const DELIVERY: &str = "flights-to-lake";
pub const DATABASE: &str = "demo";
pub const TABLE: &str = "flights";
const SHARDS: u32 = 4;

/// Takes away what an earlier demo left, so that counts start at nothing.
///
/// # Errors
/// Any answer but success or "not there".
pub async fn remove(remote: &Remote) -> Result<()> {
    let bucket = bucket(remote);
    ignore_absent(
        remote.call(Target::FIREHOSE, "DeleteDeliveryStream", json!({"DeliveryStreamName": DELIVERY})).await,
    )?;
    ignore_absent(remote.call(Target::KINESIS, "DeleteStream", json!({"StreamName": STREAM})).await)?;
    ignore_absent(
        remote.call(Target::GLUE, "DeleteTable", json!({"DatabaseName": DATABASE, "Name": TABLE})).await,
    )?;
    remote.empty_bucket(&bucket).await.with_context(|| format!("bucket {bucket} cannot be emptied"))
}

/// Stream → delivery stream → Parquet partitioned by day, described by a Glue table.
///
/// # Errors
/// The service's error of the call that failed.
pub async fn create(remote: &Remote) -> Result<()> {
    let bucket = bucket(remote);
    remote.ensure_bucket(&bucket).await?;
    call(remote, Target::KINESIS, "CreateStream", json!({"StreamName": STREAM, "ShardCount": SHARDS}))
        .await?;
    let database =
        remote.call(Target::GLUE, "CreateDatabase", json!({"DatabaseInput": {"Name": DATABASE}})).await;
    ignore(database, "AlreadyExistsException")?;
    call(remote, Target::GLUE, "CreateTable", table(&bucket)).await?;
    call(remote, Target::FIREHOSE, "CreateDeliveryStream", delivery(remote, &bucket)).await?;
    Ok(())
}

pub fn bucket(remote: &Remote) -> String {
    format!("flights-lake-{}", remote.account)
}

fn table(bucket: &str) -> Value {
    let columns = [
        ("time", "timestamp"),
        ("delay", "int"),
        ("distance", "int"),
        ("origin", "string"),
        ("destination", "string"),
    ];
    json!({
        "DatabaseName": DATABASE,
        "TableInput": {
            "Name": TABLE,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"classification": "parquet"},
            "PartitionKeys": [{"Name": "day", "Type": "date", "Comment": "day of arrival"}],
            "StorageDescriptor": {
                "Columns": columns.map(|(name, kind)| json!({"Name": name, "Type": kind})),
                "Location": format!("s3://{bucket}/flights/"),
                "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
                "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
                "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
            },
        },
    })
}

fn delivery(remote: &Remote, bucket: &str) -> Value {
    let role = format!("arn:aws:iam::{}:role/delivery", remote.account);
    let stream = format!("arn:aws:kinesis:{}:{}:stream/{STREAM}", remote.region, remote.account);
    json!({
        "DeliveryStreamName": DELIVERY,
        "DeliveryStreamType": "KinesisStreamAsSource",
        "KinesisStreamSourceConfiguration": {"KinesisStreamARN": stream, "RoleARN": role},
        "ExtendedS3DestinationConfiguration": {
            "RoleARN": role,
            "BucketARN": format!("arn:aws:s3:::{bucket}"),
            "Prefix": "flights/day=!{timestamp:yyyy-MM-dd}/",
            "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
            "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 0},
            "DataFormatConversionConfiguration": {
                "Enabled": true,
                "SchemaConfiguration": {"RoleARN": role, "DatabaseName": DATABASE, "TableName": TABLE, "Region": remote.region},
                "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
                "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {"Compression": "SNAPPY"}}},
            },
        },
    })
}

async fn call(remote: &Remote, target: Target, operation: &str, input: Value) -> Result<Value> {
    remote.call(target, operation, input).await.with_context(|| format!("{operation} failed"))
}

fn ignore_absent(result: Result<Value, ClientError>) -> Result<()> {
    match result {
        Err(error)
            if matches!(error.code.as_str(), "ResourceNotFoundException" | "EntityNotFoundException") =>
        {
            Ok(())
        }
        other => other.map(drop).map_err(Into::into),
    }
}

fn ignore(result: Result<Value, ClientError>, code: &str) -> Result<()> {
    match result {
        Err(error) if error.code == code => Ok(()),
        other => other.map(drop).map_err(Into::into),
    }
}
