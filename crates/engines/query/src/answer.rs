//! What a statement gives back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use rt::Stop;

use crate::error::{ErrorKind, QueryError};
use crate::failure;
use crate::text::RowWriter;

/// The class of a statement, as statement types are told apart in listings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Ddl,
    Dml,
    Utility,
}

/// A statement's outcome: its columns, and its rows as they become ready.
pub struct Answer {
    pub kind: Kind,
    /// `SELECT`, `CREATE_TABLE`, …
    pub verb: String,
    pub columns: Vec<AnswerColumn>,
    pub rows: Rows,
    pub stats: Arc<Stats>,
}

impl Answer {
    /// The Arrow batches instead of the rows' text; `None` for statements that answer in text only.
    pub fn batches(self) -> Option<SendableRecordBatchStream> {
        match self.rows.source {
            Source::Stream { stream, .. } => Some(stream),
            Source::Text(_) => None,
        }
    }
}

/// One column of an answer in Athena's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerColumn {
    pub name: String,
    /// `varchar`, `bigint`, `row`, …
    pub type_: String,
    pub precision: i32,
    pub scale: i32,
    pub nullable: bool,
    pub database: String,
    pub table: String,
}

/// Figures of a statement, complete once its rows are read to the end.
#[derive(Debug, Default)]
pub struct Stats {
    scanned_bytes: AtomicU64,
    files: AtomicU64,
    planning_micros: AtomicU64,
    output_rows: AtomicU64,
}

impl Stats {
    /// Bytes read from table data, metadata such as Parquet footers included.
    pub fn scanned_bytes(&self) -> u64 {
        self.scanned_bytes.load(Ordering::Relaxed)
    }

    /// Data files that the scans chose.
    pub fn files(&self) -> u64 {
        self.files.load(Ordering::Relaxed)
    }

    /// From the statement's text to the physical plan.
    pub fn planning_micros(&self) -> u64 {
        self.planning_micros.load(Ordering::Relaxed)
    }

    pub fn output_rows(&self) -> u64 {
        self.output_rows.load(Ordering::Relaxed)
    }

    pub(crate) fn add_scanned(&self, bytes: u64) {
        self.scanned_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn add_files(&self, files: u64) {
        self.files.fetch_add(files, Ordering::Relaxed);
    }

    pub(crate) fn set_planning(&self, micros: u64) {
        self.planning_micros.store(micros, Ordering::Relaxed);
    }
}

/// Rows as text, in batches.
pub struct Rows {
    source: Source,
    stats: Arc<Stats>,
}

enum Source {
    Stream { stream: SendableRecordBatchStream, stop: Stop, writer: RowWriter },
    Text(VecDeque<Vec<Vec<Option<String>>>>),
}

impl Rows {
    pub(crate) fn stream(stream: SendableRecordBatchStream, stop: Stop, stats: Arc<Stats>) -> Rows {
        let writer = RowWriter::new(&stream.schema());
        Rows { source: Source::Stream { stream, stop, writer }, stats }
    }

    pub(crate) fn text(rows: Vec<Vec<Option<String>>>, stats: Arc<Stats>) -> Rows {
        let batches = if rows.is_empty() { VecDeque::new() } else { VecDeque::from([rows]) };
        Rows { source: Source::Text(batches), stats }
    }

    /// The next batch of rows, never an empty one; `None` after the last. A null is `None`.
    pub async fn next(&mut self) -> Result<Option<Vec<Vec<Option<String>>>>, QueryError> {
        loop {
            let rows = match &mut self.source {
                Source::Text(batches) => match batches.pop_front() {
                    Some(rows) => rows,
                    None => return Ok(None),
                },
                Source::Stream { stream, stop, writer } => match next_batch(stream, stop).await? {
                    Some(batch) => writer.rows(&batch)?,
                    None => return Ok(None),
                },
            };
            if !rows.is_empty() {
                self.stats.output_rows.fetch_add(rows.len() as u64, Ordering::Relaxed);
                return Ok(Some(rows));
            }
        }
    }

    /// Every row that is left. For small answers.
    pub async fn all(mut self) -> Result<Vec<Vec<Option<String>>>, QueryError> {
        let mut all = Vec::new();
        while let Some(rows) = self.next().await? {
            all.extend(rows);
        }
        Ok(all)
    }

    /// The Arrow schema behind the text, when there is one.
    pub fn schema(&self) -> Option<SchemaRef> {
        match &self.source {
            Source::Stream { stream, .. } => Some(stream.schema()),
            Source::Text(_) => None,
        }
    }
}

async fn next_batch(
    stream: &mut SendableRecordBatchStream,
    stop: &Stop,
) -> Result<Option<RecordBatch>, QueryError> {
    let next = tokio::select! {
        biased;
        () = stop.requested() => return Err(QueryError::new(ErrorKind::Cancelled, "Query cancelled by user")),
        next = stream.next() => next,
    };
    next.transpose().map_err(|error| failure::explain(&error, None))
}
