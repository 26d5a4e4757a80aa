use anyhow::{Result, anyhow};
use tracing_subscriber::EnvFilter;

use crate::cli::LogFormat;

/// Structured logs on standard error, so that standard output stays for answers.
///
/// # Errors
/// When the filter is not one.
pub fn start(filter: &str, format: LogFormat) -> Result<()> {
    let filter = EnvFilter::try_new(filter).map_err(|error| anyhow!("log filter '{filter}': {error}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process (tests) keeps the first subscriber.
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    Ok(())
}
