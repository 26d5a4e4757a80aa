//! Delivery streams: their ledger, and what failed put again.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use firehose::replay::{Replay, Step};
use http::{Method, StatusCode};
use rt::Rt;
use serde_json::Value;

use super::Remote;
use crate::cli::{LedgerArgs, ReplayArgs};

/// Prints the account of a delivery stream.
///
/// # Errors
/// When there is no such delivery stream, or no server answers.
pub async fn ledger(args: &LedgerArgs, rt: Rt) -> Result<()> {
    let remote = Remote::of(&args.client, rt)?;
    let query = [("region", remote.region.as_str()), ("name", args.name.as_str())];
    let path = "/_mulgil/firehose/ledger";
    let answer = remote.client.send(Method::GET, "firehose", path, &query, &[], Bytes::new()).await?;
    let ledger: Value = serde_json::from_slice(&answer.body).context("the ledger is not JSON")?;
    if answer.status != StatusCode::OK {
        bail!("{}", ledger["message"].as_str().unwrap_or("the ledger cannot be read"));
    }
    if args.json {
        println!("{ledger}");
        return Ok(());
    }
    println!("{:<10} {:>16} {:>20}", "", "records", "bytes");
    for line in ["received", "delivered", "rejected", "dropped", "missing", "pending"] {
        let shown = |value: &Value| value.as_u64().map_or_else(String::new, |number| number.to_string());
        let figures = &ledger[line];
        println!("{line:<10} {:>16} {:>20}", shown(&figures["records"]), shown(&figures["bytes"]));
    }
    // What operators added, or below zero took away.
    let made = ["records", "bytes"].map(|unit| ledger["made"][unit].as_i64().unwrap_or(0));
    if made != [0, 0] {
        println!("{:<10} {:>16} {:>20}", "made", made[0], made[1]);
    }
    println!("{}, {} batches", ledger["phase"].as_str().unwrap_or("?"), ledger["batches"]);
    if let Some(error) = ledger["lastError"].as_str() {
        println!("last error: {error}");
    }
    Ok(())
}

/// Puts the records of an error output again and says what it did.
///
/// # Errors
/// When an object could not be replayed, after all others were.
pub async fn replay(args: ReplayArgs, rt: Rt) -> Result<()> {
    let remote = Remote::of(&args.client, rt.clone())?;
    let replay = Replay::new(remote.client, rt, &args.error_prefix, args.to, args.dry_run)?;
    let report = replay.run(|step| match step {
        Step::Replayed { key, stream, records } => println!("{key}: {records} records to {stream}"),
        Step::Failed { key, error } => eprintln!("{key}: {error}"),
    });
    let report = report.await?;
    println!("{report}");
    if report.failed > 0 {
        bail!("{} objects were not replayed", report.failed);
    }
    Ok(())
}
