use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::Timestamp;

pub(crate) enum Clock {
    System,
    Manual(ManualClock),
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "this is where the machine's clock is read")]
    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Clock::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
            Clock::Manual(clock) => clock.now(),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this is where the machine's clock is read")]
    pub(crate) fn instant(&self) -> Instant {
        match self {
            Clock::System => Instant::now(),
            Clock::Manual(clock) => clock.inner.origin + clock.now().saturating_since(clock.inner.start),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this is where the machine's clock is waited for")]
    pub(crate) async fn sleep(&self, duration: Duration) {
        match self {
            Clock::System => tokio::time::sleep(duration).await,
            Clock::Manual(clock) => clock.sleep(duration).await,
        }
    }
}

/// Moves the clock of an [`Rt::manual`](crate::Rt::manual). Sleepers whose time has come wake at once.
#[derive(Clone)]
pub struct ManualClock {
    inner: Arc<Manual>,
}

struct Manual {
    origin: Instant,
    start: Timestamp,
    now: watch::Sender<Timestamp>,
}

impl ManualClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "an Instant can only be made by reading one; the manual clock counts from it"
    )]
    pub(crate) fn new(start: Timestamp) -> ManualClock {
        ManualClock {
            inner: Arc::new(Manual { origin: Instant::now(), start, now: watch::Sender::new(start) }),
        }
    }

    pub fn now(&self) -> Timestamp {
        *self.inner.now.borrow()
    }

    pub fn advance(&self, duration: Duration) {
        self.inner.now.send_modify(|now| *now = now.plus(duration));
    }

    /// Going back is allowed: real clocks do.
    pub fn set(&self, now: Timestamp) {
        self.inner.now.send_replace(now);
    }

    async fn sleep(&self, duration: Duration) {
        let mut now = self.inner.now.subscribe();
        let until = now.borrow().plus(duration);
        // The sender lives in `self`, so the channel is never closed while we wait.
        let _open = now.wait_for(|now| *now >= until).await;
    }
}
