//! One subscription: a shard's records as they come, as events.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws::{ApiError, Codec};
use futures::{Stream, StreamExt, stream};
use log::{Offset, Page, ReadLimit, TailWatch};
use serde::Serialize;
use tokio::sync::watch;

use crate::consumer;
use crate::error::{from_log, stream_not_found};
use crate::limits::{
    EVENT_BYTES_MAX, EVENT_RECORDS_MAX, HEARTBEAT, READ_BYTES_PER_SECOND, SUBSCRIPTION_LIFE,
};
use crate::model::{ChildShard, SubscribeToShardEventStream, error};
use crate::ops::get_records::millis_behind;
use crate::pace::Bucket;
use crate::records::Records;
use crate::resource::ConsumerName;
use crate::sequence::{SequenceNumber, ShardNumbers};
use crate::subscriptions::End;
use crate::{Kinesis, shard};

/// The model's event, but for the continuation, which the last event of a closed shard does not have.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ShardEvent {
    #[serde(skip)]
    pub(crate) records: Records,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) continuation_sequence_number: Option<String>,
    pub(crate) millis_behind_latest: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) child_shards: Option<Vec<ChildShard>>,
}

impl aws::Event for ShardEvent {
    const EXCEPTIONS: &'static [&'static str] = <SubscribeToShardEventStream as aws::Event>::EXCEPTIONS;

    fn name(&self) -> &'static str {
        "SubscribeToShardEvent"
    }

    fn write(&self, codec: &Codec, out: &mut Vec<u8>) -> Result<(), ApiError> {
        self.records.write_with(self, codec, out)
    }
}

pub(crate) struct Subscription {
    svc: Arc<Kinesis>,
    consumer: ConsumerName,
    incarnation: String,
    numbers: ShardNumbers,
    index: u32,
    offset: Offset,
    /// Everything up to here was sent.
    sent: SequenceNumber,
    tail: TailWatch,
    ended: watch::Receiver<Option<End>>,
    until: Instant,
    /// The next event is due by then, even an empty one.
    due: Instant,
    /// Limits what is sent, if AWS's numbers are wanted.
    pace: Option<Bucket>,
    done: bool,
}

/// How long a subscription that has sent too much waits before it looks again.
const PACE_PAUSE: Duration = Duration::from_millis(50);

/// What ended a pause.
enum Woken {
    Ended(Option<End>),
    Over,
    Due,
    Grown,
}

impl Subscription {
    pub(crate) async fn begin(
        svc: Arc<Kinesis>,
        consumer: ConsumerName,
        incarnation: String,
        numbers: ShardNumbers,
        index: u32,
        offset: Offset,
        ended: watch::Receiver<Option<End>>,
    ) -> Result<Subscription, ApiError> {
        let stream = &consumer.stream;
        let tail = svc.log.tail(stream, index).await.map_err(|error| from_log(stream, error))?;
        let now = svc.rt.instant();
        let pace = svc.is_limited().then(|| Bucket::new(READ_BYTES_PER_SECOND, now));
        let sent = match offset.checked_sub(1) {
            Some(last) => numbers.record(last, svc.rt.now()),
            None => numbers.start(),
        };
        let until = now + SUBSCRIPTION_LIFE;
        Ok(Subscription {
            svc,
            consumer,
            incarnation,
            numbers,
            index,
            offset,
            sent,
            tail,
            ended,
            until,
            due: now,
            pace,
            done: false,
        })
    }

    /// The events, until the time is over, the shard is at its end, or something is wrong.
    pub(crate) fn events(self) -> impl Stream<Item = Result<ShardEvent, ApiError>> {
        stream::unfold(self, |mut subscription| async move {
            let event = subscription.next().await.transpose()?;
            subscription.done |= event.is_err();
            Some((event, subscription))
        })
        .fuse()
    }

    async fn next(&mut self) -> Result<Option<ShardEvent>, ApiError> {
        while !self.done {
            let ended = *self.ended.borrow();
            if let Some(end) = ended {
                return Err(self.ended_by(end));
            }
            let now = self.svc.rt.instant();
            if now >= self.until {
                return Ok(None);
            }
            if self.pace.as_mut().is_some_and(|pace| !pace.admits(1, now)) {
                self.svc.rt.sleep(PACE_PAUSE).await;
                continue;
            }
            if let Some(event) = self.look(now).await? {
                return Ok(Some(event));
            }
            match self.pause(now).await {
                Woken::Over => return Ok(None),
                Woken::Ended(Some(end)) => return Err(self.ended_by(end)),
                Woken::Ended(None) => return Ok(None),
                Woken::Due | Woken::Grown => {}
            }
        }
        Ok(None)
    }

    /// The next event if there is something to say.
    async fn look(&mut self, now: Instant) -> Result<Option<ShardEvent>, ApiError> {
        let stream = &self.consumer.stream;
        let routes = self.svc.routes(stream)?;
        let route = routes.get(self.index).filter(|_| routes.incarnation == self.incarnation);
        let route = route.ok_or_else(|| stream_not_found(stream))?;
        let limit = ReadLimit { records: EVENT_RECORDS_MAX, bytes: EVENT_BYTES_MAX };
        let page = self.svc.read(stream, self.index, self.offset, limit).await?.page;
        self.offset = page.next;
        if page.records.is_empty() && route.closed_at.is_some_and(|end| page.next >= end) {
            self.done = true;
            return Ok(Some(ShardEvent {
                records: Records::new(page, self.numbers),
                continuation_sequence_number: None,
                millis_behind_latest: 0,
                child_shards: Some(shard::children(&routes, self.index)),
            }));
        }
        if page.records.is_empty() && now < self.due {
            return Ok(None);
        }
        self.due = now + HEARTBEAT;
        Ok(Some(self.event(page)))
    }

    fn event(&mut self, page: Page) -> ShardEvent {
        if let Some(last) = page.records.last() {
            self.sent = self.numbers.record(page.next.saturating_sub(1), last.at);
        }
        if let Some(pace) = &mut self.pace {
            pace.take(page.records.iter().map(|record| (record.key.len() + record.data.len()) as u64).sum());
        }
        ShardEvent {
            millis_behind_latest: millis_behind(&page, self.svc.rt.now()),
            records: Records::new(page, self.numbers),
            continuation_sequence_number: Some(self.sent.to_string()),
            child_shards: None,
        }
    }

    /// Until there may be something to say.
    async fn pause(&mut self, now: Instant) -> Woken {
        let left = self.due.min(self.until).saturating_duration_since(now);
        let (rt, is_last) = (&self.svc.rt, self.until <= self.due);
        tokio::select! {
            changed = self.ended.changed() => match changed {
                Ok(()) => Woken::Ended(*self.ended.borrow_and_update()),
                Err(_) => Woken::Ended(None),
            },
            _tail = self.tail.past_or_closed(self.offset) => Woken::Grown,
            () = rt.sleep(left) => if is_last { Woken::Over } else { Woken::Due },
        }
    }

    fn ended_by(&mut self, end: End) -> ApiError {
        self.done = true;
        let (name, stream) = (&self.consumer.name, &self.consumer.stream);
        match end {
            End::TakenOver => error::resource_in_use_exception(format!(
                "Consumer {name} subscribed to shard {} in stream {} under account {} again.",
                shard::id(self.index),
                stream.name,
                stream.scope.account
            )),
            End::Deregistered => consumer::not_found(&self.consumer),
        }
    }
}
