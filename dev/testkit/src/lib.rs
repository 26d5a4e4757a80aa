//! The real binary under test: started on a free port with a data directory of its own, killed, restarted.
//!
//! Readiness is asked for, never guessed: the server is up when it answers its health endpoint.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use aws::client::{Client, Credentials};
use bytes::Bytes;
use http::Method;
use rt::Rt;
use tempfile::TempDir;
use tokio::process::{Child, Command};

const ACCESS_KEY: &str = "MULGILTESTKIT0000000";
const SECRET_KEY: &str = "testkit-secret-access-key-0000000000000";
const REGION: &str = "us-east-1";
const READY_LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(2);

/// A client of the server at `endpoint` that signs with its key.
pub fn client(endpoint: &str) -> Client {
    Client::new(endpoint, Credentials::new(ACCESS_KEY, SECRET_KEY), REGION)
}

/// How to start a server.
#[derive(Clone, Debug)]
pub struct Options {
    bin: PathBuf,
    scratch: PathBuf,
    args: Vec<String>,
}

impl Options {
    pub fn new(bin: impl Into<PathBuf>) -> Options {
        Options { bin: bin.into(), scratch: std::env::temp_dir(), args: Vec::new() }
    }

    /// The binary named by `MULGIL_BIN`.
    ///
    /// # Errors
    /// When the variable is not set.
    pub fn from_environment() -> Result<Options> {
        Ok(Options::new(std::env::var_os("MULGIL_BIN").context("MULGIL_BIN is not set")?))
    }

    /// Where the data directory is made.
    #[must_use]
    pub fn scratch(mut self, path: &Path) -> Options {
        path.clone_into(&mut self.scratch);
        self
    }

    /// One more argument of `mulgil serve`.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Options {
        self.args.push(arg.into());
        self
    }
}

/// A running server. Its process ends with the value.
#[derive(Debug)]
pub struct Server {
    options: Options,
    home: TempDir,
    child: Child,
    endpoint: String,
}

impl Server {
    /// Starts the binary on a fresh data directory and waits until it answers.
    ///
    /// # Errors
    /// When it ends or does not answer in time.
    pub async fn start(options: Options) -> Result<Server> {
        let home = tempfile::Builder::new().prefix("mulgil-test-").tempdir_in(&options.scratch)?;
        let (child, endpoint) = launch(&options, home.path(), "127.0.0.1:0").await?;
        Ok(Server { options, home, child, endpoint })
    }

    /// SIGKILL, at once.
    ///
    /// # Errors
    /// When the process cannot be killed or waited for.
    pub async fn kill(&mut self) -> Result<()> {
        self.child.kill().await.context("the server cannot be killed")
    }

    /// Starts again on the same data directory and port.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub async fn restart(&mut self) -> Result<()> {
        let address = self.endpoint.trim_start_matches("http://").to_owned();
        (self.child, self.endpoint) = launch(&self.options, self.home.path(), &address).await?;
        Ok(())
    }

    /// A client that signs with the server's key.
    pub fn client(&self) -> Client {
        client(&self.endpoint)
    }

    /// What programs that sign themselves find in their environment.
    pub fn environment(&self) -> [(&'static str, &'static str); 3] {
        [("AWS_ACCESS_KEY_ID", ACCESS_KEY), ("AWS_SECRET_ACCESS_KEY", SECRET_KEY), ("AWS_REGION", REGION)]
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub fn data_dir(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// # Panics
    /// When the process has ended.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("the process runs")
    }

    /// Ends the process as a service manager would and waits for it.
    ///
    /// # Errors
    /// When it does not end cleanly.
    pub async fn stop(mut self) -> Result<()> {
        let terminated = Command::new("kill").arg(self.pid().to_string()).status().await?;
        let status = self.child.wait().await?;
        if !terminated.success() || !status.success() {
            bail!("the server ended with {status}");
        }
        Ok(())
    }
}

async fn launch(options: &Options, home: &Path, listen: &str) -> Result<(Child, String)> {
    let data_dir = home.join("data");
    let announced = data_dir.join("endpoint.json");
    // Else the address of the process before would be taken for the new one's.
    let _ = std::fs::remove_file(&announced);
    let log = std::fs::OpenOptions::new().create(true).append(true).open(home.join("log"))?;
    let mut child = Command::new(&options.bin)
        .args(["serve", "--listen", listen, "--region", REGION, "--data-dir"])
        .arg(&data_dir)
        .args(&options.args)
        .env("MULGIL_ACCESS_KEY_ID", ACCESS_KEY)
        .env("MULGIL_SECRET_ACCESS_KEY", SECRET_KEY)
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{} cannot be started", options.bin.display()))?;
    let endpoint = ready(&mut child, &announced)
        .await
        .with_context(|| std::fs::read_to_string(home.join("log")).unwrap_or_default())?;
    Ok((child, endpoint))
}

async fn ready(child: &mut Child, announced: &Path) -> Result<String> {
    let rt = Rt::system();
    let start = rt.instant();
    while rt.instant().duration_since(start) < READY_LIMIT {
        if let Some(status) = child.try_wait()? {
            bail!("the server ended with {status}");
        }
        if let Some(endpoint) = endpoint(announced)
            && healthy(&endpoint).await
        {
            return Ok(endpoint);
        }
        rt.sleep(POLL).await;
    }
    bail!("the server does not answer after {READY_LIMIT:?}")
}

fn endpoint(announced: &Path) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(&std::fs::read(announced).ok()?).ok()?;
    value["endpoint"].as_str().map(str::to_owned)
}

async fn healthy(endpoint: &str) -> bool {
    let answer = client(endpoint).send(Method::GET, "s3", "/_mulgil/health", &[], &[], Bytes::new()).await;
    answer.is_ok_and(|answer| answer.status.is_success())
}
