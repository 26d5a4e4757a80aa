use crate::machine::Lie;
use crate::{Options, run};

/// Seeds that every `make test` runs.
const FIXED_SEEDS: std::ops::Range<u64> = 0..300;
/// Seeds within which a lie must be caught.
const LIE_SEEDS: std::ops::Range<u64> = 0..100;

fn holds(seed: u64) {
    let report = run(seed, Options::default());
    assert_eq!(report.violation, None, "seed {seed}; its trace: make sim SEED={seed}");
}

#[test]
fn the_log_keeps_its_promises_on_a_fixed_set_of_seeds() {
    FIXED_SEEDS.for_each(holds);
}

#[test]
fn one_seed_makes_the_same_trace_twice_and_another_a_different_one() {
    let options = Options { keeps_text: true, lie: None };
    for seed in 0..20 {
        let (first, second) = (run(seed, options), run(seed, options));
        assert_eq!(first.lines, second.lines, "seed {seed}");
        assert_eq!((first.hash, first.events, first.crashes), (second.hash, second.events, second.crashes));
        assert_ne!(first.hash, run(seed + 1, options).hash, "seed {seed}");
    }
}

fn is_caught(lie: Lie) {
    let caught = LIE_SEEDS.clone().filter(|&seed| {
        let report = run(seed, Options { keeps_text: false, lie: Some(lie) });
        report.violation.is_some()
    });
    assert!(caught.count() > 0, "nobody notices a disk that lies: {lie:?}");
}

#[test]
fn a_disk_whose_syncs_do_nothing_is_caught() {
    is_caught(Lie::Sync);
}

#[test]
fn a_disk_that_forgets_new_names_is_caught() {
    is_caught(Lie::SyncNames);
}

/// What a cut should have removed does not count, whether it is there or not.
#[test]
fn a_disk_that_cuts_nothing_off_is_survived() {
    for seed in LIE_SEEDS {
        let report = run(seed, Options { keeps_text: false, lie: Some(Lie::Truncate) });
        assert_eq!(report.violation, None, "seed {seed}");
    }
}

#[test]
fn a_disk_that_puts_writes_elsewhere_is_caught() {
    is_caught(Lie::Write);
}
