//! The binary `mulgil`: configuration, command line, wiring, listeners, shutdown; nothing else.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use rt::Rt;
use server::cli::{Cli, Command, FirehoseCommand, LogCommand};
use server::commands::{env, firehose, inspect, sql, status};
use server::config::Config;
use server::{demo, run};

/// Many small allocations from many tasks: measurably faster than the system's allocator here.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    server::memory::keep_freed_pages();
    server::descriptors::take_all_there_are();
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("mulgil")
        .build()
        .expect("the operating system gives threads");
    match runtime.block_on(command(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mulgil: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn command(cli: Cli) -> Result<()> {
    let rt = Rt::system();
    match cli.command {
        Command::Serve(args) => run::serve(Config::load(&args)?, rt).await,
        Command::Demo(args) => demo::run(&args, rt).await,
        Command::Sql(args) => sql::run(&args, rt).await,
        Command::Env(args) => env::run(&args),
        Command::Status(args) => status::run(&args, rt).await,
        Command::Firehose(FirehoseCommand::Ledger(args)) => firehose::ledger(&args, rt).await,
        Command::Firehose(FirehoseCommand::Replay(args)) => firehose::replay(args, rt).await,
        Command::Log(LogCommand::Inspect(args)) => inspect::run(args, &rt).await,
    }
}
