//! What can be typed: commands, flags and the environment variables behind them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// The AWS data pipeline as software you own.
#[derive(Debug, Parser)]
#[command(name = "mulgil", version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Flags win over MULGIL_… variables, which win over the config file, which wins over defaults."
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the AWS APIs until interrupted.
    Serve(ServeArgs),
    /// Play real flights through Kinesis, Firehose, Glue and Athena, then keep serving.
    Demo(DemoArgs),
    /// Run one SQL statement in Athena on the running server and print its answer.
    Sql(SqlArgs),
    /// Print the variables that point AWS SDKs and tools at the server: eval "$(mulgil env)".
    Env(EnvArgs),
    /// Say whether the server runs, where, and what it holds.
    Status(ClientArgs),
    /// Look after delivery streams of the running server.
    #[command(subcommand)]
    Firehose(FirehoseCommand),
    /// Look at the files of the log.
    #[command(subcommand)]
    Log(LogCommand),
}

#[derive(Clone, Debug, Default, Args)]
pub struct ServeArgs {
    /// Where everything is kept [default: $XDG_DATA_HOME/mulgil, else ~/.local/share/mulgil].
    #[arg(long, value_name = "DIR", env = "MULGIL_DATA_DIR")]
    pub data_dir: Option<PathBuf>,

    /// Address to listen on; port 0 takes a free one [default: 127.0.0.1:4566].
    #[arg(long, value_name = "HOST:PORT", env = "MULGIL_LISTEN")]
    pub listen: Option<String>,

    /// The local account, twelve digits [default: 000000000000].
    #[arg(long, value_name = "ID", env = "MULGIL_ACCOUNT")]
    pub account: Option<String>,

    /// Region told to clients by `mulgil env`, and assumed where a request names none [default: us-east-1].
    #[arg(long, value_name = "REGION", env = "MULGIL_REGION")]
    pub region: Option<String>,

    /// TOML file with these settings and credentials.
    #[arg(long, value_name = "FILE", env = "MULGIL_CONFIG")]
    pub config: Option<PathBuf>,

    /// Keep everything in a temporary directory that is gone at exit, and offer POST /_mulgil/reset.
    #[arg(long, env = "MULGIL_EPHEMERAL")]
    pub ephemeral: bool,

    /// Accept any signature, or none. Loopback only.
    #[arg(long, env = "MULGIL_INSECURE_ANY_CREDENTIALS")]
    pub insecure_any_credentials: bool,

    /// What limits a shard: machine, or aws for the numbers of AWS [default: machine].
    #[arg(long, value_name = "LIMITS", env = "MULGIL_KINESIS_LIMITS")]
    pub kinesis_limits: Option<ShardLimits>,

    /// Certificate to serve over TLS, PEM with its chain [default: one is generated into the data directory].
    #[arg(long, value_name = "FILE", env = "MULGIL_TLS_CERTIFICATE")]
    pub tls_certificate: Option<PathBuf>,

    /// Private key of the certificate, PEM.
    #[arg(long, value_name = "FILE", env = "MULGIL_TLS_KEY")]
    pub tls_key: Option<PathBuf>,

    /// Certificate authorities that endpoints of deliveries may use beside the system's, PEM.
    #[arg(long, value_name = "FILE", env = "MULGIL_DELIVERY_CA")]
    pub delivery_ca: Option<PathBuf>,

    /// Look after Iceberg tables: rewrite small files, forget old snapshots, remove files nobody has [default: on].
    #[arg(long, value_name = "SWITCH", env = "MULGIL_UPKEEP")]
    pub upkeep: Option<Switch>,

    /// What to log: error, warn, info, debug, trace, or a filter such as flow=debug [default: info].
    #[arg(long, value_name = "FILTER", env = "MULGIL_LOG")]
    pub log: Option<String>,

    /// How to write the log, on standard error [default: text].
    #[arg(long, value_name = "FORMAT", env = "MULGIL_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    On,
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShardLimits {
    Machine,
    Aws,
}

impl From<ShardLimits> for kinesis::Throughput {
    fn from(limits: ShardLimits) -> kinesis::Throughput {
        match limits {
            ShardLimits::Machine => kinesis::Throughput::Machine,
            ShardLimits::Aws => kinesis::Throughput::Aws,
        }
    }
}

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Exit after the answers: 0 when every count matches what was put.
    #[arg(long)]
    pub once: bool,

    /// Play at most this many flights.
    #[arg(long, value_name = "N")]
    pub records: Option<usize>,

    #[command(flatten)]
    pub serve: ServeArgs,
}

#[derive(Debug, Args)]
pub struct ClientArgs {
    /// Data directory of the server.
    #[arg(long, value_name = "DIR", env = "MULGIL_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum FirehoseCommand {
    /// Print what became of every record of a delivery stream: received, delivered, rejected, pending.
    Ledger(LedgerArgs),
    /// Put the records of an error output into a delivery stream again, each object once.
    Replay(ReplayArgs),
}

#[derive(Debug, Args)]
pub struct LedgerArgs {
    /// Name of the delivery stream.
    pub name: String,

    /// Print JSON.
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub client: ClientArgs,
}

#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Where the error objects lie.
    #[arg(long, value_name = "S3-URI")]
    pub error_prefix: String,

    /// The delivery stream to put into [default: the one that wrote the object, by its name].
    #[arg(long, value_name = "DELIVERY_STREAM")]
    pub to: Option<String>,

    /// Only say what would be put.
    #[arg(long)]
    pub dry_run: bool,

    #[command(flatten)]
    pub client: ClientArgs,
}

#[derive(Debug, Subcommand)]
pub enum LogCommand {
    /// Read every frame and compare its checksums; exit code 1 if anything is damaged. Changes nothing, and
    /// may be done while the server runs.
    Inspect(InspectArgs),
}

#[derive(Debug, Args)]
pub struct InspectArgs {
    /// Data directory of the server.
    #[arg(long, value_name = "DIR", env = "MULGIL_DATA_DIR")]
    pub data_dir: Option<PathBuf>,

    /// Print every frame, one a line, before the summary.
    #[arg(long)]
    pub frames: bool,

    /// Print JSON: one object, and with --frames one more for each frame before it, one a line.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct EnvArgs {
    /// Point them at the server over TLS, and make them trust its certificate and no other.
    #[arg(long)]
    pub tls: bool,

    #[command(flatten)]
    pub client: ClientArgs,
}

#[derive(Debug, Args)]
pub struct SqlArgs {
    /// The statement, in Athena's dialect.
    pub statement: String,

    /// Database that unqualified table names mean.
    #[arg(long, short, value_name = "NAME", default_value = "default")]
    pub database: String,

    /// Values for the ? in the statement, as SQL literals, in order.
    #[arg(long = "parameter", short, value_name = "LITERAL")]
    pub parameters: Vec<String>,

    /// How to print the answer.
    #[arg(long, value_enum, default_value = "table")]
    pub format: AnswerFormat,

    /// Where the result is spooled [default: s3://aws-athena-query-results-ACCOUNT-REGION/sql/].
    #[arg(long, value_name = "S3-URI")]
    pub output: Option<String>,

    #[command(flatten)]
    pub client: ClientArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum AnswerFormat {
    Table,
    Csv,
}
