//! Measures Mulgil beside a direct call of the same work, in one run, and prints ratios.
//!
//! Nothing here asserts: a figure is for reading. Each section isolates one promise and names what it is
//! measured against; payloads are made beforehand, so that the load generator costs as little as it can.

#![expect(
    clippy::disallowed_methods,
    reason = "a bench reads the real clock, beside the runtime it measures"
)]

mod delivery;
mod events;
mod fanout;
mod freshness;
mod ingest;
mod keys;
mod peers;
mod query;
mod reads;
mod report;
mod shards;
mod start;
mod stream;
mod together;
mod upkeep;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, ValueEnum};

#[derive(Debug, Parser)]
struct Args {
    /// The binary to measure.
    #[arg(long)]
    bin: PathBuf,

    /// Sections to run; all of them unless named.
    #[arg(value_enum)]
    sections: Vec<Section>,

    /// Seconds that each rate is measured for.
    #[arg(long, default_value_t = 5)]
    seconds: u64,

    /// Where data directories are made; a real disk says more than a memory file system.
    #[arg(long, default_value = "target")]
    scratch: PathBuf,

    /// Of the process that reads beside writers: the server to read from.
    #[arg(long, hide = true)]
    readers: Option<String>,

    #[arg(long, hide = true, value_enum, default_value_t = reads::Kind::Once)]
    kind: reads::Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Section {
    Start,
    Ingest,
    Delivery,
    Query,
    Together,
    Freshness,
    Upkeep,
    Keys,
    Reads,
    Fanout,
    Shards,
    Peers,
}

/// What runs in this process runs as it does in the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> Result<()> {
    server::memory::keep_freed_pages();
    let args = Args::parse();
    if let Some(endpoint) = &args.readers {
        println!("{}", reads::serve(endpoint, args.kind).await?);
        return Ok(());
    }
    let asked = |section| args.sections.is_empty() || args.sections.contains(&section);
    std::fs::create_dir_all(&args.scratch)?;
    if asked(Section::Start) {
        start::run(&args.bin, &args.scratch).await?;
    }
    if asked(Section::Ingest) {
        ingest::run(&args.bin, &args.scratch, args.seconds).await?;
    }
    if asked(Section::Delivery) {
        delivery::run(&args.scratch).await?;
    }
    if asked(Section::Query) {
        query::run(&args.bin, &args.scratch).await?;
    }
    if asked(Section::Together) {
        together::run(&args.bin, &args.scratch, args.seconds).await?;
    }
    if asked(Section::Freshness) {
        freshness::run(&args.bin, &args.scratch).await?;
    }
    if asked(Section::Upkeep) {
        upkeep::run(&args.scratch).await?;
    }
    if asked(Section::Keys) {
        keys::run(&args.scratch).await?;
    }
    if asked(Section::Reads) {
        reads::run(&args.bin, &args.scratch, args.seconds).await?;
    }
    if asked(Section::Fanout) {
        fanout::run(&args.bin, &args.scratch, args.seconds).await?;
    }
    if asked(Section::Shards) {
        shards::run(&args.bin, &args.scratch).await?;
    }
    if asked(Section::Peers) {
        peers::run(&args.bin, &args.scratch, args.seconds).await?;
    }
    Ok(())
}
