//! From starting the process to its first answered request, and what it holds when idle.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use testkit::{Options, Server};

use crate::report::{Report, millis, quantile};

const ROUNDS: usize = 10;

pub async fn run(bin: &Path, scratch: &Path) -> Result<()> {
    let mut times = Vec::new();
    let mut memory = 0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let server = Server::start(Options::new(bin).scratch(scratch)).await?;
        times.push(start.elapsed());
        memory = memory.max(resident_kib(server.pid())?);
        server.stop().await?;
    }
    let report = Report::new("Start-up on an empty data directory", &["what", "measured", "target"]);
    report.row(&[
        "process start to first answer, median".into(),
        millis(quantile(&mut times, 0.5)),
        "300 ms".into(),
    ]);
    report.row(&["slowest of ten".into(), millis(quantile(&mut times, 1.0)), "300 ms".into()]);
    report.row(&["resident memory, idle".into(), format!("{} MiB", memory / 1024), "60 MiB".into()]);
    Ok(())
}

/// Resident memory of a process, in KiB.
pub fn resident_kib(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    line.split_whitespace().nth(1).context("no figure")?.parse().context("not a figure")
}
