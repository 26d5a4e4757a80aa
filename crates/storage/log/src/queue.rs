use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use rt::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::frame::Payload;
use crate::partition::PartitionState;
use crate::{LogError, Offset};

/// The way from those who append to the one thread that writes. Its bytes are bounded by permits that the
/// submissions carry.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Default)]
struct State {
    commands: VecDeque<Command>,
    closed: bool,
}

pub(crate) enum Command {
    Append(Submission),
    Seal(Seal),
    /// Forget everything, files included.
    Reset(oneshot::Sender<()>),
}

/// The partitions that take no more records once everything queued before is written, and where to say
/// their tails.
pub(crate) struct Seal {
    pub(crate) partitions: Vec<Arc<PartitionState>>,
    pub(crate) done: oneshot::Sender<Vec<Offset>>,
}

/// The frames of one append: acknowledged together.
pub(crate) struct Submission {
    pub(crate) frames: Vec<Frame>,
    /// Where each frame went.
    pub(crate) done: oneshot::Sender<Result<Vec<Placed>, LogError>>,
    pub(crate) room: OwnedSemaphorePermit,
}

pub(crate) struct Frame {
    pub(crate) partition: Arc<PartitionState>,
    pub(crate) payload: Payload,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    pub(crate) first: Offset,
    pub(crate) at: Timestamp,
}

/// What the writer does next.
pub(crate) enum Work {
    Write(Vec<Submission>),
    Seal(Seal),
    Reset(oneshot::Sender<()>),
    End,
}

impl Seal {
    /// Only the writer may do this, between two writes.
    pub(crate) fn run(self) {
        let Seal { partitions, done } = self;
        let tails = partitions.iter().map(|partition| partition.seal()).collect();
        if done.send(tails).is_err() {
            partitions.iter().for_each(|partition| partition.unseal());
        }
    }
}

impl State {
    fn take(&mut self, bytes: usize) -> Option<Work> {
        if self.commands.is_empty() {
            return self.closed.then_some(Work::End);
        }
        let mut group = Vec::new();
        let mut size = 0;
        while size < bytes {
            match self.commands.pop_front() {
                Some(Command::Append(submission)) => {
                    size += submission.bytes();
                    group.push(submission);
                }
                Some(Command::Reset(done)) if group.is_empty() => return Some(Work::Reset(done)),
                Some(Command::Seal(seal)) if group.is_empty() => return Some(Work::Seal(seal)),
                Some(other) => {
                    self.commands.push_front(other);
                    break;
                }
                None => break,
            }
        }
        Some(Work::Write(group))
    }
}

impl Submission {
    /// Whether one of its partitions takes no more records.
    pub(crate) fn is_late(&self) -> bool {
        self.frames.iter().any(|frame| frame.partition.is_sealed())
    }

    /// Makes room in the queue and tells the caller; one that was dropped does not want to know.
    pub(crate) fn answer(self, placed: Result<Vec<Placed>, LogError>) {
        drop(self.room);
        let _gone = self.done.send(placed);
    }

    pub(crate) fn bytes(&self) -> usize {
        self.frames.iter().map(Frame::bytes).sum()
    }
}

impl Frame {
    pub(crate) fn bytes(&self) -> usize {
        crate::frame::HEADER_BYTES + self.payload.bytes.len()
    }
}

impl Queue {
    /// Gives the command back by dropping it when the queue is closed, which its sender notices.
    pub(crate) fn push(&self, command: Command) {
        let mut state = self.state.lock();
        if !state.closed {
            state.commands.push_back(command);
            self.filled.notify_one();
        }
    }

    /// Waits for work; takes submissions up to `bytes`, at least one.
    pub(crate) fn take(&self, bytes: usize) -> Work {
        let mut state = self.state.lock();
        loop {
            match state.take(bytes) {
                Some(work) => return work,
                None => self.filled.wait(&mut state),
            }
        }
    }

    /// The same without waiting: `None` if there is nothing to do.
    pub(crate) fn try_take(&self, bytes: usize) -> Option<Work> {
        self.state.lock().take(bytes)
    }

    /// Nothing more is taken in; what is queued is still written.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.filled.notify_all();
    }

    /// Closes and drops what is queued: there is nobody to write it.
    pub(crate) fn abandon(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.commands.clear();
    }
}
