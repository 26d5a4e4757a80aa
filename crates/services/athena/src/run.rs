//! One query from its text to its result object.

use std::sync::Arc;

use meta::Txn;
use objects::Staged;
use query::{Answer, Session, Stats};
use rt::Stop;

use crate::execution::{Column, Execution, Failure, millis};
use crate::keys::AthenaKey;
use crate::limits::SCAN_LIMIT_CHECK_EVERY;
use crate::prepared::{PreparedRecord, no_such_statement_text};
use crate::runner::{Outcome, RunError, outcome_of};
use crate::spool::{self, Cell, Spool, put_options};
use crate::statement::{Own, ResultFile, own};
use crate::{Athena, metadata};

/// Runs the statement and makes its result durable, not yet visible; fills in figures and columns.
pub(crate) async fn run(athena: &Athena, execution: &mut Execution, stop: &Stop) -> Outcome {
    match attempt(athena, execution, stop).await {
        Ok(staged) => Outcome::Succeeded(staged),
        Err(error) => {
            let outcome = outcome_of(&error, stop, &athena.rt.stop());
            if let Outcome::Failed(failure) = &outcome {
                write_reason(athena, execution, failure).await;
            }
            outcome
        }
    }
}

async fn attempt(athena: &Athena, execution: &mut Execution, stop: &Stop) -> Result<Vec<Staged>, RunError> {
    let (sql, parameters) = match own(&execution.request.sql) {
        None => (execution.request.sql.clone(), execution.request.parameters.clone()),
        Some(Own::Execute { name, parameters }) => {
            let sql = prepared_sql(athena, execution, &name).await?;
            let given = &execution.request.parameters;
            (sql, if parameters.is_empty() { given.clone() } else { parameters })
        }
        Some(Own::Prepare { name, sql }) => {
            let record = PreparedRecord { name, sql, description: None, modified: athena.rt.now() };
            let key = prepared_key(execution, &record.name);
            commit(athena, Txn::new().put_json(key, &record)).await?;
            return write_result(athena, execution, Nothing).await;
        }
        Some(Own::Deallocate { name }) => {
            prepared_sql(athena, execution, &name).await?;
            commit(athena, Txn::new().delete(prepared_key(execution, &name))).await?;
            return write_result(athena, execution, Nothing).await;
        }
    };
    let session = Session {
        scope: execution.scope.clone(),
        catalog: execution.request.catalog.clone(),
        database: execution.request.database.clone(),
        now: execution.submitted,
    };
    let started = athena.rt.instant();
    let answer = athena.engine.run(&session, &sql, &parameters, stop.clone()).await?;
    let stats = Arc::clone(&answer.stats);
    athena.runner.update(&execution.id, |live| live.stats = Some(Arc::clone(&stats)));
    execution.columns = answer.columns.iter().map(column).collect();
    execution.verb.clone_from(&answer.verb);
    let rows = Limited { athena, answer, stats: Arc::clone(&stats), scan_max: execution.bytes_scanned_max };
    let written = write_result(athena, execution, rows).await;
    let figures = &mut execution.figures;
    figures.scanned_bytes = stats.scanned_bytes();
    figures.planning_ms = stats.planning_micros() / 1000;
    figures.engine_ms = millis(started.elapsed()).saturating_sub(figures.publish_ms);
    written
}

fn column(column: &query::AnswerColumn) -> Column {
    Column {
        name: column.name.clone(),
        type_: column.type_.clone(),
        precision: column.precision,
        scale: column.scale,
    }
}

/// Rows on their way out.
trait Source {
    async fn next(&mut self) -> Result<Option<Vec<Vec<Cell>>>, RunError>;
}

struct Nothing;

impl Source for Nothing {
    async fn next(&mut self) -> Result<Option<Vec<Vec<Cell>>>, RunError> {
        Ok(None)
    }
}

