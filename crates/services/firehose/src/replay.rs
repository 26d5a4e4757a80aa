//! Records of an error output put into a delivery stream again, through the API as any producer would.
//!
//! # What it guarantees
//!
//! * Every record of every error object below the prefix is put at least once; an object whose records were all put
//!   is not looked at again.
//! * Beside each object lies its **mark** ([`Mark`]), which tells how far it was replayed and which records are being
//!   put. It is written before each batch, and only if nobody else wrote it meanwhile: of two replays at the same
//!   time one goes on and the other stops at that object.
//! * Whoever is interrupted goes on where the mark says, and puts the one batch again that was in flight: so many
//!   records, [`BATCH_RECORDS_MAX`] at most, may be there twice.
//! * An object with a line that is no error record is left alone as a whole, and named.
//!
//! It never deletes or changes an error object.

mod listing;
mod mark;
mod object;

use std::fmt;
use std::time::Duration;

use aws::client::{Client, ClientError, Target};
use bytes::Bytes;
use rt::{Backoff, Rt};
use serde_json::{Value, json};

use crate::limits::{BATCH_BYTES_MAX, RECORDS_MAX};
pub use listing::ListingError;
use mark::Mark;

/// Records of one request; so many may be put twice after an interruption.
pub const BATCH_RECORDS_MAX: usize = RECORDS_MAX;

/// How often a batch that the server cannot take is put again before the object is given up.
const ATTEMPTS_MAX: usize = 20;
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// What is to be replayed, and where to.
pub struct Replay {
    client: Client,
    rt: Rt,
    bucket: String,
    prefix: String,
    to: Option<String>,
    dry_run: bool,
}

/// What became of one object.
#[derive(Debug)]
pub enum Step {
    /// All its records are put, or would be.
    Replayed {
        key: String,
        stream: String,
        records: usize,
    },
    Failed {
        key: String,
        error: ReplayError,
    },
}

