//! One configuration from three places. A flag wins over its `MULGIL_…` variable, the variable over the
//! config file, the file over the default.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use flow::FlowSettings;
use lake::iceberg::UpkeepSettings;
use names::{AccountId, Region};
use serde::Deserialize;

use crate::cli::{LogFormat, ServeArgs, ShardLimits, Switch};

const LISTEN: &str = "127.0.0.1:4566";
const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";
/// `s3s` logs the mistakes of clients as errors of its own, bodies included.
const LOG: &str = "info,s3s=off";

/// Everything `serve` needs to know, checked.
#[derive(Debug)]
pub struct Config {
    pub home: Home,
    pub listen: SocketAddr,
    /// True where the user chose the address, so that another must not be taken silently.
    pub listen_chosen: bool,
    pub account: AccountId,
    pub region: Region,
    pub credentials: Vec<Credentials>,
    pub insecure_any_credentials: bool,
    /// What limits a shard of a stream.
    pub kinesis_limits: ShardLimits,
    /// The user's own certificate; one is generated without.
    pub tls: Option<TlsFiles>,
    /// What a reader of `/metrics` must send. Without one, loopback alone may read.
    pub metrics_token: Option<Token>,
    /// Certificate authorities that endpoints of deliveries may use beside the system's, PEM.
    pub delivery_ca: Option<PathBuf>,
    /// What deliveries may hold.
    pub flow: FlowSettings,
    /// How Iceberg tables are kept in shape.
    pub upkeep: UpkeepSettings,
    pub log: String,
    pub log_format: LogFormat,
}

/// A certificate with its chain, and its private key, both as PEM.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Where state lives.
#[derive(Debug, Clone)]
pub enum Home {
    Directory(PathBuf),
    /// A temporary directory, removed at exit.
    Ephemeral,
}

/// A long-lived key of the local account's root.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// The config file; every field is optional and named as its flag.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    data_dir: Option<PathBuf>,
    listen: Option<String>,
    account: Option<String>,
    region: Option<String>,
    ephemeral: Option<bool>,
    insecure_any_credentials: Option<bool>,
    tls: Option<TlsFiles>,
    log: Option<String>,
    log_format: Option<LogFormat>,
    #[serde(default)]
    credentials: Vec<Credentials>,
    #[serde(default)]
    kinesis: KinesisFile,
    #[serde(default)]
    metrics: MetricsFile,
    #[serde(default)]
    delivery: DeliveryFile,
    #[serde(default)]
    upkeep: UpkeepFile,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct KinesisFile {
    limits: Option<ShardLimits>,
}

