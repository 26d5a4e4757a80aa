use std::path::{Path, PathBuf};

use anyhow::Result;

pub fn run(_root: &Path, _models: Option<PathBuf>) -> Result<()> {
    Ok(())
}
