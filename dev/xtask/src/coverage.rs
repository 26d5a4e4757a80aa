//! Coverage pages.

use std::path::Path;

use anyhow::Result;

use crate::botocore::Source;

pub fn run(_root: &Path, _source: &Source, _check: bool) -> Result<()> {
    Ok(())
}
