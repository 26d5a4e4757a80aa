//! Peers come from npm and Maven in the versions pinned beside this crate, once, into the user's cache.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

const INSTALL_TIME_MAX: Duration = Duration::from_secs(300);

/// A file that pins versions: its name and its text.
type Pin = (&'static str, &'static str);

const NPM: [Pin; 3] = [
    ("package.json", include_str!("../../peers/npm/package.json")),
    ("package-lock.json", include_str!("../../peers/npm/package-lock.json")),
    (".npmrc", include_str!("../../peers/npm/.npmrc")),
];
const KAFKA: [Pin; 1] = [("pom.xml", include_str!("../../peers/kafka/pom.xml"))];
const CONNECT: [Pin; 1] = [("pom.xml", include_str!("../../peers/connect/pom.xml"))];

/// The `node_modules` folder with the servers written for Node.
pub async fn node_modules() -> Result<PathBuf> {
    let folder =
        installed("bench-npm", &NPM, &["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]).await?;
    Ok(folder.join("node_modules"))
}

/// The class path of the Kafka broker and its tools.
pub async fn kafka() -> Result<String> {
    jars("bench-kafka", &KAFKA).await
}

/// The class path of Kafka Connect with Iceberg's sink, and of the broker and its tools.
pub async fn connect() -> Result<String> {
    jars("bench-connect", &CONNECT).await
}

async fn jars(name: &str, pins: &[Pin]) -> Result<String> {
    let copy = ["mvn", "-q", "-B", "-ntp", "dependency:copy-dependencies", "-DoutputDirectory=lib"];
    let folder = installed(name, pins, &copy).await?;
    Ok(format!("{}/lib/*", folder.display()))
}

async fn installed(name: &str, pins: &[Pin], command: &[&str]) -> Result<PathBuf> {
    let folder = cache()?.join(name);
    let ready = folder.join(".ready");
    let pinned: String = pins.iter().map(|(_, text)| *text).collect();
    if std::fs::read_to_string(&ready).is_ok_and(|made_of| made_of == pinned) {
        return Ok(folder);
    }
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    for (file, text) in pins {
        std::fs::write(folder.join(file), text)?;
    }
    run(&folder, command).await?;
    std::fs::write(ready, pinned)?;
    Ok(folder)
}

async fn run(folder: &Path, command: &[&str]) -> Result<()> {
    let tool = command[0];
    let mut child = Command::new(tool);
    child.args(&command[1..]).current_dir(folder).kill_on_drop(true);
    let done = rt::Rt::system().timeout(INSTALL_TIME_MAX, child.output()).await;
    let done = done.with_context(|| format!("{tool} took more than {INSTALL_TIME_MAX:?}"))?;
    let done = done.with_context(|| format!("{tool} cannot be started"))?;
    let said = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "{tool} failed: {}", said.lines().last().unwrap_or_default());
    Ok(())
}

fn cache() -> Result<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
    Ok(cache.context("neither XDG_CACHE_HOME nor HOME is set")?.join("mulgil").join("peers"))
}
