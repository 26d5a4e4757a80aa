use std::time::Duration;

use log::LogSettings;

use crate::machine::Faults;
use crate::random::Random;

/// What one seed does: sizes small enough that every bound is met within some hundred operations, and a
/// choice of faults, so that most seeds leave some of them out.
#[derive(Clone, Debug)]
pub struct Plan {
    pub settings: LogSettings,
    /// Partitions of each topic.
    pub topics: Vec<u32>,
    pub retention: Duration,
    pub appenders: usize,
    pub readers: usize,
    pub records_max: u64,
    pub data_max: u64,
    /// Turns of the outermost loop.
    pub steps: u64,
    /// How often in 1000 somebody else has a turn in the middle of a disk operation.
    pub interleaving: u64,
    /// How often in 100,000 the machine crashes at a disk operation.
    pub crashes: u64,
    /// How often in 1000 a crash takes the power with it.
    pub power: u64,
    /// How often in 1000 steps the log is closed in order and opened again.
    pub restarts: u64,
    /// How often in 1000 steps the faults of the disk come and go.
    pub weather: u64,
    pub faults: Faults,
    /// How often in 10,000 steps a bit on disk flips.
    pub rot: u64,
    /// How often in 1000 steps the clock is set, by up to this much either way.
    pub jumps: u64,
    pub jump_max: Duration,
    /// The longest that a disk operation takes.
    pub slowness: Duration,
    /// How often in 1000 an append is given up while it waits.
    pub cancels: u64,
    /// How often in 1000 a topic is deleted and made anew when the keeper comes around.
    pub deletions: u64,
    /// Whether partitions are split and merged.
    pub reshards: bool,
    /// Whether that is most of what the keeper does, with hardly a pause.
    pub haste: bool,
}

/// One seed in so many has each of the storms. The plans of the others are what they were before there were
/// storms, and with them what those seeds are known to catch.
const STORM_EVERY: u64 = 8;

impl Plan {
    pub fn of_seed(seed: u64) -> Plan {
        let plan = Plan::any(&mut Random::new(seed));
        match seed % STORM_EVERY {
            5 => plan.with_damage(),
            6 => plan.with_hasty_reshards(),
            _ => plan,
        }
    }

    /// Bits rot in segments that have no side file, so that every opening meets the damage. The clock is left
    /// alone: with a record that is lost its time is, and one put later may be of an earlier time.
    fn with_damage(self) -> Plan {
        let faults = Faults { replacements: 1000, ..Faults::default() };
        Plan { faults, rot: 200, crashes: 500, power: 500, deletions: 0, jumps: 0, ..self }
    }

    /// Partitions are closed while writes to them fail and the power goes, so that files hold what lies behind the
    /// end of a partition, or behind a write that failed.
    fn with_hasty_reshards(self) -> Plan {
        let faults = Faults { syncs: 200, writes: 50, replacements: 1000, ..Faults::default() };
        let plan = Plan { faults, crashes: 1000, power: 1000, rot: 0, ..self };
        Plan { reshards: true, haste: true, weather: 50, ..plan }
    }

    fn any(random: &mut Random) -> Plan {
        let data_max = random.pick(&[20, 300, 2000]);
        let settings = LogSettings {
            segment_bytes: random.pick(&[4200, 6000, 12_000, 40_000]),
            segment_batches: random.pick(&[3, 20, 10_000]),
            queue_bytes: random.pick(&[10_000, 40_000, 1 << 20]),
            queue_wait: random.pick(&[Duration::ZERO, Duration::from_millis(50), Duration::from_secs(1)]),
            group_bytes: random.pick(&[500, 5000, 100_000]),
            frame_bytes: random.pick(&[200, 3000, 100_000]),
            record_bytes: 2100,
            tail_cache_bytes: random.pick(&[0, 2000, 100_000]),
            index_cache_bytes: random.pick(&[1, 1000, 100_000]),
            open_files: random.pick(&[1, 2, 16]),
            retention_interval: Duration::from_secs(3600),
            retention_delay: Duration::from_secs(3600),
        };
        let sometimes = |random: &mut Random, values: &[u64]| random.pick(values);
        Plan {
            settings,
            topics: (0..1 + random.index(2)).map(|_| 1 + random.below(4) as u32).collect(),
            retention: random.pick(&[Duration::from_secs(600), Duration::from_secs(86_400)]),
            appenders: 1 + random.index(6),
            readers: 1 + random.index(3),
            records_max: random.pick(&[1, 4, 12]),
            data_max,
            steps: 200 + random.below(800),
            interleaving: random.pick(&[0, 100, 400]),
            crashes: sometimes(random, &[0, 100, 500, 2000]),
            power: random.pick(&[0, 500, 1000]),
            restarts: sometimes(random, &[0, 0, 5]),
            weather: 10,
            faults: Faults {
                reads: sometimes(random, &[0, 0, 20]),
                writes: sometimes(random, &[0, 0, 20, 200]),
                syncs: sometimes(random, &[0, 0, 20, 200]),
                names: sometimes(random, &[0, 0, 50]),
                short_writes: sometimes(random, &[0, 200]),
                capacity: random.pick(&[None, None, Some(30_000), Some(100_000)]),
                replacements: 0,
            },
            rot: sometimes(random, &[0, 0, 0, 20]),
            jumps: sometimes(random, &[0, 0, 10]),
            jump_max: random.pick(&[Duration::from_secs(5), Duration::from_secs(2000)]),
            slowness: random.pick(&[Duration::ZERO, Duration::from_millis(5), Duration::from_secs(3)]),
            cancels: sometimes(random, &[0, 50]),
            deletions: sometimes(random, &[0, 0, 200]),
            reshards: random.chance(400),
            haste: false,
        }
    }
}