/// What became of all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub objects: usize,
    pub records: usize,
    pub bytes: usize,
    /// Objects that were replayed before.
    pub skipped: usize,
    /// Objects that could not be replayed, or not to their end.
    pub failed: usize,
    /// Records that were being put when an earlier replay was interrupted, and were put again.
    pub repeated: usize,
    pub dry_run: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("'{0}' is not s3://BUCKET/PREFIX")]
    Location(String),
    #[error("the server refuses: {0}")]
    Client(#[from] ClientError),
    #[error("the listing of the error objects cannot be read: {0}")]
    Listing(#[from] ListingError),
    #[error("line {line} is not an error record: {reason}")]
    Line { line: usize, reason: String },
    #[error("its name does not tell the delivery stream: name one with --to")]
    NoStream,
    #[error("another replay is at work on it")]
    Busy,
    #[error("its mark cannot be read: {0}")]
    Mark(String),
    #[error("{0} records were refused again and again: {1}")]
    Refused(usize, String),
}

impl Replay {
    /// `error_prefix` is `s3://bucket/prefix`. Without `to`, the delivery stream is the one whose name the error
    /// object bears.
    pub fn new(
        client: Client,
        rt: Rt,
        error_prefix: &str,
        to: Option<String>,
        dry_run: bool,
    ) -> Result<Replay, ReplayError> {
        let invalid = || ReplayError::Location(error_prefix.to_owned());
        let rest = error_prefix.strip_prefix("s3://").ok_or_else(invalid)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(invalid());
        }
        Ok(Replay { client, rt, bucket: bucket.to_owned(), prefix: prefix.to_owned(), to, dry_run })
    }

    /// Replays every object below the prefix, in the order of their keys, and tells of each.
    ///
    /// # Errors
    /// When the objects cannot be listed. What is wrong with one object is told in its [`Step`], and the others are
    /// replayed all the same.
    pub async fn run(&self, mut told: impl FnMut(Step)) -> Result<Report, ReplayError> {
        let mut report = Report { dry_run: self.dry_run, ..Report::default() };
        let mut after = None;
        loop {
            let page = listing::page(&self.client, &self.bucket, &self.prefix, after.as_deref()).await?;
            for key in page.keys.iter().filter(|key| !mark::is_hidden(key)) {
                match self.object(key, &mut report).await {
                    Ok(Some(step)) => {
                        report.objects += 1;
                        told(step);
                    }
                    Ok(None) => report.skipped += 1,
                    Err(error) => {
                        report.failed += 1;
                        told(Step::Failed { key: key.clone(), error });
                    }
                }
            }
            if !page.more {
                return Ok(report);
            }
            after = page.keys.last().cloned();
        }
    }

    /// `None`: it was replayed before.
    async fn object(&self, key: &str, report: &mut Report) -> Result<Option<Step>, ReplayError> {
        let mut mark = Mark::read(&self.client, &self.bucket, key).await?;
        if mark.is_done() {
            return Ok(None);
        }
        let stream = self.to.clone().or_else(|| object::stream(key)).ok_or(ReplayError::NoStream)?;
        let records = object::records(&self.client.get_object(&self.bucket, key).await?)?;
        let left = records.get(mark.replayed()..).unwrap_or_default();
        if !self.dry_run {
            report.repeated += mark.in_flight();
        }
        for batch in batches(left) {
            report.records += batch.len();
            report.bytes += batch.iter().map(Bytes::len).sum::<usize>();
            if !self.dry_run {
                mark.begin(&self.client, &stream, batch.len()).await?;
                self.put(&stream, batch).await?;
                mark.end(batch.len());
            }
        }
        if !self.dry_run {
            mark.finish(&self.client, &stream).await?;
        }
        Ok(Some(Step::Replayed { key: key.to_owned(), stream, records: left.len() }))
    }

    /// Puts until every record of the batch is taken.
    async fn put(&self, stream: &str, batch: &[Bytes]) -> Result<(), ReplayError> {
        let mut pauses = Backoff::new(PAUSE_FIRST, PAUSE_MAX, self.rt.clone());
        let mut left: Vec<Bytes> = batch.to_vec();
        let mut reason = String::new();
        for _ in 0..ATTEMPTS_MAX {
            let records: Vec<Value> = left
                .iter()
                .map(|data| json!({ "Data": base64_simd::STANDARD.encode_to_string(data) }))
                .collect();
            let request = json!({ "DeliveryStreamName": stream, "Records": records });
            match self.client.call(Target::FIREHOSE, "PutRecordBatch", &request).await {
                Ok(answer) => {
                    let refused = answer["RequestResponses"].as_array().into_iter().flatten();
                    let mut refused = refused.map(|entry| entry["ErrorMessage"].as_str().map(str::to_owned));
                    left.retain(|_| match refused.next().flatten() {
                        Some(message) => {
                            reason = message;
                            true
                        }
                        None => false,
                    });
                    if left.is_empty() {
                        return Ok(());
                    }
                }
                Err(error) if error.status >= 500 || error.status == 0 => reason = error.to_string(),
                Err(error) => return Err(error.into()),
            }
            self.rt.sleep(pauses.next()).await;
        }
        Err(ReplayError::Refused(left.len(), reason))
    }
}

/// Requests as large as the API takes them.
fn batches(mut left: &[Bytes]) -> impl Iterator<Item = &[Bytes]> {
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |data: &&Bytes| {
            bytes += data.len();
            bytes <= BATCH_BYTES_MAX
        };
        // One that is too large for any request is refused by the server, with the reason.
        let count = left.iter().take(BATCH_RECORDS_MAX).take_while(fits).count().max(1).min(left.len());
        let (batch, rest) = left.split_at(count);
        left = rest;
        (!batch.is_empty()).then_some(batch)
    })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { objects, records, bytes, skipped, failed, repeated, dry_run } = self;
        let what = if *dry_run { "to replay" } else { "replayed" };
        write!(f, "{what}: {records} records ({bytes} bytes) of {objects} objects")?;
        write!(f, "; {skipped} were replayed before, {failed} failed")?;
        if *repeated > 0 {
            write!(f, "; {repeated} records may be there twice: an earlier replay was interrupted")?;
        }
        Ok(())
    }
}
