use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, OnceLock, mpsc};

use parking_lot::Mutex;
use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};
use tokio::sync::{Semaphore, oneshot};

/// Of 99. On Linux a niceness of 9: an eighth of the processor's time beside one thread that wants all of it.
const PRIORITY: u8 = 24;

/// A thread for each processor, all of low priority; they start when they are first needed.
pub(crate) struct Background {
    threads: usize,
    /// One for each thread, so that no work waits in a queue: it waits with whoever brings it.
    turns: Semaphore,
    work: OnceLock<mpsc::Sender<Work>>,
}

type Work = Box<dyn FnOnce() + Send>;

impl Default for Background {
    fn default() -> Background {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Background { threads, turns: Semaphore::new(threads), work: OnceLock::new() }
    }
}

impl Background {
    /// Runs `work`, also if nobody waits for it any more once it has begun. Panics as it does.
    pub(crate) async fn run<T, F>(&self, work: F) -> T
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let _turn = self.turns.acquire().await.expect("invariant: the turns are never closed");
        let (done, output) = oneshot::channel();
        let work = move || {
            let output = catch_unwind(AssertUnwindSafe(work));
            // Nobody may wait any more.
            let _gone = done.send(output);
        };
        let sent = self.work.get_or_init(|| start(self.threads)).send(Box::new(work));
        assert!(sent.is_ok(), "invariant: the threads work as long as there is a sender");
        let output = output.await.expect("invariant: work that was taken ends");
        output.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

/// Threads that work until the sender is gone.
fn start(threads: usize) -> mpsc::Sender<Work> {
    let (sender, receiver) = mpsc::channel::<Work>();
    let receiver = Arc::new(Mutex::new(receiver));
    for _ in 0..threads {
        let receiver = receiver.clone();
        let thread = std::thread::Builder::new().name("background".to_owned()).spawn(move || {
            lower();
            loop {
                let work = receiver.lock().recv();
                let Ok(work) = work else { return };
                work();
            }
        });
        thread.expect("the operating system gives threads");
    }
    sender
}

/// Where the system refuses, the work competes as any other.
fn lower() {
    let priority = ThreadPriorityValue::try_from(PRIORITY).expect("invariant: 24 is below 100");
    if let Err(error) = set_current_thread_priority(ThreadPriority::Crossplatform(priority)) {
        tracing::warn!(?error, "background threads keep their priority");
    }
}
