//! `mulgil demo`: the whole pipeline on real data, through the public API alone.

mod flights;
mod pipeline;
mod producer;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rt::Rt;

use crate::cli::DemoArgs;
use crate::commands::{Remote, sql};
use crate::config::Config;
use crate::run;
use pipeline::{DATABASE, TABLE};

/// Nothing a laptop does to this much data takes longer; then something is wrong.
const PATIENCE: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(20);
/// What the demo logs unless told otherwise.
const QUIET: &str = "warn,s3s=off";

const QUESTIONS: [(&str, &str); 3] = [
    (
        "Which airports see the most departures, and how late are they?",
        "SELECT origin, count(*) AS departures, round(avg(delay), 1) AS mean_delay,
                approx_percentile(delay, 0.95) AS p95_delay
         FROM flights GROUP BY origin ORDER BY departures DESC LIMIT 5",
    ),
    (
        "When in the day do delays build up?",
        "SELECT hour(time) AS hour, count(*) AS flights, round(avg(delay), 1) AS mean_delay,
                round(100.0 * count_if(delay > 15) / count(*), 1) AS percent_late
         FROM flights GROUP BY hour(time) ORDER BY mean_delay DESC LIMIT 5",
    ),
    (
        "The worst delay on each of the busiest routes",
        "WITH routes AS (
           SELECT origin, destination, time, delay,
                  count(*) OVER (PARTITION BY origin, destination) AS flights,
                  row_number() OVER (PARTITION BY origin, destination ORDER BY delay DESC, time) AS n
           FROM flights)
         SELECT origin, destination, flights, delay AS worst_delay, time
         FROM routes WHERE n = 1 ORDER BY flights DESC, origin LIMIT 5",
    ),
];

/// Starts a server, runs the pipeline on it, and keeps serving unless it is asked for once only.
///
/// # Errors
/// When the server cannot start, a call fails, or a count differs from what was put.
pub async fn run(args: &DemoArgs, rt: Rt) -> Result<()> {
    let config = config(args)?;
    let running = run::start(&config, rt.clone()).await?;
    println!("mulgil {} listens on {}", env!("CARGO_PKG_VERSION"), running.endpoint);
    let played = tokio::select! {
        played = pipeline(running.data_dir.path(), &rt, args.records) => played,
        interrupted = run::until_interrupted() => interrupted,
    };
    if played.is_ok() && !args.once {
        print_next_steps(running.data_dir.path());
        run::until_interrupted().await?;
    }
    played.and(running.shutdown().await)
}

/// As `serve`, but a taken default port is no reason to fail, and the log stays out of the picture.
fn config(args: &DemoArgs) -> Result<Config> {
    let mut config = Config::load(&args.serve)?;
    if args.serve.log.is_none() {
        QUIET.clone_into(&mut config.log);
    }
    if !config.listen_chosen && std::net::TcpListener::bind(config.listen).is_err() {
        println!("{} is taken, using a free port", config.listen);
        config.listen.set_port(0);
    }
    Ok(config)
}

async fn pipeline(data_dir: &Path, rt: &Rt, limit: Option<usize>) -> Result<()> {
    let remote = Remote::in_directory(data_dir, rt.clone())?;
    let events = Arc::new(flights::events(limit)?);
    println!("Creating the stream, the Glue table and the delivery stream");
    pipeline::remove(&remote).await?;
    pipeline::create(&remote).await?;
    println!("Playing {} flights of January 2001 into Kinesis", events.len());
    let last_put = producer::play(&remote, rt, events.clone()).await?;
    let output = sql::results_location(&remote).await?;
    let seen_after = wait_until_queryable(&remote, rt, events.len(), last_put, &output).await?;
    let millis = seen_after.as_millis();
    println!(
        "All {} flights are queryable: the first answer that includes the last put came {millis} ms after it\n",
        events.len()
    );
    for (question, statement) in QUESTIONS {
        let answer = remote.query(DATABASE, statement, &[], &output).await?;
        println!("{question}\n{}\n", sql::table(&answer));
    }
    let total = count(&remote, &output).await?;
    ensure!(total == events.len(), "{total} flights in the lake after {} were put", events.len());
    Ok(())
}

/// How to go on from here.
fn print_next_steps(data_dir: &Path) {
    let default = crate::config::default_data_dir().ok();
    let option = if default.as_deref() == Some(data_dir) {
        String::new()
    } else {
        format!(" --data-dir {}", data_dir.display())
    };
    println!("Look further:");
    println!("  mulgil sql{option} -d {DATABASE} \"SELECT count(*) FROM {TABLE}\"");
    println!("  eval \"$(mulgil env{option})\"");
    println!("  aws kinesis describe-stream-summary --stream-name {}", pipeline::STREAM);
    println!("  aws s3 ls --recursive s3://…/ ; aws athena list-query-executions");
    println!("Ctrl-C stops.");
}

/// Asks until the answer includes every event; the time is from the last acknowledged put to that answer.
async fn wait_until_queryable(
    remote: &Remote,
    rt: &Rt,
    expected: usize,
    last_put: Instant,
    output: &str,
) -> Result<Duration> {
    loop {
        let found = count(remote, output).await?;
        let waited = rt.instant().duration_since(last_put);
        ensure!(found <= expected, "{found} flights in the lake after {expected} were put");
        if found == expected {
            return Ok(waited);
        }
        ensure!(waited < PATIENCE, "only {found} of {expected} flights are queryable after {PATIENCE:?}");
        rt.sleep(POLL).await;
    }
}

async fn count(remote: &Remote, output: &str) -> Result<usize> {
    let answer = remote.query(DATABASE, &format!("SELECT count(*) FROM {TABLE}"), &[], output).await?;
    let value = answer.rows.first().and_then(|row| row.first()).and_then(Option::as_deref);
    Ok(value.unwrap_or("0").parse()?)
}
