//! On-demand streams follow their load: hot shards are split, cold neighbours are merged.
//!
//! Every [`ROUND`] the load of each open shard is looked at. A shard that was hot for [`HOT_ROUNDS`] rounds in
//! a row is split in the middle; two neighbours that were cold together for [`COLD_ROUNDS`] rounds in a row
//! become one. A shard just made starts to count anew. Two halves of a hot shard are far from cold together,
//! and a merged shard is far from hot, so that nothing goes back and forth.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use log::{Change, TopicId};
use rt::Timestamp;

use crate::Kinesis;
use crate::limits::{
    ON_DEMAND_SHARDS, ON_DEMAND_SHARDS_MAX, WRITE_BYTES_PER_SECOND, WRITE_RECORDS_PER_SECOND,
};
use crate::pace::Intake;
use crate::reshard::{Open, Updating, open_shards};

/// How often the load is looked at.
pub(crate) const ROUND: Duration = Duration::from_secs(10);
/// A shard is hot from this share of what AWS gives a shard on, in bytes or in records.
const HOT: f64 = 0.7;
const HOT_ROUNDS: u32 = 3;
/// Neighbours are cold together up to this share of one shard.
const COLD: f64 = 0.25;
/// A quarter of an hour.
const COLD_ROUNDS: u32 = 90;
/// A shard this narrow is not split: one key alone is hot, and no split would help it.
const RANGE_MIN: u128 = u128::MAX / (ON_DEMAND_SHARDS_MAX as u128 * 16);

/// What is remembered from round to round.
#[derive(Default)]
pub(crate) struct Scaling {
    streams: HashMap<TopicId, History>,
    last: Option<Timestamp>,
}

#[derive(Default)]
struct History {
    incarnation: String,
    shards: HashMap<u32, Streak>,
}

/// A shard's rounds in a row, up to the last one.
#[derive(Clone, Copy, Debug, Default)]
struct Streak {
    hot: u32,
    /// With the next shard in the order of ranges.
    cold: u32,
    next: Option<u32>,
}

impl History {
    /// One more round. `open` is in the order of the ranges; the load is in shares of one shard.
    fn look(&mut self, open: &[Open], load: impl Fn(u32) -> f64) {
        let last = std::mem::take(&mut self.shards);
        for (place, shard) in open.iter().enumerate() {
            let next = open.get(place + 1).map(|next| next.index);
            let before = last.get(&shard.index).copied().unwrap_or_default();
            let together = load(shard.index) + next.map_or(0.0, &load);
            let streak = Streak {
                hot: if load(shard.index) >= HOT { before.hot + 1 } else { 0 },
                cold: if next.is_none() || together > COLD {
                    0
                } else if before.next == next {
                    before.cold + 1
                } else {
                    1
                },
                next,
            };
            self.shards.insert(shard.index, streak);
        }
    }

    /// What to do about it. At least `shards_min` stay.
    fn decide(&self, open: &[Open], shards_min: usize) -> Vec<Change> {
        let streak = |shard: &Open| self.shards.get(&shard.index).copied().unwrap_or_default();
        let mut changes = Vec::new();
        let mut room = ON_DEMAND_SHARDS_MAX.saturating_sub(open.len());
        let mut surplus = open.len().saturating_sub(shards_min);
        let mut shards = open.iter().peekable();
        while let Some(shard) = shards.next() {
            let width = shard.range.end - shard.range.start;
            if streak(shard).hot >= HOT_ROUNDS && width > RANGE_MIN && room > 0 {
                changes.push(Change::Split { partition: shard.index, at: shard.range.start + width / 2 + 1 });
                room -= 1;
            } else if streak(shard).cold >= COLD_ROUNDS
                && surplus > 0
                && let Some(next) = shards.next_if(|next| streak(next).hot == 0)
            {
                changes.push(Change::Merge { left: shard.index, right: next.index });
                surplus -= 1;
            }
        }
        changes
    }
}

impl Kinesis {
    /// Looks at the load of on-demand streams from now on, until the service is dropped or shut down.
    ///
    /// # Errors
    /// When the streams cannot be read.
    pub async fn start(self: &Arc<Self>) -> Result<(), aws::ApiError> {
        self.find_on_demand().await?;
        let (service, rt, stop) = (Arc::downgrade(self), self.rt.clone(), self.rt.stop());
        let rounds = async move {
            let mut scaling = Scaling::default();
            loop {
                tokio::select! {
                    () = stop.requested() => return,
                    () = rt.sleep(ROUND) => {}
                }
                let Some(service) = Weak::upgrade(&service) else { return };
                service.scale(&mut scaling).await;
            }
        };
        drop(self.rt.spawn("kinesis scaling", rounds));
        Ok(())
    }

    async fn find_on_demand(&self) -> Result<(), aws::ApiError> {
        for stream in self.log.all_topics("stream") {
            if self.record(&stream).await.is_ok_and(|record| record.on_demand) {
                self.on_demand.lock().insert(stream);
            }
        }
        Ok(())
    }

