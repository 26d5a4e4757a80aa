//! A peer's server as a child process: ready when its port answers, killed with the value.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rt::Rt;
use tokio::process::{Child, Command};

const READY_TIME_MAX: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

pub struct Process {
    child: Child,
    port: u16,
}

impl Process {
    /// Starts `command` and waits until it accepts connections on `port`.
    pub async fn start(mut command: Command, port: u16, log: &Path) -> Result<Process> {
        let rt = Rt::system();
        let output = std::fs::File::create(log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).kill_on_drop(true);
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        let mut child = command.spawn().with_context(|| format!("{program} cannot be started"))?;
        let start = rt.instant();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if let Some(status) = child.try_wait()? {
                bail!("{program} ended with {status}: {}", last_line(log));
            }
            if rt.instant().duration_since(start) > READY_TIME_MAX {
                bail!("{program} does not listen: {}", last_line(log));
            }
            rt.sleep(POLL).await;
        }
        Ok(Process { child, port })
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Resident memory, in megabytes.
    pub fn memory_mb(&self) -> Result<u64> {
        memory_mb(self.child.id().context("the process has ended")?)
    }

    pub async fn stop(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// Resident memory of a process, in megabytes.
pub fn memory_mb(pid: u32) -> Result<u64> {
    Ok(crate::start::resident_kib(pid)? * 1024 / 1_000_000)
}

/// A port of this machine's own that nobody listens on now.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn last_line(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing").to_owned()
}
