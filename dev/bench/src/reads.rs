//! `GetRecords`: history from disk, the tail from memory, and what both cost those who write meanwhile.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use aws::client::{Client, Prepared};
use rt::Rt;
use testkit::{Options, Server};
use thread_priority::{ThreadPriority, set_current_thread_priority};

use crate::ingest::{self, RECORD_BYTES, SHARDS};
use crate::report::{Report, mb_per_second};
use crate::stream;

const WRITERS: usize = 8;
/// How long a reader that has everything waits before it looks again.
const PAUSE: Duration = Duration::from_millis(5);

pub async fn run(bin: &Path, scratch: &Path, seconds: u64) -> Result<()> {
    let time = Duration::from_secs(seconds);
    let report = Report::new(
        "GetRecords, 500-byte records, 8 shards, a reader for each",
        &["what", "MB/s read", "MB/s written", "of the writers alone"],
    );
    let mut server = Server::start(Options::new(bin).scratch(scratch)).await?;
    let client = server.client();
    stream::create(&client, stream::NAME, SHARDS).await?;
    let bodies = Arc::new(ingest::bodies(&client)?);
    let (bytes, took, _) = ingest::load(&client, &bodies, WRITERS, time).await?;
    let alone = mb_per_second(bytes, took);
    row(&report, "writers alone, 8 clients", None, Some(alone), alone);

    // What was written is on disk only, but for the page cache.
    server.kill().await?;
    server.restart().await?;
    let client = server.client();
    let rt = Rt::system();
    let start = rt.instant();
    let read = read_all(&client, &Arc::default(), Kind::Once).await?;
    let history = mb_per_second(read, rt.instant().duration_since(start));
    row(&report, "history alone", Some(history), None, alone);

    for (name, kind) in [
        ("the tail, as it is written", Kind::Tail),
        ("history from the beginning again and again, beside writers", Kind::Again),
    ] {
        let (read, written) = beside_writers(&server, &bodies, time, kind).await?;
        row(&report, name, Some(read), Some(written), alone);
    }
    report.note(
        "Payload bytes; answers are JSON with base64. Readers, writers and the server share the same cores. Beside \
         writers, the clients that read run at the lowest priority, so that what writers lose is the server's doing.",
    );
    server.stop().await
}

fn row(report: &Report, name: &str, read: Option<f64>, written: Option<f64>, alone: f64) {
    let rate = |rate: Option<f64>| rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.0}"));
    let part = written.map_or_else(|| "-".to_owned(), |written| format!("{:.2}", written / alone));
    report.row(&[name.into(), rate(read), rate(written), part]);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// From the oldest record until there is no more.
    Once,
    /// The same, over and over until told to stop.
    Again,
    /// From after the newest record until told to stop.
    Tail,
}

async fn beside_writers(
    server: &Server,
    bodies: &Arc<Vec<Prepared>>,
    time: Duration,
    kind: Kind,
) -> Result<(f64, f64)> {
    let (rt, stop) = (Rt::system(), Arc::new(AtomicBool::new(false)));
    let (client, stopped) = (server.client(), stop.clone());
    let reading = rt.thread("readers", move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .on_thread_start(|| drop(set_current_thread_priority(ThreadPriority::Min)))
            .build()?;
        // On the runtime's own threads: this one has the priority of the writers.
        runtime.block_on(runtime.spawn(async move { read_all(&client, &stopped, kind).await }))?
    });
    let (bytes, took, _) = ingest::load(&server.client(), bodies, WRITERS, time).await?;
    stop.store(true, Ordering::Relaxed);
    let read = rt.blocking("readers", move || reading.join()).await;
    let read = read.map_err(|_| anyhow::anyhow!("the readers panicked"))??;
    Ok((mb_per_second(read, took), mb_per_second(bytes, took)))
}

/// Payload bytes that one reader for each shard got.
async fn read_all(client: &Client, stop: &Arc<AtomicBool>, kind: Kind) -> Result<u64> {
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
