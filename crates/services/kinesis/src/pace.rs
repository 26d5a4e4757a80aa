//! What goes through the shards of one stream: measured for scaling, and limited if AWS's numbers are wanted.

use std::collections::HashMap;
use std::time::Instant;

use parking_lot::Mutex;

use crate::limits::{
    READ_BYTES_PER_SECOND, READS_PER_SECOND, SHARDS_PER_STREAM_MAX, WRITE_BYTES_PER_SECOND,
    WRITE_RECORDS_PER_SECOND,
};

/// The shards of one stream. Shards nobody uses cost nothing.
pub(crate) struct Pace {
    shards: Mutex<HashMap<u32, ShardPace>>,
}

/// Kept of shards that are in use; more of them than a stream can have open are forgotten together.
const SHARDS_KEPT_MAX: usize = SHARDS_PER_STREAM_MAX * 2;

/// What one shard took in since it was last asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Intake {
    pub(crate) bytes: u64,
    pub(crate) records: u64,
}

struct ShardPace {
    intake: Intake,
    bytes_in: Bucket,
    records_in: Bucket,
    bytes_out: Bucket,
    reads: Bucket,
    /// After an answer larger than a second's worth: when its time is over.
    quiet_until: Option<Instant>,
}

impl Pace {
    pub(crate) fn new() -> Pace {
        Pace { shards: Mutex::default() }
    }

    fn with<T>(&self, shard: u32, now: Instant, change: impl FnOnce(&mut ShardPace) -> T) -> T {
        let mut shards = self.shards.lock();
        if shards.len() >= SHARDS_KEPT_MAX && !shards.contains_key(&shard) {
            shards.clear();
        }
        change(shards.entry(shard).or_insert_with(|| ShardPace::new(now)))
    }

    /// Counts what a shard has taken in.
    pub(crate) fn count(&self, shard: u32, intake: Intake, now: Instant) {
        self.with(shard, now, |pace| {
            pace.intake.bytes += intake.bytes;
            pace.intake.records += intake.records;
        });
    }

    /// What each shard took in since the last call.
    pub(crate) fn take_intake(&self) -> HashMap<u32, Intake> {
        let mut shards = self.shards.lock();
        shards.iter_mut().map(|(shard, pace)| (*shard, std::mem::take(&mut pace.intake))).collect()
    }

    /// Whether the shard may take a record of this size now; if so, it is taken off.
    pub(crate) fn admit_record(&self, shard: u32, bytes: usize, now: Instant) -> bool {
        self.with(shard, now, |pace| {
            let (bytes, admits) = (bytes as u64, |bucket: &mut Bucket, units| bucket.admits(units, now));
            let admitted = admits(&mut pace.bytes_in, bytes) && admits(&mut pace.records_in, 1);
            if admitted {
                pace.bytes_in.take(bytes);
                pace.records_in.take(1);
            }
            admitted
        })
    }

    /// Whether the shard may be read now; if so, the call is taken off.
    pub(crate) fn admit_read(&self, shard: u32, now: Instant) -> bool {
        self.with(shard, now, |pace| {
            let is_quiet = pace.quiet_until.is_some_and(|until| now < until);
            let admitted = !is_quiet && pace.reads.admits(1, now) && pace.bytes_out.admits(1, now);
            if admitted {
                pace.reads.take(1);
            }
            admitted
        })
    }

    /// Takes off what a read returned. More than a second's worth keeps others from reading until its time
    /// is over: five seconds after ten mebibytes.
    pub(crate) fn settle_read(&self, shard: u32, bytes: usize, now: Instant) {
        self.with(shard, now, |pace| {
            let bytes = bytes as u64;
            pace.bytes_out.take(bytes);
            if bytes > READ_BYTES_PER_SECOND {
                let seconds = bytes as f64 / READ_BYTES_PER_SECOND as f64;
                pace.quiet_until = Some(now + std::time::Duration::from_secs_f64(seconds));
            }
        });
    }
}

