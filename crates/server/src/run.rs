//! From a configuration to a listening server and back to a clean end.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rt::Rt;
use tokio::net::TcpListener;

use crate::config::{Config, Home};
use crate::data_dir::{DataDir, Endpoint};
use crate::tls::Certified;
use crate::wire::Engines;
use crate::{logging, tls, wire};

/// How long running requests, batches and queries may take to finish once stop is asked for.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(20);

/// A listening server. Dropping it does not stop it; [`Running::shutdown`] does.
pub struct Running {
    pub endpoint: String,
    pub data_dir: DataDir,
    engines: Engines,
    rt: Rt,
}

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// One sentence about what keeps the server from starting.
pub async fn serve(config: Config, rt: Rt) -> Result<()> {
    let running = start(&config, rt).await?;
    println!("mulgil {} listens on {}", env!("CARGO_PKG_VERSION"), running.endpoint);
    match config.home {
        Home::Ephemeral => {
            println!("ephemeral: everything is gone at exit; data in {}", running.data_dir.path().display())
        }
        Home::Directory(_) => println!("data in {}", running.data_dir.path().display()),
    }
    if config.insecure_any_credentials {
        println!("INSECURE: any credentials are accepted");
    }
    until_interrupted().await?;
    running.shutdown().await
}

/// Opens the data directory, wires everything and listens.
///
/// # Errors
/// One sentence about what is in the way.
pub async fn start(config: &Config, rt: Rt) -> Result<Running> {
    logging::start(&config.log, config.log_format)?;
    let data_dir = match &config.home {
        Home::Directory(path) => DataDir::open(path)?,
        Home::Ephemeral => DataDir::temporary()?,
    };
    // Taken before the engines start, so that a taken port leaves everything as it was.
    let listener = bind(config.listen).await?;
    let address = listener.local_addr().context("the listener has no address")?;
    let Certified { tls, ca } = tls::open(config, &data_dir, &rt)?;
    let (router, engines) = wire::open(config, &data_dir, &rt).await?;
    rt.spawn("listener", aws::serve_tls(listener, router, rt.stop(), tls));
    let endpoint = format!("http://{address}");
    data_dir.announce(&Endpoint {
        endpoint: endpoint.clone(),
        pid: std::process::id(),
        account: config.account.to_string(),
        region: config.region.to_string(),
        ca,
    })?;
    tracing::info!(endpoint, data_dir = %data_dir.path().display(), "listening");
    Ok(Running { endpoint, data_dir, engines, rt })
}

impl Running {
    /// Finishes what runs, within a limit, and gives the data directory back.
    ///
    /// # Errors
    /// When something did not finish in time. Nothing acknowledged is lost then either.
    pub async fn shutdown(self) -> Result<()> {
        let unfinished = self.rt.shutdown(SHUTDOWN_LIMIT).await;
        // Whoever appends has stopped; what is queued is written.
        self.engines.log.close().await;
        if !unfinished.is_empty() {
            bail!("stopped while still running after {SHUTDOWN_LIMIT:?}: {}", unfinished.join(", "));
        }
        Ok(())
    }
}

/// Resolves at the first SIGINT or SIGTERM.
///
/// # Errors
/// When the process cannot listen for signals.
pub async fn until_interrupted() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be watched")?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.context("SIGINT cannot be watched"),
        _ = terminate.recv() => Ok(()),
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            bail!(
                "{address} is taken by another process: choose another with --listen (port 0 takes a free one)"
            )
        }
        Err(error) => Err(error).with_context(|| format!("cannot listen on {address}")),
    }
}
