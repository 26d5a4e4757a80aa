use std::io::Write;

use anyhow::Result;
use comfy_table::{ContentArrangement, Table, presets};
use rt::Rt;

use super::Remote;
use super::remote::Answer;
use crate::cli::{AnswerFormat, SqlArgs};

/// Runs one statement on the running server and prints its answer on standard output, its cost on
/// standard error.
///
/// # Errors
/// What Athena says of the statement, or that no server answers.
pub async fn run(args: &SqlArgs, rt: Rt) -> Result<()> {
    let remote = Remote::of(&args.client, rt)?;
    let output = match &args.output {
        Some(output) => output.clone(),
        None => results_location(&remote).await?,
    };
    let answer = remote.query(&args.database, &args.statement, &args.parameters, &output).await?;
    match args.format {
        AnswerFormat::Table => println!("{}", table(&answer)),
        AnswerFormat::Csv => print_csv(&answer)?,
    }
    eprintln!(
        "{} rows, {} bytes scanned, {} ms",
        answer.rows.len(),
        answer.scanned_bytes,
        answer.total_millis
    );
    Ok(())
}

/// The bucket Athena's console makes for an account, so that results lie where people look for them.
pub async fn results_location(remote: &Remote) -> Result<String> {
    let bucket = format!("aws-athena-query-results-{}-{}", remote.account, remote.region);
    remote.ensure_bucket(&bucket).await?;
    Ok(format!("s3://{bucket}/sql/"))
}

/// The answer drawn with lines; NULL is an empty cell.
pub fn table(answer: &Answer) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(&answer.columns);
    for row in &answer.rows {
        table.add_row(row.iter().map(|value| value.as_deref().unwrap_or_default()));
    }
    table
}

fn print_csv(answer: &Answer) -> Result<()> {
    let mut out = csv::Writer::from_writer(std::io::stdout().lock());
    out.write_record(&answer.columns)?;
    for row in &answer.rows {
        out.write_record(row.iter().map(|value| value.as_deref().unwrap_or_default()))?;
    }
    out.flush()?;
    std::io::stdout().flush()?;
    Ok(())
}