impl ShardPace {
    fn new(now: Instant) -> ShardPace {
        ShardPace {
            intake: Intake::default(),
            bytes_in: Bucket::new(WRITE_BYTES_PER_SECOND, now),
            records_in: Bucket::new(WRITE_RECORDS_PER_SECOND, now),
            bytes_out: Bucket::new(READ_BYTES_PER_SECOND, now),
            reads: Bucket::new(READS_PER_SECOND, now),
            quiet_until: None,
        }
    }
}

/// So many units a second, and a second's worth at once.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    per_second: i128,
    /// Billionths of a unit; below zero it owes.
    level: i128,
    at: Instant,
}

const NANO: i128 = 1_000_000_000;

impl Bucket {
    pub(crate) fn new(per_second: u64, now: Instant) -> Bucket {
        let per_second = i128::from(per_second);
        Bucket { per_second, level: per_second * NANO, at: now }
    }

    /// Whether there are so many units. What is larger than the bucket may go when it is full, and then it
    /// owes the rest.
    pub(crate) fn admits(&mut self, units: u64, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.at).as_nanos();
        let full = self.per_second * NANO;
        let earned =
            i128::try_from(elapsed).unwrap_or(i128::MAX / self.per_second).saturating_mul(self.per_second);
        self.level = self.level.saturating_add(earned).min(full);
        self.at = now;
        self.level >= (i128::from(units) * NANO).min(full)
    }

    pub(crate) fn take(&mut self, units: u64) {
        self.level -= i128::from(units) * NANO;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use rt::{Rt, Timestamp};

    use super::*;

    fn start() -> Instant {
        Rt::manual(Timestamp::from_millis(0), 1).0.instant()
    }

    proptest! {
        #[test]
        fn no_more_goes_through_than_the_rate_and_one_burst(
            rate in 1u64..5_000,
            steps in prop::collection::vec((0u64..3_000, 0u64..2_000), 1..200),
        ) {
            let mut now = start();
            let mut bucket = Bucket::new(rate, now);
            let (mut taken, mut elapsed, mut largest) = (0, 0, 0);
            for (pause_ms, units) in steps {
                now += Duration::from_millis(pause_ms);
                elapsed += pause_ms;
                if bucket.admits(units, now) {
                    bucket.take(units);
                    taken += units;
                    largest = largest.max(units);
                }
            }
            prop_assert!(taken <= rate + rate * elapsed / 1000 + 1 + largest);
        }
    }

    #[test]
    fn a_record_larger_than_a_second_waits_for_a_full_bucket_and_is_paid_off() {
        let pace = Pace::new();
        let now = start();
        assert!(pace.admit_record(0, 10 << 20, now));
        assert!(!pace.admit_record(0, 1, now + Duration::from_millis(8_900)));
        assert!(pace.admit_record(0, 1, now + Duration::from_millis(9_001)));
        assert!(pace.admit_record(1, 1, now), "another shard has its own");
    }

    #[test]
    fn ten_mebibytes_read_at_once_close_the_shard_for_five_seconds() {
        let pace = Pace::new();
        let now = start();
        assert!(pace.admit_read(0, now));
        pace.settle_read(0, 10 << 20, now);
        assert!(!pace.admit_read(0, now + Duration::from_millis(4_999)));
        assert!(pace.admit_read(0, now + Duration::from_secs(5)));
    }

    #[test]
    fn five_reads_a_second() {
        let pace = Pace::new();
        let now = start();
        let reads = |now| (0..10).filter(|_| pace.admit_read(0, now)).count();
        assert_eq!([reads(now), reads(now), reads(now + Duration::from_millis(400))], [5, 0, 2]);
    }

    #[test]
    fn what_was_taken_in_is_told_once() {
        let pace = Pace::new();
        pace.count(3, Intake { bytes: 10, records: 1 }, start());
        pace.count(3, Intake { bytes: 5, records: 2 }, start());
        assert_eq!(pace.take_intake()[&3], Intake { bytes: 15, records: 3 });
        assert_eq!(pace.take_intake()[&3], Intake::default());
    }
}