/// A secret that is never shown.
#[derive(Clone, Deserialize)]
pub struct Token(pub String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct MetricsFile {
    token: Option<Token>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeliveryFile {
    ca: Option<PathBuf>,
    memory_bytes: Option<usize>,
    partition_bytes: Option<usize>,
}

impl DeliveryFile {
    fn settings(&self) -> FlowSettings {
        let default = FlowSettings::default();
        FlowSettings {
            memory_bytes: self.memory_bytes.unwrap_or(default.memory_bytes),
            partition_bytes: self.partition_bytes.unwrap_or(default.partition_bytes),
            ..default
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct UpkeepFile {
    enabled: Option<bool>,
    interval_seconds: Option<u64>,
    round_bytes: Option<u64>,
    memory_bytes: Option<usize>,
}

impl UpkeepFile {
    fn settings(&self, switch: Option<Switch>) -> UpkeepSettings {
        let mut settings = UpkeepSettings::default();
        let switch = switch.map(|switch| switch == Switch::On);
        settings.enabled = switch.or(self.enabled).unwrap_or(settings.enabled);
        settings.interval = self.interval_seconds.map_or(settings.interval, Duration::from_secs);
        settings.round_bytes_max = self.round_bytes.unwrap_or(settings.round_bytes_max);
        settings.compact.memory_bytes_max = self.memory_bytes.unwrap_or(settings.compact.memory_bytes_max);
        settings
    }
}

impl Config {
    /// Merges the flags (which already include the environment) with the config file and the defaults.
    ///
    /// # Errors
    /// One sentence naming the setting that is wrong.
    pub fn load(args: &ServeArgs) -> Result<Config> {
        let file = args.config.as_deref().map(File::read).transpose()?.unwrap_or_default();
        let listen = args.listen.clone().or(file.listen);
        let account = args.account.clone().or(file.account).unwrap_or_else(|| ACCOUNT.to_owned());
        let region = args.region.clone().or(file.region).unwrap_or_else(|| REGION.to_owned());
        let data_dir = args.data_dir.clone().or(file.data_dir);
        let home = if args.ephemeral || file.ephemeral.unwrap_or(false) {
            Home::Ephemeral
        } else {
            Home::Directory(data_dir.map_or_else(default_data_dir, Ok)?)
        };
        let mut credentials = file.credentials;
        credentials.extend(credentials_from_environment()?);
        let config = Config {
            home,
            listen_chosen: listen.is_some(),
            listen: parse_listen(listen.as_deref().unwrap_or(LISTEN))?,
            account: AccountId::new(&account)
                .with_context(|| format!("account '{account}' is not twelve digits"))?,
            region: Region::new(&region)
                .with_context(|| format!("region '{region}' is not a region name"))?,
            credentials,
            insecure_any_credentials: args.insecure_any_credentials
                || file.insecure_any_credentials.unwrap_or(false),
            kinesis_limits: args.kinesis_limits.or(file.kinesis.limits).unwrap_or(ShardLimits::Machine),
            tls: tls_files(args)?.or(file.tls),
            metrics_token: environment("MULGIL_METRICS_TOKEN").map(Token).or(file.metrics.token),
            flow: file.delivery.settings(),
            delivery_ca: args.delivery_ca.clone().or(file.delivery.ca),
            upkeep: file.upkeep.settings(args.upkeep),
            log: args.log.clone().or(file.log).unwrap_or_else(|| LOG.to_owned()),
            log_format: args.log_format.or(file.log_format).unwrap_or(LogFormat::Text),
        };
        config.check_exposure()?;
        Ok(config)
    }

    /// Nobody should serve a network by accident: beyond loopback the user must have chosen who may.
    fn check_exposure(&self) -> Result<()> {
        if self.listen.ip().is_loopback() {
            return Ok(());
        }
        if self.insecure_any_credentials {
            bail!("--insecure-any-credentials is for loopback addresses only, not {}", self.listen);
        }
        if self.credentials.is_empty() {
            bail!(
                "refusing to listen on {} without configured credentials: set MULGIL_ACCESS_KEY_ID and \
                 MULGIL_SECRET_ACCESS_KEY, or [[credentials]] in the config file",
                self.listen
            );
        }
        Ok(())
    }
}

/// `$XDG_DATA_HOME/mulgil`, else `~/.local/share/mulgil`.
///
/// # Errors
/// When neither variable is set.
pub fn default_data_dir() -> Result<PathBuf> {
    if let Some(base) = std::env::var_os("XDG_DATA_HOME").filter(|value| !value.is_empty()) {
        return Ok(PathBuf::from(base).join("mulgil"));
    }
    let home = std::env::var_os("HOME").context("neither --data-dir nor HOME is set")?;
    Ok(PathBuf::from(home).join(".local/share/mulgil"))
}

impl File {
    fn read(path: &Path) -> Result<File> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the config file {} cannot be read", path.display()))?;
        toml::from_str(&text).with_context(|| format!("the config file {} is not valid", path.display()))
    }
}

/// Secrets come from the environment or the file, never from a flag that `ps` shows.
fn credentials_from_environment() -> Result<Option<Credentials>> {
    match (environment("MULGIL_ACCESS_KEY_ID"), environment("MULGIL_SECRET_ACCESS_KEY")) {
        (Some(access_key_id), Some(secret_access_key)) => {
            Ok(Some(Credentials { access_key_id, secret_access_key }))
        }
        (None, None) => Ok(None),
        _ => bail!("MULGIL_ACCESS_KEY_ID and MULGIL_SECRET_ACCESS_KEY must be set together"),
    }
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn tls_files(args: &ServeArgs) -> Result<Option<TlsFiles>> {
    match (args.tls_certificate.clone(), args.tls_key.clone()) {
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
        (None, None) => Ok(None),
        _ => bail!("--tls-certificate and --tls-key must be given together"),
    }
}

fn parse_listen(text: &str) -> Result<SocketAddr> {
    use std::net::ToSocketAddrs;
    text.to_socket_addrs()
        .ok()
        .and_then(|mut addresses| addresses.next())
        .with_context(|| format!("listen address '{text}' is not HOST:PORT"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> ServeArgs {
        ServeArgs { data_dir: Some("/nowhere".into()), ..ServeArgs::default() }
    }

    fn with_file(text: &str, args: ServeArgs) -> Result<Config> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mulgil.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(&ServeArgs { config: Some(path), ..args })
    }

    #[test]
    fn defaults_stay_on_loopback() {
        let config = Config::load(&args()).unwrap();
        assert_eq!(config.listen.to_string(), LISTEN);
        assert!(!config.listen_chosen);
    }

    #[test]
    fn a_flag_wins_over_the_file() {
        let flags = ServeArgs { region: Some("eu-west-1".into()), ..args() };
        let config = with_file("region = 'ap-northeast-2'\nlog = 'debug'", flags).unwrap();
        assert_eq!(config.region.as_str(), "eu-west-1");
        assert_eq!(config.log, "debug");
    }

    #[test]
    fn the_limits_of_shards_are_chosen_by_name() {
        assert_eq!(Config::load(&args()).unwrap().kinesis_limits, ShardLimits::Machine);
        assert_eq!(with_file("kinesis.limits = 'aws'", args()).unwrap().kinesis_limits, ShardLimits::Aws);
        let error = with_file("kinesis.limits = 'none'", args()).unwrap_err();
        assert!(format!("{error:#}").contains("machine"), "{error:#}");
    }

    #[test]
    fn upkeep_has_a_switch_and_a_budget() {
        assert!(Config::load(&args()).unwrap().upkeep.enabled);
        let text = "[upkeep]\nenabled = false\ninterval_seconds = 5\nround_bytes = 7\nmemory_bytes = 8";
        let upkeep = with_file(text, args()).unwrap().upkeep;
        assert_eq!((upkeep.enabled, upkeep.interval), (false, Duration::from_secs(5)));
        assert_eq!((upkeep.round_bytes_max, upkeep.compact.memory_bytes_max), (7, 8));
        let on = ServeArgs { upkeep: Some(Switch::On), ..args() };
        assert!(with_file(text, on).unwrap().upkeep.enabled);
    }

    #[test]
    fn the_memory_of_deliveries_is_chosen() {
        let flow = with_file("[delivery]\nmemory_bytes = 7\npartition_bytes = 8", args()).unwrap().flow;
        assert_eq!((flow.memory_bytes, flow.partition_bytes), (7, 8));
        assert_eq!(Config::load(&args()).unwrap().flow.partition_bytes, 64 << 20);
    }

    #[test]
    fn an_unknown_setting_in_the_file_is_named() {
        let error = with_file("regoin = 'x'", args()).unwrap_err();
        assert!(format!("{error:#}").contains("regoin"), "{error:#}");
    }

    #[test]
    fn a_certificate_comes_with_its_key() {
        let given = with_file("[tls]\ncertificate = 'a.pem'\nkey = 'b.pem'", args()).unwrap();
        assert_eq!(given.tls.unwrap().key, PathBuf::from("b.pem"));
        let error = with_file("[tls]\ncertificate = 'a.pem'", args()).unwrap_err();
        assert!(format!("{error:#}").contains("key"), "{error:#}");
        let flags = ServeArgs { tls_certificate: Some("c.pem".into()), ..args() };
        assert!(Config::load(&flags).unwrap_err().to_string().contains("given together"));
    }

    #[test]
    fn the_token_of_metrics_comes_from_the_file_and_is_not_shown() {
        let config = with_file("metrics.token = 'a-secret'", args()).unwrap();
        assert_eq!(config.metrics_token.as_ref().map(|token| token.0.as_str()), Some("a-secret"));
        assert!(!format!("{config:?}").contains("a-secret"));
    }

    #[test]
    fn beyond_loopback_needs_credentials() {
        let open = ServeArgs { listen: Some("0.0.0.0:0".into()), ..args() };
        assert!(Config::load(&open).unwrap_err().to_string().contains("without configured credentials"));
        let keys = "[[credentials]]\naccess_key_id = 'a'\nsecret_access_key = 'b'";
        assert!(with_file(keys, open.clone()).is_ok());
        let insecure = ServeArgs { insecure_any_credentials: true, ..open };
        assert!(with_file(keys, insecure).unwrap_err().to_string().contains("loopback"));
    }
}
