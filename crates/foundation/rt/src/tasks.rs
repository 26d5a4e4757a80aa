use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::background::Background;

/// The running tasks of an [`Rt`](crate::Rt), by name.
#[derive(Clone, Default)]
pub(crate) struct Tasks {
    shared: Arc<Shared>,
    /// Of a machine that is stepped: blocking work stays on the thread that awaits it, and tasks wait here for
    /// whoever drives them.
    stepped: Option<Arc<Mutex<Vec<Spawned>>>>,
    background: Arc<Background>,
}

/// A task of a stepped machine.
pub type Spawned = Pin<Box<dyn Future<Output = ()> + Send>>;

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
        Tasks { stepped: Some(Arc::default()), ..Tasks::default() }
    }

    pub(crate) fn take_spawned(&self) -> Vec<Spawned> {
        self.stepped.as_ref().map(|waiting| std::mem::take(&mut *waiting.lock())).unwrap_or_default()
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
        let work = async move {
            let _registered = registered;
            future.await
        }
        .instrument(span);
        let handle = match &self.stepped {
            None => Handle::Tokio(tokio::spawn(work)),
            Some(waiting) => {
                let (done, output) = oneshot::channel();
                let stop = CancellationToken::new();
                let stopped = stop.clone();
                waiting.lock().push(Box::pin(async move {
                    if let Some(output) = stopped.run_until_cancelled(work).await {
                        // Nobody may wait any more.
                        let _gone = done.send(output);
                    }
                }));
                Handle::Stepped(output, stop)
            }
        };
        Task { name, handle }
    }

    #[expect(clippy::disallowed_methods, reason = "this is where blocking work leaves the async threads")]
    pub(crate) async fn blocking<T, F>(&self, name: &'static str, work: F) -> T
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let work = self.registered(name, work);
        if self.stepped.is_some() {
            give_way().await;
            return work();
        }
        match tokio::task::spawn_blocking(work).await {
            Ok(output) => output,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Only a runtime that is going down cancels blocking work, and it drops this future too.
                Err(_) => std::future::pending().await,
            },
        }
    }

    pub(crate) async fn background<T, F>(&self, name: &'static str, work: F) -> T
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let work = self.registered(name, work);
        if self.stepped.is_some() {
            give_way().await;
            return work();
        }
        self.background.run(work).await
    }

    /// The work, on the register from now until it ends or is dropped.
    fn registered<T, F: FnOnce() -> T>(&self, name: &'static str, work: F) -> impl FnOnce() -> T + use<T, F> {
        let registered = self.register(name);
        move || {
            let _registered = registered;
            work()
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
    handle: Handle<T>,
}

#[derive(Debug)]
enum Handle<T> {
    Tokio(JoinHandle<T>),
    Stepped(oneshot::Receiver<T>, CancellationToken),
}

impl<T> Task<T> {
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Ends the task at its next await point.
    pub fn abort(&self) {
        match &self.handle {
            Handle::Tokio(handle) => handle.abort(),
            Handle::Stepped(_, stop) => stop.cancel(),
        }
    }

    pub fn is_finished(&self) -> bool {
        match &self.handle {
            Handle::Tokio(handle) => handle.is_finished(),
            Handle::Stepped(output, _) => !output.is_empty() || output.is_terminated(),
        }
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let name = self.name;
        match &mut self.handle {
            Handle::Tokio(handle) => Pin::new(handle).poll(context).map_err(|error| {
                if error.is_panic() { TaskError::Panicked { name } } else { TaskError::Aborted { name } }
            }),
            Handle::Stepped(output, _) => {
                Pin::new(output).poll(context).map_err(|_| TaskError::Aborted { name })
            }
        }
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