    /// One round over all on-demand streams.
    pub(crate) async fn scale(self: &Arc<Self>, scaling: &mut Scaling) {
        let now = self.rt.now();
        let elapsed = scaling.last.replace(now).map_or(ROUND, |last| now.saturating_since(last));
        let streams: Vec<_> = self.on_demand.lock().iter().cloned().collect();
        scaling.streams.retain(|stream, _| streams.contains(stream));
        for stream in streams {
            let history = scaling.streams.entry(stream.clone()).or_default();
            if let Err(error) = self.scale_stream(&stream, history, elapsed).await {
                tracing::warn!(kinesis.stream = %stream, %error, "an on-demand stream is not scaled now");
            }
        }
    }

    async fn scale_stream(
        self: &Arc<Self>,
        stream: &TopicId,
        history: &mut History,
        elapsed: Duration,
    ) -> Result<(), aws::ApiError> {
        let Ok(routes) = self.log.routes(stream) else {
            self.on_demand.lock().remove(stream);
            return Ok(());
        };
        let intake = self.known(stream, &routes).map(|live| live.pace.take_intake()).unwrap_or_default();
        if history.incarnation != routes.incarnation {
            *history = History { incarnation: routes.incarnation.clone(), ..History::default() };
        }
        let load = |shard: u32| intake.get(&shard).map_or(0.0, |intake| share(*intake, elapsed));
        // Cheap to find out that there is nothing to do, which is what nearly all rounds find.
        let mut open: Vec<_> = routes.iter().filter(|route| route.closed_at.is_none()).collect();
        open.sort_unstable_by_key(|route| route.range.start);
        let open: Vec<_> =
            open.into_iter().map(|route| Open { index: route.index, range: route.range }).collect();
        history.look(&open, load);
        let shards_min = ON_DEMAND_SHARDS as usize;
        if history.decide(&open, shards_min).is_empty() {
            return Ok(());
        }
        let warm = self.record(stream).await?.warm_mibps.map_or(0, |mibps| mibps as usize);
        // Someone else's change comes first; the next round looks again.
        let Ok(updating) = Updating::begin(self, stream) else { return Ok(()) };
        let topic = updating.topic().await?;
        let changes = history.decide(&open_shards(&topic), shards_min.max(warm));
        let count = changes.len();
        updating.reshard(&topic, changes).await?;
        if count > 0 {
            tracing::info!(kinesis.stream = %stream, changes = count, "an on-demand stream follows its load");
        }
        Ok(())
    }
}

/// The share of what AWS gives one shard.
fn share(intake: Intake, elapsed: Duration) -> f64 {
    let seconds = elapsed.as_secs_f64().max(0.001);
    let share = |units: u64, per_second: u64| units as f64 / seconds / per_second as f64;
    share(intake.bytes, WRITE_BYTES_PER_SECOND).max(share(intake.records, WRITE_RECORDS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use log::HashRange;

    use super::*;

    fn shards(count: u32) -> Vec<Open> {
        (0..).zip(HashRange::split_evenly(count)).map(|(index, range)| Open { index, range }).collect()
    }

    fn rounds(history: &mut History, open: &[Open], count: u32, loads: &[f64]) -> Vec<Change> {
        (0..count).for_each(|_| history.look(open, |shard| loads[shard as usize]));
        history.decide(open, 4)
    }

    #[test]
    fn only_a_shard_that_stays_hot_is_split() {
        let (mut history, open) = (History::default(), shards(5));
        let hot = [0.1, 0.7, 0.1, 0.3, 0.3];
        assert_eq!(rounds(&mut history, &open, HOT_ROUNDS - 1, &hot), []);
        assert_eq!(rounds(&mut history, &open, 1, &[0.1, 0.69, 0.1, 0.3, 0.3]), [], "it cooled down");
        let changes = rounds(&mut history, &open, HOT_ROUNDS, &hot);
        let middle = open[1].range.start + (open[1].range.end - open[1].range.start) / 2 + 1;
        assert_eq!(changes, [Change::Split { partition: 1, at: middle }]);
    }

    #[test]
    fn cold_neighbours_are_merged_down_to_the_least_count() {
        let (mut history, open) = (History::default(), shards(6));
        let cold = [0.1, 0.1, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(rounds(&mut history, &open, COLD_ROUNDS - 1, &cold), []);
        let merge = |left| Change::Merge { left, right: left + 1 };
        assert_eq!(rounds(&mut history, &open, 1, &cold), [merge(0), merge(2)], "four of six stay");
    }

    #[test]
    fn what_was_just_split_is_not_merged_and_what_was_merged_is_not_split() {
        // The halves of a shard that was just hot, and a shard merged from two that were just cold.
        const { assert!(HOT > COLD * 2.0) };
        let (mut history, open) = (History::default(), shards(6));
        let halves = [HOT / 2.0, HOT / 2.0, COLD, 0.3, 0.3, 0.3];
        assert_eq!(rounds(&mut history, &open, 1000, &halves), []);
    }

    #[test]
    fn one_hot_key_is_not_chased() {
        let mut history = History::default();
        let narrow = [Open { index: 0, range: HashRange { start: 5, end: 5 + RANGE_MIN } }];
        assert_eq!(rounds(&mut history, &narrow, 10, &[3.0]), []);
    }

    #[test]
    fn bytes_or_records_make_a_shard_hot() {
        let second = Duration::from_secs(1);
        assert_eq!(share(Intake { bytes: 1 << 20, records: 1 }, second), 1.0);
        assert_eq!(share(Intake { bytes: 1, records: 500 }, second), 0.5);
    }
}
