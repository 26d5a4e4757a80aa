//! Ten thousand shards on one node: what they hold of memory and descriptors, and how soon they are back after SIGKILL.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use aws::client::{Client, Target};
use bytes::Bytes;
use rt::Rt;
use serde_json::json;
use testkit::{Options, Server};

use crate::report::{Report, millis};
use crate::start::resident_kib;
use crate::stream;

const SHARDS: u32 = 10_000;
/// Records in each shard on average.
const RECORDS_PER_SHARD: u32 = 20;
const BATCH: u32 = 500;

pub async fn run(bin: &Path, scratch: &Path) -> Result<()> {
    let mut server = Server::start(Options::new(bin).scratch(scratch)).await?;
    let client = server.client();
    // What the first requests of a process cost is not the shards'.
    client.call(Target::KINESIS, "ListStreams", &json!({})).await?;
    let table = Table {
        report: Report::new(
            "10,000 shards",
            &["when", "resident", "a shard", "descriptors", "time", "target"],
        ),
        empty_kib: resident_kib(server.pid())?,
    };
    let rt = Rt::system();
    table.row("before", &server, Duration::ZERO, "-")?;
    let start = rt.instant();
    stream::create(&client, stream::NAME, SHARDS).await?;
    table.row("created", &server, rt.instant().duration_since(start), "600 MiB")?;
    let start = rt.instant();
    put_everywhere(&client).await?;
    table.row("20 records in each", &server, rt.instant().duration_since(start), "600 MiB")?;

    server.kill().await?;
    let start = rt.instant();
    server.restart().await?;
    let client = server.client();
    put_one(&client).await?;
    let back = rt.instant().duration_since(start);
    table.row("after SIGKILL, up to the first acknowledged put", &server, back, "600 MiB, 3 s")?;
    let start = rt.instant();
    read_everywhere(&client).await?;
    table.row("every shard read once", &server, rt.instant().duration_since(start), "600 MiB")?;
    server.stop().await
}

struct Table {
    report: Report,
    /// What the server held before there was a shard.
    empty_kib: u64,
}

impl Table {
    fn row(&self, when: &str, server: &Server, time: Duration, target: &str) -> Result<()> {
        let resident = resident_kib(server.pid())?;
        let each = resident.saturating_sub(self.empty_kib) * 1024 / u64::from(SHARDS);
        self.report.row(&[
            when.into(),
            format!("{} MiB", resident / 1024),
            format!("{each} B"),
            descriptors(server.pid())?.to_string(),
            millis(time),
            target.into(),
        ]);
        Ok(())
    }
}

/// Open files of a process.
fn descriptors(pid: u32) -> Result<usize> {
    Ok(std::fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

async fn put_everywhere(client: &Client) -> Result<()> {
    for batch in 0..SHARDS * RECORDS_PER_SHARD / BATCH {
        let records: Vec<_> = (0..BATCH)
            .map(|n| {
                // Spread evenly over the hash keys, in an order that a batch meets shards far apart.
                let shard = u128::from((batch * BATCH + n).wrapping_mul(7919) % SHARDS);
                let hash = u128::MAX / u128::from(SHARDS) * shard + 1;
                json!({"Data": "cmVjb3Jk", "PartitionKey": "k", "ExplicitHashKey": hash.to_string()})
            })
            .collect();
        let request = json!({"StreamName": stream::NAME, "Records": records});
        let answer = client.call(Target::KINESIS, "PutRecords", &request).await?;
        ensure!(answer["FailedRecordCount"] == 0, "records were refused");
    }
    Ok(())
}

async fn put_one(client: &Client) -> Result<()> {
    let request = json!({"StreamName": stream::NAME, "PartitionKey": "k", "Data": "cmVjb3Jk"});
    client.call(Target::KINESIS, "PutRecord", &request).await?;
    Ok(())
}

async fn read_everywhere(client: &Client) -> Result<()> {
    let mut records = 0;
    for shard in 0..SHARDS {
        let iterator = stream::iterator(client, stream::NAME, shard, "TRIM_HORIZON").await?;
        let request = Bytes::from(json!({"ShardIterator": iterator}).to_string());
        let prepared = client.prepare(Target::KINESIS, "GetRecords", request)?;
        let body = client.send_prepared(&prepared).await?.checked()?.body;
        records += stream::count_records(&body);
    }
    ensure!(records > u64::from(SHARDS * RECORDS_PER_SHARD), "{records} records were read");
    Ok(())
}
