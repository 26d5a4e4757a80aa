//! How much a program may do to one record.
//!
//! A program of jq may never end, and its evaluator has no place to stop between two outputs. But it looks every term
//! that it evaluates up in a table that we lend it, and what it makes are values of ours ([`Value`]): there it is
//! counted and, when it goes too far, left by unwinding. Programs can catch the errors that they are given, and would
//! go on.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use jaq_core::data::HasLut;
use jaq_core::{DataT, Lut};
use rt::Timestamp;

use super::value::Value;

/// Terms that a program may evaluate for a record: so many, and so many more for each of its bytes. What looks for
/// a few keys takes some dozens; all of it is some milliseconds for a record of a kilobyte.
const STEPS_MIN: u64 = 100_000;
const STEPS_PER_BYTE: u64 = 64;

/// So much of a value that is made, looked through or compared counts as a step.
const STEP_BYTES: u64 = 1 << 10;

/// Of the stack of a thread, which has two megabytes, what programs that call themselves may take.
const STACK_BYTES_MAX: usize = 512 << 10;

/// What values of a program are and what it carries with it.
pub(super) struct Bounded;

impl DataT for Bounded {
    type V<'a> = Value;
    type Data<'a> = Run<'a>;
}

#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) lut: &'a Lut<Bounded>,
    pub(super) now: Timestamp,
}

impl<'a> HasLut<'a, Bounded> for Run<'a> {
    fn lut(&self) -> &'a Lut<Bounded> {
        step();
        self.lut
    }
}

/// Thrown through the evaluator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Exceeded {
    #[error(
        "the query does not come to an end: it was given up after the steps that a record of this size may take"
    )]
    Steps,
    #[error("the query calls itself or nests its values too deeply")]
    Depth,
    #[error("the query makes a value that is too large")]
    Size,
    /// A defect of the library.
    #[error("the query cannot be run on this record")]
    Panicked,
}

thread_local! {
    /// Of the program that runs on this thread: operators of values are given nothing but the values.
    static STEPS_LEFT: Cell<u64> = const { Cell::new(u64::MAX) };
    /// Where on the stack it was begun.
    static BASE: Cell<usize> = const { Cell::new(0) };
}

/// Runs a program on a record of this size.
pub(super) fn within<T>(record_bytes: usize, run: impl FnOnce() -> T) -> Result<T, Exceeded> {
    STEPS_LEFT.set(STEPS_MIN + STEPS_PER_BYTE * record_bytes as u64);
    BASE.set(stack_pointer());
    let outcome = catch_unwind(AssertUnwindSafe(run));
    STEPS_LEFT.set(u64::MAX);
    outcome.map_err(|unwound| unwound.downcast::<Exceeded>().map_or(Exceeded::Panicked, |exceeded| *exceeded))
}

/// To be called wherever a program could go on for ever.
pub(super) fn step() {
    take(1);
    if stack_pointer().abs_diff(BASE.get()) > STACK_BYTES_MAX {
        exceed(Exceeded::Depth);
    }
}

/// To be called for what is done with so many bytes at once.
pub(super) fn charge(bytes: u64) {
    take(bytes / STEP_BYTES);
}

pub(super) fn exceed(how: Exceeded) -> ! {
    resume_unwind(Box::new(how))
}

fn take(steps: u64) {
    match STEPS_LEFT.get().checked_sub(steps) {
        Some(left) => STEPS_LEFT.set(left),
        None => exceed(Exceeded::Steps),
    }
}

/// About where the stack ends.
fn stack_pointer() -> usize {
    let here = 0_u8;
    std::ptr::from_ref(&here).addr()
}
