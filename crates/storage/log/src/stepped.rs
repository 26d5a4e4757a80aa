//! A log without threads of its own, for simulations: its writer and its indexer take a step when they are
//! told to, on a disk that the caller brings. Retention looks when [`Log::retain`](crate::Log::retain) is called.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};

use meta::Meta;
use rt::Rt;

use crate::disk::Disk;
use crate::journal::Journal;
use crate::segment::Segment;
use crate::writer::Writer;
use crate::{Log, LogSettings, OpenError};

/// A log and what drives it. Dropping all three is a crash of the process.
pub struct Stepped {
    pub log: Log,
    pub writer: StepWriter,
    pub indexer: StepIndexer,
}

/// Closed segments that the indexer may leave waiting; the writer would wait for it after that many.
const CLOSED_SEGMENTS_MAX: usize = 4096;

impl Stepped {
    /// As [`Log::open`](crate::Log::open). `dir` is only named in errors.
    pub async fn open(
        dir: &Path,
        disk: Box<dyn Disk>,
        meta: Meta,
        rt: Rt,
        settings: LogSettings,
    ) -> Result<Stepped, OpenError> {
        let (closed, segments) = mpsc::sync_channel(CLOSED_SEGMENTS_MAX);
        let (log, writer) = Log::recovered(dir, disk, meta, rt, settings, closed).await?;
        let indexer = StepIndexer { journal: log.inner.journal.clone(), segments };
        Ok(Stepped { log, writer: StepWriter { writer }, indexer })
    }
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Idle,
    Worked,
    /// The log was closed and everything is written.
    Ended,
}

pub struct StepWriter {
    writer: Writer,
}

impl StepWriter {
    /// Writes what is queued, up to one group, and tells those who wait.
    pub fn step(&mut self) -> Step {
        match self.writer.step() {
            None => Step::Idle,
            Some(flow) if flow.is_continue() => Step::Worked,
            Some(_) => Step::Ended,
        }
    }
}

pub struct StepIndexer {
    journal: Arc<Journal>,
    segments: Receiver<Arc<Segment>>,
}

impl StepIndexer {
    /// Writes the index of one closed segment.
    pub fn step(&mut self) -> Step {
        match self.segments.try_recv() {
            Ok(segment) => {
                self.journal.try_persist_index(&segment);
                Step::Worked
            }
            Err(_) => Step::Idle,
        }
    }
}
