//! Who is subscribed to which shard.

use std::collections::HashMap;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::limits::{SUBSCRIBES_PER_SECOND, SUBSCRIPTION_HOLD};
use crate::pace::Bucket;
use crate::resource::ConsumerName;

/// One subscription for each consumer and shard.
#[derive(Default)]
pub(crate) struct Subscriptions {
    held: Mutex<HashMap<(ConsumerName, u32), Held>>,
}

struct Held {
    /// Tells the subscription's end why; dropped when it was told.
    end: watch::Sender<Option<End>>,
    began: Instant,
    calls: Bucket,
}

/// Why a subscription ends before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The same consumer subscribed to the same shard again.
    TakenOver,
    /// The consumer is gone.
    Deregistered,
}

/// Why there is no subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Another one has just begun.
    InUse,
    /// The consumer asks too often.
    TooOften,
}

/// More than this and those that are over are forgotten.
const HELD_MAX: usize = 10_000;

impl Subscriptions {
    /// Begins one. An older one of the same consumer and shard ends, unless it has just begun. `limited`: no
    /// more calls than AWS takes.
    pub(crate) fn begin(
        &self,
        consumer: &ConsumerName,
        shard: u32,
        now: Instant,
        limited: bool,
    ) -> Result<watch::Receiver<Option<End>>, Refusal> {
        let mut held = self.held.lock();
        if held.len() >= HELD_MAX {
            held.retain(|_, held| !held.is_over(now));
        }
        let key = (consumer.clone(), shard);
        let mut calls = Bucket::new(SUBSCRIBES_PER_SECOND, now);
        if let Some(other) = held.get_mut(&key) {
            let admitted = other.calls.admits(1, now);
            if limited && !admitted {
                return Err(Refusal::TooOften);
            }
            other.calls.take(1);
            if now.saturating_duration_since(other.began) < SUBSCRIPTION_HOLD {
                return Err(Refusal::InUse);
            }
            other.end.send_replace(Some(End::TakenOver));
            calls = other.calls.clone();
        } else {
            calls.take(1);
        }
        let (end, ended) = watch::channel(None);
        held.insert(key, Held { end, began: now, calls });
        Ok(ended)
    }

    /// Ends those of a consumer that is gone.
    pub(crate) fn end(&self, consumer: &ConsumerName) {
        self.held.lock().retain(|(other, _), held| {
            if other == consumer {
                held.end.send_replace(Some(End::Deregistered));
            }
            other != consumer
        });
    }
}

impl Held {
    fn is_over(&self, now: Instant) -> bool {
        self.end.is_closed() && now.saturating_duration_since(self.began) >= SUBSCRIPTION_HOLD
    }
}
