//! The seam between Mulgil and the machine: clock, randomness, tasks and shutdown.
//!
//! Every crate takes an [`Rt`] in its constructors and asks it for the time, for random numbers, for
//! sleep and for tasks. Nothing else in the tree may (clippy's disallowed methods say so), which is what
//! lets a test set the clock, fix the seed and know that no task outlives a shutdown.
//!
//! Guarantees:
//! - [`Rt::system`] reads the machine; [`Rt::manual`] only moves when its [`ManualClock`] is moved, and
//!   draws the same random numbers for the same seed; [`Rt::stepped`] moreover leaves no work to other threads.
//! - Every task spawned here has a name, runs in a tracing span of that name, and is waited for by
//!   [`Rt::shutdown`], which tells the names of those that did not finish.
//!
//! It never decides when to stop: [`Stop`] only carries the wish, tasks answer it.
//!
//! Start reading at [`Rt`].

mod background;
mod backoff;
mod clock;
mod random;
mod stop;
mod tasks;
mod timestamp;

pub use backoff::Backoff;
pub use clock::ManualClock;
pub use stop::Stop;
pub use tasks::{Spawned, Task, TaskError};
pub use timestamp::Timestamp;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clock::Clock;
use random::Random;
use tasks::Tasks;

/// Clock, randomness, tasks and shutdown of one process (or one test). Clones share everything.
#[derive(Clone)]
pub struct Rt {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Clock,
    random: Random,
    tasks: Tasks,
    stop: Stop,
}

impl Rt {
    /// The machine's clock and randomness.
    pub fn system() -> Rt {
        Rt::new(Clock::System, Random::System)
    }

    /// A clock that stands at `start` until it is moved, and random numbers that follow from `seed`.
    pub fn manual(start: Timestamp, seed: u64) -> (Rt, ManualClock) {
        let clock = ManualClock::new(start);
        (Rt::new(Clock::Manual(clock.clone()), Random::seeded(seed)), clock)
    }

    /// Like [`Rt::manual`] without any other thread, for simulations, which decide all order themselves:
    /// [`Rt::blocking`] runs its work on the thread that awaits it, after others had a turn, and what is spawned
    /// waits for whoever calls [`Rt::take_spawned`] to drive it.
    pub fn stepped(start: Timestamp, seed: u64) -> (Rt, ManualClock) {
        let clock = ManualClock::new(start);
        let rt = Rt::with_tasks(Clock::Manual(clock.clone()), Random::seeded(seed), Tasks::on_one_thread());
        (rt, clock)
    }

    fn new(clock: Clock, random: Random) -> Rt {
        Rt::with_tasks(clock, random, Tasks::default())
    }

    fn with_tasks(clock: Clock, random: Random, tasks: Tasks) -> Rt {
        Rt { inner: Arc::new(Inner { clock, random, tasks, stop: Stop::new() }) }
    }

    /// The wall clock.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// The monotonic clock, for measuring.
    pub fn instant(&self) -> Instant {
        self.inner.clock.instant()
    }

    /// Resolves when `duration` has passed on this clock.
    pub async fn sleep(&self, duration: Duration) {
        self.inner.clock.sleep(duration).await;
    }

    /// The future's output, or `None` if it took longer than `limit`.
    pub async fn timeout<F: Future>(&self, limit: Duration, future: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            output = future => Some(output),
            () = self.sleep(limit) => None,
        }
    }

    /// Starts a task that [`Rt::shutdown`] waits for. Dropping the returned handle lets it run on.
    pub fn spawn<F>(&self, name: &'static str, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.inner.tasks.spawn(name, future)
    }

    /// The tasks of a stepped machine that were spawned since the last call, for the caller to drive.
    pub fn take_spawned(&self) -> Vec<Spawned> {
        self.inner.tasks.take_spawned()
    }

    /// Runs `work` on a thread that may block and returns its result. A panic in `work` goes on here.
    pub async fn blocking<T, F>(&self, name: &'static str, work: F) -> T
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        self.inner.tasks.blocking(name, work).await
    }

    /// As [`Rt::blocking`] for work that uses the processor and may wait: it runs on few threads of low priority,
    /// so that it takes what is left when others have work to do, and all of the machine when they have not.
    pub async fn background<T, F>(&self, name: &'static str, work: F) -> T
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        self.inner.tasks.background(name, work).await
    }

    /// Starts a named thread of its own, for work that blocks for as long as the process lives. The
    /// caller keeps the handle; shutdown does not wait for it.
    pub fn thread<T, F>(&self, name: &'static str, work: F) -> std::thread::JoinHandle<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(work)
            .expect("the operating system refuses a thread")
    }

    /// The wish to stop, to be watched by loops.
    pub fn stop(&self) -> Stop {
        self.inner.stop.clone()
    }

    /// Requests stop, waits for the tasks, and returns the names of those still running after `limit`
    /// of real time (also under a manual clock).
    pub async fn shutdown(&self, limit: Duration) -> Vec<&'static str> {
        self.inner.stop.cancel();
        self.inner.tasks.wait(limit).await
    }

    /// A random UUID (version 4), hyphenated lower case.
    pub fn uuid(&self) -> String {
        let mut bytes = [0; 16];
        self.inner.random.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    /// Uniform over all 64 bits.
    pub fn random_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.inner.random.fill(&mut bytes);
        u64::from_ne_bytes(bytes)
    }

    /// `bytes` random bytes as twice as many lower-case hexadecimal digits.
    pub fn random_hex(&self, bytes: usize) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut raw = vec![0; bytes];
        self.inner.random.fill(&mut raw);
        raw.iter()
            .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
            .map(char::from)
            .collect()
    }
}

impl std::fmt::Debug for Rt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rt").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
