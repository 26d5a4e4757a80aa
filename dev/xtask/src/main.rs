//! The project's own tools: model generator, contracts, coverage pages, tidy.
//!
//! Start reading in `contract` (the single list of what is built), then `model` (what is generated
//! from it), `coverage` (what is printed from it) and `tidy` (what is checked).

mod botocore;
mod contract;
mod coverage;
mod model;
mod names;
mod repo;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Mulgil's own tools")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write crates/services/SERVICE/src/model.rs from the public model and the contract.
    Model {
        /// The service; not needed with --all.
        service: Option<String>,
        #[arg(long)]
        all: bool,
        /// Fail when a file would change, write nothing.
        #[arg(long)]
        check: bool,
        /// Folder of the models (botocore's `data`); else MULGIL_MODELS, else the Python package.
        #[arg(long)]
        models: Option<PathBuf>,
    },
    /// Show what a contract lacks, or add it.
    Contract {
        service: String,
        /// Add the missing entries to contract.toml, to be corrected by hand.
        #[arg(long)]
        write: bool,
        #[arg(long)]
        models: Option<PathBuf>,
    },
    /// Write docs/reference/*.md from the contracts.
    Coverage {
        #[arg(long)]
        check: bool,
    },
    /// Check the rules that compilers do not know.
    Tidy {
        #[arg(long)]
        models: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    let root = repo::root()?;
    match command {
        Command::Model { service, all, check, models } => {
            let source = botocore::Source::find(&root, models)?;
            match (service, all) {
                (Some(service), false) => model::run(&root, &source, &[service], check),
                (None, true) => model::run(&root, &source, &model::contracts(&root)?, check),
                _ => bail!("name one service, or --all"),
            }
        }
        Command::Contract { service, write, models } => {
            let source = botocore::Source::find(&root, models)?;
            contract::scaffold::run(&root, &source, &service, write)
        }
        Command::Coverage { check } => coverage::run(&root, check),
        Command::Tidy { models } => tidy::run(&root, models),
    }
}
