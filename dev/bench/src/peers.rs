//! The same 500-byte records into other systems people put in this place, each started here as it ships.
//!
//! What a machine lacks the tools for is left out, and the table says so.

mod connect;
mod install;
mod kafka;
mod kinesis;
mod process;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use rt::Rt;

use crate::report::Report;

/// A peer that does not come up or does not finish is given up.
const PEER_TIME_MAX: Duration = Duration::from_secs(180);

/// What was seen of one system.
struct Measured {
    mb_per_second: f64,
    /// Until a batch was acknowledged.
    p50: String,
    p99: String,
    /// Resident after the load.
    memory_mb: u64,
    /// When an acknowledged record is on the disk.
    durable: &'static str,
}

pub async fn run(bin: &Path, scratch: &Path, seconds: u64) -> Result<()> {
    let time = Duration::from_secs(seconds);
    let report = Report::new(
        "Peers: 500-byte records, all acknowledged, load generator on the same cores",
        &["what", "MB/s of payload", "of Mulgil", "p50", "p99", "resident", "on disk"],
    );
    let mulgil = kinesis::mulgil(bin, scratch, time).await?;
    row(&report, "Mulgil, PutRecords, 8 clients", &mulgil, mulgil.mb_per_second);
    let peers = [Peer::Kinesalite, Peer::KinesisLocal, Peer::KafkaAsShipped, Peer::KafkaFlushing];
    for peer in peers {
        match measure(peer, scratch, time).await {
            Ok(measured) => row(&report, peer.name(), &measured, mulgil.mb_per_second),
            Err(error) => report.row(&[format!("{} LEFT OUT: {error:#}", peer.name())]),
        }
    }
    report.note(
        "A wait is that of one PutRecords of 500 records, and of one record through Kafka's own producer and its buffer \
         (acks=all, 8 partitions, batches of at most 250 kB, one producer with five requests under way). \
         Kafka's rate is that of its best five seconds.",
    );
    connect::run(bin, scratch).await
}

async fn measure(peer: Peer, scratch: &Path, time: Duration) -> Result<Measured> {
    peer.install().await?;
    let measured = Rt::system().timeout(PEER_TIME_MAX, peer.measure(scratch, time)).await;
    measured.with_context(|| format!("gave up after {PEER_TIME_MAX:?}"))?
}

#[derive(Clone, Copy)]
enum Peer {
    Kinesalite,
    KinesisLocal,
    KafkaAsShipped,
    KafkaFlushing,
}

impl Peer {
    fn name(self) -> &'static str {
        match self {
            Peer::Kinesalite => "kinesalite 3.3.3, PutRecords, 8 clients",
            Peer::KinesisLocal => "kinesis-local 0.6.2, PutRecords, 8 clients",
            Peer::KafkaAsShipped => "Apache Kafka 4.1.1 as shipped",
            Peer::KafkaFlushing => "Apache Kafka 4.1.1, log.flush.interval.messages=1",
        }
    }

    async fn install(self) -> Result<()> {
        match self {
            Peer::Kinesalite | Peer::KinesisLocal => install::node_modules().await.map(drop),
            Peer::KafkaAsShipped | Peer::KafkaFlushing => install::kafka().await.map(drop),
        }
    }

    async fn measure(self, scratch: &Path, time: Duration) -> Result<Measured> {
        match self {
            Peer::Kinesalite => kinesis::kinesalite(scratch, time).await,
            Peer::KinesisLocal => kinesis::kinesis_local(scratch, time).await,
            Peer::KafkaAsShipped => kafka::as_shipped(scratch, time).await,
            Peer::KafkaFlushing => kafka::flushing(scratch, time).await,
        }
    }
}

fn row(report: &Report, name: &str, measured: &Measured, mulgil: f64) {
    let Measured { mb_per_second, p50, p99, memory_mb, durable } = measured;
    report.row(&[
        name.into(),
        format!("{mb_per_second:.1}"),
        format!("{:.2}", mb_per_second / mulgil.max(f64::MIN_POSITIVE)),
        p50.clone(),
        p99.clone(),
        format!("{memory_mb} MB"),
        (*durable).into(),
    ]);
}
