//! Servers that speak Kinesis, under the load that the ingest section puts on Mulgil.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use aws::client::{Client, Credentials, Target};
use rt::Rt;
use serde_json::json;
use testkit::{Options, Server};
use tokio::process::Command;

use super::process::{Process, free_port, memory_mb};
use super::{Measured, install};
use crate::ingest;
use crate::report::{mb_per_second, millis, quantile};

const CLIENTS: usize = 8;
const POLL: Duration = Duration::from_millis(20);
const POLLS_MAX: usize = 500;
/// The program that starts kinesalite on this machine's own address alone, with its database on disk.
const KINESALITE: &str = "const [path, port] = process.argv.slice(1); \
    require('kinesalite')({ path, createStreamMs: 0, shardLimit: 100 }).listen(port, '127.0.0.1')";

pub async fn mulgil(bin: &Path, scratch: &Path, time: Duration) -> Result<Measured> {
    let server = Server::start(Options::new(bin).scratch(scratch)).await?;
    let mut measured = load(&server.client(), time).await?;
    measured.memory_mb = memory_mb(server.pid())?;
    measured.durable = "before the acknowledgement";
    server.stop().await?;
    Ok(measured)
}

pub async fn kinesalite(scratch: &Path, time: Duration) -> Result<Measured> {
    let modules = install::node_modules().await?;
    let home = tempfile::tempdir_in(scratch)?;
    let port = free_port()?;
    let mut command = Command::new("node");
    command.args(["-e", KINESALITE]).arg(home.path().join("db")).arg(port.to_string());
    command.current_dir(modules);
    let measured = peer(command, port, home.path(), time).await?;
    Ok(Measured { durable: "when the system writes back", ..measured })
}

pub async fn kinesis_local(scratch: &Path, time: Duration) -> Result<Measured> {
    let modules = install::node_modules().await?;
    let home = tempfile::tempdir_in(scratch)?;
    let (port, unused) = (free_port()?, free_port()?);
    let mut command = Command::new("node");
    // It looks for its certificate where it is started.
    command.arg("main.js").current_dir(modules.join("kinesis-local"));
    command.envs([
        ("KINESIS_MOCK_PLAIN_PORT", port.to_string().as_str()),
        ("KINESIS_MOCK_TLS_PORT", unused.to_string().as_str()),
        ("CREATE_STREAM_DURATION", "0ms"),
        ("SHARD_LIMIT", "100"),
        ("LOG_LEVEL", "ERROR"),
    ]);
    let measured = peer(command, port, home.path(), time).await?;
    Ok(Measured { durable: "never", ..measured })
}

async fn peer(command: Command, port: u16, home: &Path, time: Duration) -> Result<Measured> {
    let process = Process::start(command, port, &home.join("log")).await?;
    let client = Client::new(&process.endpoint(), Credentials::new("peer", "peer"), "us-east-1");
    let mut measured = load(&client, time).await?;
    measured.memory_mb = process.memory_mb()?;
    process.stop().await?;
    Ok(measured)
}

async fn load(client: &Client, time: Duration) -> Result<Measured> {
    let create = json!({"StreamName": "bench", "ShardCount": ingest::SHARDS});
    client.call(Target::KINESIS, "CreateStream", &create).await?;
    active(client).await?;
    let bodies = Arc::new(ingest::bodies(client)?);
    let (bytes, took, mut waits) = ingest::load(client, &bodies, CLIENTS, time).await?;
    Ok(Measured {
        mb_per_second: mb_per_second(bytes, took),
        p50: millis(quantile(&mut waits, 0.5)),
        p99: millis(quantile(&mut waits, 0.99)),
        memory_mb: 0,
        durable: "",
    })
}

async fn active(client: &Client) -> Result<()> {
    let rt = Rt::system();
    for _ in 0..POLLS_MAX {
        let seen =
            client.call(Target::KINESIS, "DescribeStreamSummary", &json!({"StreamName": "bench"})).await?;
        if seen["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE" {
            return Ok(());
        }
        rt.sleep(POLL).await;
    }
    bail!("the stream does not become active")
}
