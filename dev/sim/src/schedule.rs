//! Who has the next turn. Everything runs on one thread; chance, drawn from the seed, picks the order.
//!
//! A disk operation is the point at which others may have a turn: whoever is in the middle of one (the writer
//! within a group, a reader between two reads, retention) stays on the stack while others run to their next
//! await or into a disk operation of their own.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use crate::machine::Op;
use crate::random::Random;

thread_local! {
    /// The disk is shared between threads by its type, so it finds the world that it belongs to here.
    static HOST: RefCell<Option<Rc<dyn Host>>> = const { RefCell::new(None) };
}

/// Gives others a turn before or after a disk operation.
pub trait Host {
    fn turn(&self, op: Op);
}

/// Makes `host` the one whose turns disk operations of this thread are, until the guard is dropped.
pub fn enter(host: Rc<dyn Host>) -> Entered {
    HOST.with(|cell| *cell.borrow_mut() = Some(host));
    Entered(())
}

pub struct Entered(());

impl Drop for Entered {
    fn drop(&mut self) {
        HOST.with(|cell| *cell.borrow_mut() = None);
    }
}

pub fn turn(op: Op) {
    let host = HOST.with(|cell| cell.borrow().clone());
    if let Some(host) = host {
        host.turn(op);
    }
}

/// What a task may do that others must not interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Client,
    /// Removes files and writes indexes; the log does these under a lock, so that only one may be under way.
    Keeper,
    /// What the log itself has spawned: it goes on when those who asked for it are gone.
    Log,
}

/// The tasks of one process.
#[derive(Default)]
pub struct Tasks {
    slots: RefCell<Vec<Slot>>,
}

type Work = Pin<Box<dyn Future<Output = ()>>>;

struct Slot {
    kind: Kind,
    /// None while it is being polled, and when it is done.
    work: Option<Work>,
    ready: Arc<Ready>,
}

struct Ready(AtomicBool);

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Tasks {
    pub fn spawn(&self, kind: Kind, work: impl Future<Output = ()> + 'static) {
        let ready = Arc::new(Ready(AtomicBool::new(true)));
        self.slots.borrow_mut().push(Slot { kind, work: Some(Box::pin(work)), ready });
    }

    /// Polls one of those that are ready. False if there is none.
    pub fn poll_one(&self, random: &RefCell<Random>, keepers_too: bool) -> bool {
        let ready: Vec<_> = {
            let slots = self.slots.borrow();
            let may = |slot: &Slot| {
                slot.work.is_some()
                    && slot.ready.0.load(Ordering::SeqCst)
                    && (keepers_too || slot.kind != Kind::Keeper)
            };
            slots.iter().enumerate().filter(|(_, slot)| may(slot)).map(|(place, _)| place).collect()
        };
        if ready.is_empty() {
            return false;
        }
        let place = ready[random.borrow_mut().index(ready.len())];
        let (work, waker) = {
            let mut slots = self.slots.borrow_mut();
            let slot = &mut slots[place];
            slot.ready.0.store(false, Ordering::SeqCst);
            (slot.work.take(), slot.ready.clone())
        };
        let Some(mut work) = work else { return false };
        if work.as_mut().poll(&mut Context::from_waker(&Waker::from(waker))).is_pending() {
            self.slots.borrow_mut()[place].work = Some(work);
        }
        true
    }

    /// Drops those of clients; none may be being polled.
    pub fn clear_clients(&self) {
        let (kept, gone) = std::mem::take(&mut *self.slots.borrow_mut())
            .into_iter()
            .partition(|slot| slot.kind == Kind::Log);
        *self.slots.borrow_mut() = kept;
        drop::<Vec<Slot>>(gone);
    }

    /// Drops all; none may be being polled.
    pub fn clear(&self) {
        let slots = std::mem::take(&mut *self.slots.borrow_mut());
        drop(slots);
    }
}

/// Polls `work` until it is done, as long as `go_on` says so between polls.
pub fn drive<T>(work: impl Future<Output = T>, mut go_on: impl FnMut() -> bool) -> Option<T> {
    let mut work = std::pin::pin!(work);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = work.as_mut().poll(&mut context) {
            return Some(output);
        }
        if !go_on() {
            return None;
        }
    }
}

/// Counts how deep one is in something, and comes out again when dropped.
pub struct Depth<'a>(&'a Cell<usize>);

impl<'a> Depth<'a> {
    pub fn deeper(cell: &'a Cell<usize>) -> Depth<'a> {
        cell.set(cell.get() + 1);
        Depth(cell)
    }
}

impl Drop for Depth<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
