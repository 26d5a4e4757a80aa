use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tracing::Instrument;

/// The running tasks of an [`Rt`](crate::Rt), by name.
#[derive(Clone, Default)]
pub(crate) struct Tasks {
    shared: Arc<Shared>,
    /// Blocking work stays on the thread that awaits it.
    one_thread: bool,
}

#[derive(Default)]
struct Shared {
    running: Mutex<Running>,
    empty: Notify,
}

#[derive(Default)]
struct Running {
    next: u64,
    names: BTreeMap<u64, &'static str>,
}

impl Tasks {
    pub(crate) fn on_one_thread() -> Tasks {
        Tasks { one_thread: true, ..Tasks::default() }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is where tasks are spawned, with a name and an entry in the register"
    )]
    pub(crate) fn spawn<F>(&self, name: &'static str, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let registered = self.register(name);
        let span = tracing::info_span!(parent: None, "task", task.name = name);
        let handle = tokio::spawn(
            async move {
                let _registered = registered;
                future.await
            }
            .instrument(span),
        );
        Task { name, handle }
    }

    #[expect(clippy::disallowed_methods, reason = "this is where blocking work leaves the async threads")]
    pub(crate) async fn blocking<T, F>(&self, name: &'static str, work: F) -> T
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let registered = self.register(name);
        if self.one_thread {
            give_way().await;
            return work();
        }
        let joined = tokio::task::spawn_blocking(move || {
            let _registered = registered;
            work()
        })
        .await;
        match joined {
            Ok(output) => output,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Only a runtime that is going down cancels blocking work, and it drops this future too.
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// The names of those still running after `limit`.
    #[expect(
        clippy::disallowed_methods,
        reason = "the limit of a shutdown is real time, also when the clock is manual"
    )]
    pub(crate) async fn wait(&self, limit: Duration) -> Vec<&'static str> {
        let empty = async {
            loop {
                let notified = self.shared.empty.notified();
                tokio::pin!(notified);
                notified.as_mut().enable();
                if self.shared.running.lock().names.is_empty() {
                    return;
                }
                notified.await;
            }
        };
        tokio::select! {
            () = empty => {}
            () = tokio::time::sleep(limit) => {}
        }
        self.shared.running.lock().names.values().copied().collect()
    }

    fn register(&self, name: &'static str) -> Registered {
        let mut running = self.shared.running.lock();
        let id = running.next;
        running.next += 1;
        running.names.insert(id, name);
        Registered { id, shared: self.shared.clone() }
    }
}

/// Pending once.
async fn give_way() {
    let mut given = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut given, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

struct Registered {
    id: u64,
    shared: Arc<Shared>,
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut running = self.shared.running.lock();
        running.names.remove(&self.id);
        if running.names.is_empty() {
            self.shared.empty.notify_waiters();
        }
    }
}

/// A spawned task. Await it for its output; drop it to let it run unattended.
#[derive(Debug)]
pub struct Task<T> {
    name: &'static str,
    handle: JoinHandle<T>,
}

impl<T> Task<T> {
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Ends the task at its next await point.
    pub fn abort(&self) {
        self.handle.abort();
    }

    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let name = self.name;
        Pin::new(&mut self.handle).poll(context).map_err(|error| {
            if error.is_panic() { TaskError::Panicked { name } } else { TaskError::Aborted { name } }
        })
    }
}

/// Why a task has no output.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    #[error("task {name} panicked")]
    Panicked { name: &'static str },
    #[error("task {name} was aborted")]
    Aborted { name: &'static str },
}
