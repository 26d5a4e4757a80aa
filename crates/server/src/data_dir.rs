//! The data directory: who may open it, which version wrote it, and the two small files beside the engines'
//! own: the generated access key and the address of the running server.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rt::Rt;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::config::Credentials;

/// Version of the directory's layout. A newer number is refused, an older one would be migrated here.
const LAYOUT: u32 = 1;

const CREDENTIALS: &str = "credentials.json";
const ENDPOINT: &str = "endpoint.json";
const LOCK: &str = "LOCK";
const VERSION: &str = "VERSION";

/// An opened, locked data directory. The lock goes with the value.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
    /// Removes the directory when dropped, for `--ephemeral`.
    _temporary: Option<tempfile::TempDir>,
}

/// Where a server listens; written for `mulgil env`, `sql` and `status`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Endpoint {
    pub endpoint: String,
    pub pid: u32,
    pub account: String,
    pub region: String,
    /// The certificate to trust for TLS, where it was generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
}

#[derive(Serialize, Deserialize)]
struct StoredCredentials {
    access_key_id: String,
    secret_access_key: String,
}

impl DataDir {
    /// Creates the directory if needed, takes its lock and checks its version.
    ///
    /// # Errors
    /// One sentence: not a directory, not writable, in use by another process, or written by a newer version.
    pub fn open(path: &Path) -> Result<DataDir> {
        DataDir::open_at(path.to_owned(), None)
    }

    /// A directory below the system's temporary one, gone when the value is dropped.
    ///
    /// # Errors
    /// When the temporary directory cannot be created.
    pub fn temporary() -> Result<DataDir> {
        let temporary = tempfile::Builder::new()
            .prefix("mulgil-")
            .tempdir()
            .context("a temporary data directory cannot be created")?;
        DataDir::open_at(temporary.path().to_owned(), Some(temporary))
    }

    fn open_at(path: PathBuf, temporary: Option<tempfile::TempDir>) -> Result<DataDir> {
        let shown = path.display();
        fs::create_dir_all(&path).with_context(|| format!("the data directory {shown} cannot be created"))?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(LOCK))
            .with_context(|| format!("the data directory {shown} cannot be written to"))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            let holder = Endpoint::read(&path).map(|endpoint| format!(" (process {})", endpoint.pid));
            bail!("the data directory {shown} is in use by another mulgil{}", holder.unwrap_or_default());
        }
        check_version(&path)?;
        Ok(DataDir { path, _lock: lock, _temporary: temporary })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The access key kept here, generated the first time.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn credentials(&self, rt: &Rt) -> Result<Credentials> {
        if let Some(stored) = read_credentials(&self.path)? {
            return Ok(stored);
        }
        let generated = StoredCredentials {
            access_key_id: format!("MULGIL{}", &rt.random_hex(7).to_uppercase()),
            secret_access_key: rt.random_hex(20),
        };
        write_private(&self.path.join(CREDENTIALS), &serde_json::to_vec_pretty(&generated)?)
            .with_context(|| format!("the access key cannot be kept in {}", self.path.display()))?;
        Ok(generated.into())
    }

    /// Keeps a configured key where `mulgil env` finds it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep_credentials(&self, credentials: &Credentials) -> Result<()> {
        let stored = StoredCredentials {
            access_key_id: credentials.access_key_id.clone(),
            secret_access_key: credentials.secret_access_key.clone(),
        };
        Ok(write_private(&self.path.join(CREDENTIALS), &serde_json::to_vec_pretty(&stored)?)?)
    }

    /// Tells where this server listens.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn announce(&self, endpoint: &Endpoint) -> Result<()> {
        let path = self.path.join(ENDPOINT);
        Ok(write_private(&path, &serde_json::to_vec_pretty(endpoint)?)?)
    }
}

impl Endpoint {
    /// The last announcement in a data directory, if there is one.
    pub fn read(data_dir: &Path) -> Option<Endpoint> {
        serde_json::from_slice(&fs::read(data_dir.join(ENDPOINT)).ok()?).ok()
    }
}

/// The access key kept in a data directory.
///
/// # Errors
/// When the file is there and cannot be read.
pub fn read_credentials(data_dir: &Path) -> Result<Option<Credentials>> {
    let path = data_dir.join(CREDENTIALS);
    match fs::read(&path) {
        Ok(bytes) => {
            let stored: StoredCredentials =
                serde_json::from_slice(&bytes).with_context(|| format!("{} is not valid", path.display()))?;
            Ok(Some(stored.into()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}

impl From<StoredCredentials> for Credentials {
    fn from(stored: StoredCredentials) -> Credentials {
        Credentials { access_key_id: stored.access_key_id, secret_access_key: stored.secret_access_key }
    }
}

fn check_version(path: &Path) -> Result<()> {
    let file = path.join(VERSION);
    match fs::read_to_string(&file) {
        Ok(text) => match text.trim().parse::<u32>() {
            Ok(found) if found <= LAYOUT => Ok(()),
            Ok(found) => bail!(
                "the data directory {} was written by a newer mulgil (layout {found}, this one reads {LAYOUT})",
                path.display()
            ),
            Err(_) => {
                bail!("{} does not hold a layout version: is this a mulgil data directory?", file.display())
            }
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            write_private(&file, format!("{LAYOUT}\n").as_bytes())
                .with_context(|| format!("the data directory {} cannot be written to", path.display()))
        }
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", file.display())),
    }
}

/// Writes beside, syncs and renames, so that a crash leaves the old file or the new one. Owner-only.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_process_is_told_that_the_directory_is_in_use() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataDir::open(dir.path()).unwrap();
        let error = DataDir::open(dir.path()).unwrap_err();
        assert!(error.to_string().contains("in use"), "{error}");
        drop(first);
        DataDir::open(dir.path()).unwrap();
    }

    #[test]
    fn a_newer_layout_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(VERSION), "2\n").unwrap();
        assert!(DataDir::open(dir.path()).unwrap_err().to_string().contains("newer"));
    }

    #[test]
    fn the_generated_key_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let opened = DataDir::open(dir.path()).unwrap();
        let first = opened.credentials(&Rt::system()).unwrap();
        let second = opened.credentials(&Rt::system()).unwrap();
        assert_eq!(first.access_key_id, second.access_key_id);
        assert_eq!(first.access_key_id.len(), 20);
        assert_eq!(first.secret_access_key.len(), 40);
    }
}
