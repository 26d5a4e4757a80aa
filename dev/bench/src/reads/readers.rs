//! Clients that read: a process of its own, since what has a low priority must share no locks with what has not.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use aws::client::Client;
use clap::ValueEnum;
use rt::Rt;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

use crate::ingest::{RECORD_BYTES, SHARDS};
use crate::stream;

/// How long a reader that has everything waits before it looks again.
const PAUSE: Duration = Duration::from_millis(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// From the oldest record until there is no more.
    Once,
    /// The same, over and over until told to stop.
    Again,
    /// From after the newest record until told to stop.
    Tail,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Once => "history",
            Kind::Again => "history from the beginning again and again, beside them",
            Kind::Tail => "the tail, as it is written",
        }
    }
}

/// The process of the readers.
pub struct Readers {
    child: Child,
}

impl Readers {
    pub fn start(endpoint: &str, kind: Kind) -> Result<Readers> {
        let kind = kind.to_possible_value().context("every kind has a name")?;
        let child = Command::new("nice")
            .args(["-n", "19"])
            .arg(std::env::current_exe()?)
            .args(["--bin", "-", "--readers", endpoint, "--kind", kind.get_name()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        Ok(Readers { child })
    }

    /// The payload bytes they got.
    pub async fn stop(mut self) -> Result<u64> {
        drop(self.child.stdin.take());
        let output = self.child.wait_with_output().await?;
        String::from_utf8(output.stdout)?.trim().parse().context("the readers failed")
    }
}

/// What that process does: reads until its input ends. The payload bytes it got.
pub async fn serve(endpoint: &str, kind: Kind) -> Result<u64> {
    let (client, stop) = (testkit::client(endpoint), Arc::new(AtomicBool::new(false)));
    let ended = stop.clone();
    let _until = Rt::system().spawn("until", async move {
        let _end = tokio::io::stdin().read_to_end(&mut Vec::new()).await;
        ended.store(true, Ordering::Relaxed);
    });
    read_all(&client, &stop, kind).await
}

/// Payload bytes that one reader for each shard got.
pub async fn read_all(client: &Client, stop: &Arc<AtomicBool>, kind: Kind) -> Result<u64> {
    let (rt, total) = (Rt::system(), Arc::new(AtomicU64::new(0)));
    let mut tasks = Vec::new();
    for shard in 0..SHARDS {
        let (client, stop, total) = (client.clone(), stop.clone(), total.clone());
        tasks.push(rt.spawn("reader", async move { read(&client, shard, &stop, kind, &total).await }));
    }
    for task in tasks {
        task.await??;
    }
    Ok(total.load(Ordering::Relaxed) * RECORD_BYTES as u64)
}

async fn read(client: &Client, shard: u32, stop: &AtomicBool, kind: Kind, total: &AtomicU64) -> Result<()> {
    let rt = Rt::system();
    let from = if kind == Kind::Tail { "LATEST" } else { "TRIM_HORIZON" };
    let mut iterator = stream::iterator(client, stream::NAME, shard, from).await?;
    while !stop.load(Ordering::Relaxed) {
        let page = stream::get_records(client, &iterator).await?;
        total.fetch_add(page.records, Ordering::Relaxed);
        iterator = page.next;
        match (page.records, kind) {
            (0, Kind::Once) => break,
            (0, Kind::Again) => {
                iterator = stream::iterator(client, stream::NAME, shard, from).await?;
            }
            (0, Kind::Tail) => rt.sleep(PAUSE).await,
            _ => {}
        }
    }
    Ok(())
}
