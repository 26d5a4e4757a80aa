use anyhow::{Context, Result, bail};

use crate::cli::ClientArgs;
use crate::config::default_data_dir;
use crate::data_dir::{Endpoint, read_credentials};

/// Prints `export` lines for a POSIX shell. boto3 and the first AWS CLI read `AWS_DEFAULT_REGION`, the
/// newer SDKs `AWS_REGION`, so both are printed.
///
/// # Errors
/// When no server has used the data directory yet.
pub fn run(args: &ClientArgs) -> Result<()> {
    let data_dir = args.data_dir.clone().map_or_else(default_data_dir, Ok)?;
    let Some(endpoint) = Endpoint::read(&data_dir) else {
        bail!("no server has run in {}: start one with `mulgil serve`", data_dir.display());
    };
    let credentials = read_credentials(&data_dir)?
        .with_context(|| format!("{} holds no access key", data_dir.display()))?;
    for (name, value) in [
        ("AWS_ENDPOINT_URL", &endpoint.endpoint),
        ("AWS_ACCESS_KEY_ID", &credentials.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", &credentials.secret_access_key),
        ("AWS_REGION", &endpoint.region),
        ("AWS_DEFAULT_REGION", &endpoint.region),
    ] {
        println!("export {name}={}", quoted(value));
    }
    Ok(())
}

/// Bare where the shell would not touch it, else in single quotes.
fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/@%+=,".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_value_with_shell_characters_is_quoted() {
        assert_eq!(quoted("http://127.0.0.1:4566"), "http://127.0.0.1:4566");
        assert_eq!(quoted("a b'c$"), r"'a b'\''c$'");
    }
}
