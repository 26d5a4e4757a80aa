//! Runs seeds of the simulation: one with its trace, or many until one fails.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use clap::Parser;
use rt::Rt;
use sim::{Options, Report, run};

#[derive(Parser)]
#[command(about = "The log on a simulated machine")]
struct Args {
    /// Run this seed and print its trace if it fails.
    #[arg(long)]
    seed: Option<u64>,
    /// The whole trace, also of a seed that does not fail.
    #[arg(long)]
    trace: bool,
    /// The first of many seeds; random if not given.
    #[arg(long)]
    from: Option<u64>,
    /// How many seeds; as many as the time allows if not given.
    #[arg(long)]
    count: Option<u64>,
    /// How long to go on if no count is given.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Seeds at once.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Go on after a seed that failed.
    #[arg(long)]
    keep_going: bool,
}

/// Lines of a failed trace that are shown unless all are asked for.
const LINES_SHOWN: usize = 300;

fn main() -> ExitCode {
    let args = Args::parse();
    match args.seed {
        Some(seed) => one(seed, args.trace),
        None => many(args),
    }
}

fn one(seed: u64, whole: bool) -> ExitCode {
    let report = run(seed, Options { keeps_text: true, ..Options::default() });
    let skipped = if whole { 0 } else { report.lines.len().saturating_sub(LINES_SHOWN) };
    if whole || report.violation.is_some() {
        report.lines.iter().skip(skipped).for_each(|line| println!("{line}"));
    }
    println!("seed {seed}: {} events, {} crashes, trace {:016x}", report.events, report.crashes, report.hash);
    match report.violation {
        Some(violation) => {
            println!("FAILED: {violation}");
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}

/// What the threads share.
struct Progress {
    next: AtomicU64,
    runs: AtomicU64,
    failures: AtomicU64,
    events: AtomicU64,
    crashes: AtomicU64,
    ends: AtomicBool,
}

fn many(args: Args) -> ExitCode {
    let rt = Rt::system();
    let from = args.from.unwrap_or_else(|| rt.random_u64() >> 20);
    let until = args.count.map(|count| from.saturating_add(count));
    println!("seeds from {from}");
    let progress = Arc::new(Progress {
        next: AtomicU64::new(from),
        runs: AtomicU64::new(0),
        failures: AtomicU64::new(0),
        events: AtomicU64::new(0),
        crashes: AtomicU64::new(0),
        ends: AtomicBool::new(false),
    });
    let began = rt.instant();
    let limit = Duration::from_secs(args.seconds);
    let threads: Vec<_> = (0..args.threads.max(1))
        .map(|_| {
            let (rt, progress) = (rt.clone(), progress.clone());
            rt.clone().thread("simulation", move || {
                let is_over = || match until {
                    Some(_) => false,
                    None => rt.instant().saturating_duration_since(began) > limit,
                };
                work(&progress, until, args.keep_going, is_over);
            })
        })
        .collect();
    let died = threads.into_iter().filter_map(|thread| thread.join().err()).count();
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let failures = count(&progress.failures);
    println!(
        "{} seeds, {} events, {} crashes, {failures} failures in {:.1} s",
        count(&progress.runs),
        count(&progress.events),
        count(&progress.crashes),
        rt.instant().saturating_duration_since(began).as_secs_f64()
    );
    if failures == 0 && died == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn work(progress: &Progress, until: Option<u64>, keep_going: bool, is_over: impl Fn() -> bool) {
    while !progress.ends.load(Ordering::Relaxed) && !is_over() {
        let seed = progress.next.fetch_add(1, Ordering::Relaxed);
        if until.is_some_and(|until| seed >= until) {
            return;
        }
        let Report { violation, events, crashes, .. } = run(seed, Options::default());
        progress.runs.fetch_add(1, Ordering::Relaxed);
        progress.events.fetch_add(events, Ordering::Relaxed);
        progress.crashes.fetch_add(crashes, Ordering::Relaxed);
        if let Some(violation) = violation {
            println!("FAILED seed {seed}: {violation}\n  again, with its trace: make sim SEED={seed}");
            progress.failures.fetch_add(1, Ordering::Relaxed);
            progress.ends.store(!keep_going, Ordering::Relaxed);
        }
    }
}
