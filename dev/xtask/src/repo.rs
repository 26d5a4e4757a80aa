//! Where things stand in the work tree.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The root of the work tree, found upwards from the current folder.
pub fn root() -> Result<PathBuf> {
    let here = std::env::current_dir().context("the current folder is not readable")?;
    here.ancestors()
        .find(|folder| folder.join("dev/models.toml").is_file())
        .map(Path::to_path_buf)
        .context("run this inside the work tree: no dev/models.toml above the current folder")
}

/// The folder of a service crate.
pub fn service(root: &Path, name: &str) -> PathBuf {
    root.join("crates/services").join(name)
}

pub fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

pub fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Compares a generated file with its fresh text, or writes it. True when the file on disk differed.
pub fn settle(path: &Path, text: &str, check: bool) -> Result<bool> {
    let old = std::fs::read_to_string(path).unwrap_or_default();
    if old != text && !check {
        write(path, text)?;
    }
    Ok(old != text)
}
