//! How much a program may do to one record.
//!
//! A program of jq may never end, and its evaluator has no place to stop between two outputs. But it looks every term
//! that it evaluates up in a table that we lend it, so there it is counted and, when it goes too far, left by
//! unwinding: programs can catch the errors that they are given, and would go on.

use std::cell::Cell;
use std::panic::resume_unwind;

use jaq_core::data::HasLut;
use jaq_core::{DataT, Lut};
use jaq_json::Val;
use rt::Timestamp;

/// Terms that a program may evaluate for a record: so many, and so many more for each of its bytes. What looks for
/// a few keys takes some dozens; all of it is some milliseconds for a record of a kilobyte.
pub(super) const STEPS_MIN: u64 = 100_000;
const STEPS_PER_BYTE: u64 = 64;

/// Of the stack of a thread, which has two megabytes, what programs that call themselves may take.
const STACK_BYTES_MAX: usize = 512 << 10;

/// What values of a program are and what it carries with it.
pub(super) struct Bounded;

impl DataT for Bounded {
    type V<'a> = Val;
    type Data<'a> = Run<'a>;
}

#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    lut: &'a Lut<Bounded>,
    pub(super) budget: &'a Budget,
}

impl<'a> Run<'a> {
    pub(super) fn new(lut: &'a Lut<Bounded>, budget: &'a Budget) -> Run<'a> {
        Run { lut, budget }
    }
}

impl<'a> HasLut<'a, Bounded> for Run<'a> {
    fn lut(&self) -> &'a Lut<Bounded> {
        self.budget.step();
        self.lut
    }
}

pub(super) struct Budget {
    steps_left: Cell<u64>,
    /// Where on the stack the program was begun.
    base: usize,
    pub(super) now: Timestamp,
}

/// Thrown through the evaluator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Exceeded {
    #[error(
        "the query does not come to an end: it was given up after the steps that a record of this size may take"
    )]
    Steps,
    #[error("the query calls itself too deeply")]
    Depth,
}

impl Budget {
    pub(super) fn new(record_bytes: usize, now: Timestamp) -> Budget {
        let steps = STEPS_MIN + STEPS_PER_BYTE * record_bytes as u64;
        Budget { steps_left: Cell::new(steps), base: stack_pointer(), now }
    }

    /// To be called wherever a program could go on for ever.
    pub(super) fn step(&self) {
        let Some(left) = self.steps_left.get().checked_sub(1) else {
            resume_unwind(Box::new(Exceeded::Steps))
        };
        self.steps_left.set(left);
        if stack_pointer().abs_diff(self.base) > STACK_BYTES_MAX {
            resume_unwind(Box::new(Exceeded::Depth));
        }
    }
}

/// About where the stack ends.
fn stack_pointer() -> usize {
    let here = 0_u8;
    std::ptr::from_ref(&here).addr()
}