/// The engine's rows, as long as the scan stays within the work group's limit.
struct Limited<'a> {
    athena: &'a Athena,
    answer: Answer,
    stats: Arc<Stats>,
    scan_max: Option<u64>,
}

impl Source for Limited<'_> {
    async fn next(&mut self) -> Result<Option<Vec<Vec<Cell>>>, RunError> {
        let Some(max) = self.scan_max else { return Ok(self.answer.rows.next().await?) };
        let next = self.answer.rows.next();
        let exceeded = async {
            while self.stats.scanned_bytes() <= max {
                self.athena.rt.sleep(SCAN_LIMIT_CHECK_EVERY).await;
            }
        };
        let rows = tokio::select! {
            rows = next => rows?,
            () = exceeded => return Err(RunError::ScanLimit),
        };
        if self.stats.scanned_bytes() > max { Err(RunError::ScanLimit) } else { Ok(rows) }
    }
}

/// Writes the result and its metadata for the output location.
async fn write_result(
    athena: &Athena,
    execution: &mut Execution,
    mut rows: impl Source,
) -> Result<Vec<Staged>, RunError> {
    let place = &execution.place;
    let mut spool = Spool::new(&athena.objects, place, execution.file).await?;
    if execution.has_header() && !execution.columns.is_empty() {
        let header = execution.columns.iter().map(|column| Some(column.name.clone())).collect();
        spool.rows(&[header]).await?;
    }
    while let Some(batch) = rows.next().await? {
        execution.figures.output_rows += batch.len() as u64;
        spool.rows(&batch).await?;
    }
    let finished = athena.rt.instant();
    let staged = if execution.columns.is_empty() {
        vec![spool.finish().await?]
    } else {
        let metadata = metadata::encode(&execution.id, &execution.columns);
        let key = place.metadata_key();
        let described = spool::stage(&athena.objects, &place.bucket, &key, metadata);
        let (result, described) = tokio::try_join!(spool.finish(), described)?;
        vec![result, described]
    };
    execution.figures.output_bytes = staged[0].size();
    execution.figures.publish_ms = millis(finished.elapsed());
    Ok(staged)
}

/// A failed statement whose result is text says why in its result object.
async fn write_reason(athena: &Athena, execution: &Execution, failure: &Failure) {
    if execution.file != ResultFile::Text || execution.has_header() {
        return;
    }
    let body = format!("FAILED: {}", failure.reason);
    let place = &execution.place;
    let put = athena.objects.put(&place.bucket, &place.key, body.into(), put_options()).await;
    if let Err(error) = put {
        tracing::warn!(query.id = execution.id, error = %error, "the reason of a failure is not written");
    }
}

fn prepared_key(execution: &Execution, name: &str) -> meta::Key {
    AthenaKey::Prepared { work_group: &execution.request.work_group, name }.in_scope(&execution.scope)
}

async fn prepared_sql(athena: &Athena, execution: &Execution, name: &str) -> Result<String, RunError> {
    let work_group = &execution.request.work_group;
    let entry = athena.meta.get(&prepared_key(execution, name)).await.map_err(store_failure)?;
    let entry = entry.ok_or_else(|| {
        RunError::Failed(Failure {
            reason: no_such_statement_text(name, work_group),
            category: 2,
            error_type: 1000,
            retryable: false,
        })
    })?;
    let record: PreparedRecord = entry.json().map_err(store_failure)?;
    Ok(record.sql)
}

async fn commit(athena: &Athena, txn: Txn) -> Result<(), RunError> {
    athena.meta.commit(txn).await.map(drop).map_err(|error| match error {
        meta::CommitError::Meta(error) => store_failure(error),
        error @ meta::CommitError::Conflict { .. } => system_failure(&error),
    })
}

fn store_failure(error: meta::MetaError) -> RunError {
    system_failure(&error)
}

fn system_failure(error: &dyn std::error::Error) -> RunError {
    RunError::Failed(Failure {
        reason: format!("Internal service error: {error}"),
        category: 1,
        error_type: 100,
        retryable: true,
    })
}
