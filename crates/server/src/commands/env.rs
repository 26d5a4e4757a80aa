use anyhow::{Context, Result, bail};

use crate::cli::EnvArgs;
use crate::config::{Credentials, default_data_dir};
use crate::data_dir::{Endpoint, read_credentials};

/// Prints `export` lines for a POSIX shell. boto3 and the first AWS CLI read `AWS_DEFAULT_REGION`, the
/// newer SDKs `AWS_REGION`, so both are printed.
///
/// # Errors
/// When no server has used the data directory yet.
pub fn run(args: &EnvArgs) -> Result<()> {
    let data_dir = args.client.data_dir.clone().map_or_else(default_data_dir, Ok)?;
    let Some(endpoint) = Endpoint::read(&data_dir) else {
        bail!("no server has run in {}: start one with `mulgil serve`", data_dir.display());
    };
    let credentials = read_credentials(&data_dir)?
        .with_context(|| format!("{} holds no access key", data_dir.display()))?;
    for (name, value) in variables(&endpoint, credentials, args.tls) {
        println!("export {name}={}", quoted(&value));
    }
    Ok(())
}

fn variables(endpoint: &Endpoint, credentials: Credentials, tls: bool) -> Vec<(&'static str, String)> {
    let url = if tls { endpoint.endpoint.replacen("http:", "https:", 1) } else { endpoint.endpoint.clone() };
    let mut variables = vec![
        ("AWS_ENDPOINT_URL", url),
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key),
        ("AWS_REGION", endpoint.region.clone()),
        ("AWS_DEFAULT_REGION", endpoint.region.clone()),
    ];
    let Some(ca) = endpoint.ca.as_ref().map(|ca| ca.display().to_string()) else { return variables };
    if tls {
        // It replaces all that boto3 and the AWS CLI trust: with it, no endpoint of AWS itself can be reached
        // from this shell. That does no harm where every call comes here over TLS, and only there.
        variables.push(("AWS_CA_BUNDLE", ca.clone()));
        // Node adds it to what it trusts.
        variables.push(("NODE_EXTRA_CA_CERTS", ca.clone()));
    }
    // For clients that are told of a CA one by one.
    variables.push(("MULGIL_CA_BUNDLE", ca));
    variables
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
    use super::*;

    #[test]
    fn nothing_replaces_what_a_shell_trusts_unless_it_calls_over_tls() {
        let endpoint = Endpoint {
            endpoint: "http://127.0.0.1:4566".to_owned(),
            pid: 1,
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            ca: Some("/data/tls/ca.pem".into()),
        };
        let keys = || Credentials { access_key_id: "a".to_owned(), secret_access_key: "b".to_owned() };
        let value = |tls, wanted| {
            let found = variables(&endpoint, keys(), tls).into_iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| value)
        };
        assert_eq!(value(false, "AWS_CA_BUNDLE"), None);
        assert_eq!(value(false, "MULGIL_CA_BUNDLE").as_deref(), Some("/data/tls/ca.pem"));
        assert_eq!(value(true, "AWS_CA_BUNDLE").as_deref(), Some("/data/tls/ca.pem"));
        assert_eq!(value(true, "AWS_ENDPOINT_URL").as_deref(), Some("https://127.0.0.1:4566"));
    }

    #[test]
    fn a_value_with_shell_characters_is_quoted() {
        assert_eq!(quoted("http://127.0.0.1:4566"), "http://127.0.0.1:4566");
        assert_eq!(quoted("a b'c$"), r"'a b'\''c$'");
    }
}
