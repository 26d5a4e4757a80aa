//! `GetRecords`: history from disk, the tail from memory, and what both cost those who write meanwhile.

mod readers;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use aws::client::{Client, Prepared};
use rt::Rt;
use testkit::{Options, Server};

use crate::ingest::{self, HALF_LOAD_BATCHES, RECORD_BYTES, SHARDS};
use crate::report::{Report, mb_per_second, millis, quantile};
use crate::stream;
pub use readers::{Kind, serve};
use readers::{Readers, read_all};

const WRITERS: usize = 8;

pub async fn run(bin: &Path, scratch: &Path, seconds: u64) -> Result<()> {
    let time = Duration::from_secs(seconds);
    let report = Report::new(
        "GetRecords, 500-byte records, 8 shards, a reader for each",
        &["what", "MB/s read", "MB/s written", "of the writers alone", "p99 of an acknowledgement"],
    );
    let mut server = Server::start(Options::new(bin).scratch(scratch)).await?;
    let client = server.client();
    stream::create(&client, stream::NAME, SHARDS).await?;
    let bodies = Arc::new(ingest::bodies(&client)?);
    ingest::load(&client, &bodies, WRITERS, time).await?;

    // What was written is on disk only, but for the page cache.
    server.kill().await?;
    server.restart().await?;
    let client = server.client();
    let rt = Rt::system();
    let start = rt.instant();
    let read = read_all(&client, &Arc::default(), Kind::Once).await?;
    let history = mb_per_second(read, rt.instant().duration_since(start));
    report.row(&[
        "history alone, from disk".into(),
        format!("{history:.0}"),
        "-".into(),
        "-".into(),
        "-".into(),
    ]);

    for load in [Load::All, Load::Half] {
        for kind in [Kind::Tail, Kind::Again] {
            // Each beside its own figure: what a disk and a machine's memory take is not the same at any two moments.
            let alone = load.run(&server.client(), &bodies, time).await?;
            report.row(&alone.row(load.name(), None, &alone));
            let (read, written) = beside_writers(&server, &bodies, time, kind, load).await?;
            report.row(&written.row(kind.name(), Some(read), &alone));
        }
    }
    report.note(
        "Payload bytes; answers are JSON with base64. Readers, writers and the server share the same cores. Beside \
         writers, the clients that read are a process of the lowest priority, so that what writers lose is the server's \
         doing.",
    );
    server.stop().await
}

/// What the writers do.
#[derive(Clone, Copy)]
enum Load {
    /// All they can.
    All,
    /// What is due.
    Half,
}

/// What the writers got.
struct Written {
    took: Duration,
    rate: f64,
    p99: Duration,
}

impl Load {
    fn name(self) -> &'static str {
        match self {
            Load::All => "writers alone, 8 clients",
            Load::Half => "writers alone, 152 MB/s offered",
        }
    }

    async fn run(self, client: &Client, bodies: &Arc<Vec<Prepared>>, time: Duration) -> Result<Written> {
        let rt = Rt::system();
        let start = rt.instant();
        let (bytes, mut waits) = match self {
            Load::All => {
                let (bytes, _, waits) = ingest::load(client, bodies, WRITERS, time).await?;
                (bytes, waits)
            }
            Load::Half => {
                let (waits, refused) = stream::paced(client, bodies, HALF_LOAD_BATCHES, time).await?;
                ensure!(refused == 0, "{refused} batches were refused");
                ((waits.len() * ingest::BATCH * RECORD_BYTES) as u64, waits)
            }
        };
        let took = rt.instant().duration_since(start);
        Ok(Written { took, rate: mb_per_second(bytes, took), p99: quantile(&mut waits, 0.99) })
    }
}

impl Written {
    fn row(&self, name: &str, read: Option<f64>, alone: &Written) -> [String; 5] {
        let read = read.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.0}"));
        let part = format!("{:.2}", self.rate / alone.rate);
        [name.into(), read, format!("{:.0}", self.rate), part, millis(self.p99)]
    }
}

async fn beside_writers(
    server: &Server,
    bodies: &Arc<Vec<Prepared>>,
    time: Duration,
    kind: Kind,
    load: Load,
) -> Result<(f64, Written)> {
    let readers = Readers::start(server.endpoint(), kind)?;
    let written = load.run(&server.client(), bodies, time).await?;
    let read = readers.stop().await?;
    Ok((mb_per_second(read, written.took), written))
}
