//! Exactly once under fire: deliveries of every kind on stores that fail before and after the effect, are slow, and
//! whose process dies at any of its operations, at any await and at every failpoint, while upkeep runs and other
//! writers commit. One thread, a simulated clock, and a seed that decides everything: a run that fails tells its
//! seed, and `MULGIL_SEED=n` runs that one alone; `MULGIL_SEEDS=n` runs so many of each kind.

mod chance;
mod disk;
mod kinds;
mod outages;
mod place;
mod weather;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use futures::FutureExt;
use lake::iceberg::{CompactSettings, ExpireSettings, UpkeepSettings};
use log::{Batch, NewRecord};

use super::rig::{id, topic};
use crate::failpoints::at;
use crate::{Action, FlowSettings, FlowStatus, keys};
use chance::Chance;
use kinds::{Kind, Put};
use weather::{Climate, Strike, StrikeKind};
use world::World;

/// Seeds of each kind in an ordinary run of the tests. A run with tables takes several times as long.
const SEEDS: u64 = 50;
const SEEDS_TABLES: u64 = 16;
/// Turns within which a delivery in calm must have delivered everything.
const PATIENCE: u32 = 200_000;
const CALM: Climate = Climate { fails: 0, loses: 0, slow: 0 };

/// Every failpoint a batch may meet.
fn failpoints() -> Vec<&'static str> {
    at::ALL.into_iter().chain(at::FURTHER).chain([at::AFTER_REQUEST]).collect()
}

fn for_each_seed(kind: Kind) {
    let number = |name: &str| {
        let text = std::env::var(name).ok()?;
        Some(text.parse::<u64>().unwrap_or_else(|_| panic!("{name} is a number, not {text}")))
    };
    let few = if kind.is_iceberg() { SEEDS_TABLES } else { SEEDS };
    let (one, many) = (number("MULGIL_SEED"), number("MULGIL_SEEDS"));
    let seeds = one.map_or(0..many.unwrap_or(few), |seed| seed..seed + 1);
    let unread: u64 = seeds.map(|seed| replay(kind, seed).unread).sum();
    // Somebody who asks for a few seeds may get those that are spared it.
    assert!(one.is_some() || many.is_some() || unread > 0, "no read of the source failed in any run");
}

/// What befell a run.
#[derive(Debug, PartialEq, Eq)]
struct Fate {
    /// A digest of it.
    trace: u64,
    /// Reads of the source that failed.
    unread: u64,
}

/// Runs one seed.
fn replay(kind: Kind, seed: u64) -> Fate {
    let how = format!("with seed {seed}: MULGIL_SEED={seed} runs it again");
    tell(kind, &how, || alone(ordeal(kind, seed)))
}

/// Says what failed, if it does.
fn tell<T>(kind: Kind, how: &str, run: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        eprintln!("{kind:?} under fire failed {how}");
        std::panic::resume_unwind(panic)
    })
}

fn alone<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

fn settings(chance: &mut Chance) -> FlowSettings {
    FlowSettings {
        batch_spacing: Duration::from_millis(chance.pick(&[0, 200])),
        partition_bytes: usize::try_from(chance.pick(&[1, 2_000, 1 << 20])).unwrap(),
        ..FlowSettings::default()
    }
}

/// A world with the first process, its table and its source; the delivery is not there yet.
async fn begin(kind: Kind, seed: u64) -> (World, u32) {
    let mut chance = Chance::new(seed ^ 0x6669_7265);
    let settings = settings(&mut chance);
    let mut world = World::new(chance.draw(), settings, kind.is_iceberg()).await;
    world.start(CALM, None).await;
    world.found().await;
    let partitions = u32::try_from(world.chance.between(1, 4)).unwrap();
    let (log, lake) = (world.process().log.clone(), world.process().calm_lake.clone());
    let day = Duration::from_secs(86_400);
    world.drive(async move { log.create_topic(&topic(), partitions, day).await.unwrap() }).await.unwrap();
    world.drive(async move { kind.prepare(&lake).await }).await.unwrap();
    let spec = kind.spec(&mut world.chance);
    let flow = world.process().flow.clone();
    world.drive(async move { flow.create(&id(), &spec).await.unwrap() }).await.unwrap();
    (world, partitions)
}

async fn ordeal(kind: Kind, seed: u64) -> Fate {
    let (mut world, partitions) = begin(kind, seed).await;
    let mut put = Put::default();
    let steps = world.chance.between(8, 30);
    for _ in 0..steps {
        if world.is_dead() {
            rise(&mut world).await;
        }
        befall(kind, &mut world, &mut put, partitions).await;
    }
    if world.is_dead() || world.chance.is(700) {
        rise(&mut world).await;
    }
    let status = settle(&mut world, &put).await;
    world.rest().await;
    kind.check(&mut world, &put, &status).await;
    world.die();
    Fate { trace: world.trace, unread: world.disk.failed() }
}

/// The next process, with a weather and perhaps a death of its own.
async fn rise(world: &mut World) {
    world.die();
    let climate = climate(&mut world.chance);
    let strike = world.chance.is(400).then(|| {
        let kinds = [StrikeKind::Fail, StrikeKind::Lose, StrikeKind::DieBefore, StrikeKind::DieAfter];
        Strike { operation: world.chance.between(1, 160), kind: world.chance.pick(&kinds) }
    });
    world.start(climate, strike).await;
    resume(world).await;
}

/// Starts the deliveries, however often that fails.
async fn resume(world: &mut World) {
    for _ in 0..100 {
        let flow = world.process().flow.clone();
        match world.drive(async move { flow.resume_all().await }).await {
            Some(Ok(_)) | None => return,
            Some(Err(_)) => {}
        }
    }
    panic!("deliveries cannot be resumed");
}

fn climate(chance: &mut Chance) -> Climate {
    match chance.below(4) {
        0 => CALM,
        1 => Climate { fails: 10, loses: 5, slow: 20 },
        2 => Climate { fails: 40, loses: 20, slow: 50 },
        _ => Climate { fails: 0, loses: 60, slow: 0 },
    }
}

/// Something happens.
async fn befall(kind: Kind, world: &mut World, put: &mut Put, partitions: u32) {
    match world.chance.below(10) {
        0..4 => put_some(kind, world, put, partitions).await,
        4 => {
            let (climate, busy, loses) =
                (climate(&mut world.chance), world.chance.pick(&[0, 200, 800]), world.chance.pick(&[0, 300]));
            world.process().weather.become_(climate);
            world.place.become_(busy, loses);
            let reads_fail = world.chance.pick(&[0, 0, 100, 500]);
            world.disk.become_(reads_fail);
        }
        5 => {
            let name = world.chance.pick(&failpoints());
            let action = world.chance.pick(&[Action::Fail, Action::Crash]);
            let nth = u32::try_from(world.chance.between(1, 4)).unwrap();
            world.process().failpoints.arm(name, nth, action);
        }
        6 if kind.is_iceberg() => {
            let iceberg = world.process().lake.iceberg().clone();
            let settings = upkeep(&mut world.chance);
            world.process().spawn(async move { iceberg.upkeep_round(&settings).await });
        }
        7 if kind.is_iceberg() => kind.add_foreign(world, put).await,
        8 => world.die(),
        _ => {}
    }
    let turns = world.chance.pick(&[3, 30, 300, 1_500]);
    for _ in 0..turns {
        if world.is_dead() {
            return;
        }
        world.turn().await;
        let hit = world.process().failpoints.hit().now_or_never().is_some();
        if hit && world.process().failpoints.stands_still() {
            world.die();
        }
    }
}

/// Upkeep that leaves nothing lying about.
fn upkeep(chance: &mut Chance) -> UpkeepSettings {
    UpkeepSettings {
        compact: CompactSettings { files_min: 2, ..CompactSettings::default() },
        expire: ExpireSettings {
            keep_max: usize::try_from(chance.pick(&[2, 1_000])).unwrap(),
            orphan_age: Duration::from_secs(3_600),
            ..ExpireSettings::default()
        },
        ..UpkeepSettings::default()
    }
}

/// Appends records, which are durable when this returns.
async fn put_some(kind: Kind, world: &mut World, put: &mut Put, partitions: u32) {
    let count = world.chance.between(1, 80);
    let mut records: Vec<Vec<NewRecord>> = (0..partitions).map(|_| Vec::new()).collect();
    for _ in 0..count {
        let (partition, data) = put.record(kind, partitions);
        records[partition as usize].push(NewRecord { key: b"key".as_slice().into(), data });
    }
    let batches: Vec<Batch> = (0..)
        .zip(records)
        .filter(|(_, records)| !records.is_empty())
        .map(|(partition, records)| Batch { partition, records })
        .collect();
    let log = world.process().log.clone();
    let mut append = std::pin::pin!(async move { log.append(&topic(), batches).await.unwrap() });
    // The process does not die before its source has answered, so that what it holds is known.
    while append.as_mut().now_or_never().is_none() {
        world.process().write_source();
        tokio::task::yield_now().await;
    }
}

/// In calm, everything is delivered.
async fn settle(world: &mut World, put: &Put) -> FlowStatus {
    world.process().weather.become_(CALM);
    world.place.become_(0, 0);
    world.disk.become_(0);
    let mut last = None;
    for turn in 0..PATIENCE {
        if world.is_dead() {
            world.die();
            world.start(CALM, None).await;
            resume(world).await;
        }
        if turn % 50 == 0 {
            last = kinds::status(world).await;
            if let Some(status) = &last
                && status.ledger.taken_records + status.ledger.missing_records >= put.total()
                && world.meta.get(&keys::plan(&id())).await.unwrap().is_none()
            {
                world.process().weather.spare();
                return status.clone();
            }
        }
        world.turn().await;
        let hit = world.process().failpoints.hit().now_or_never().is_some();
        if hit && world.process().failpoints.stands_still() {
            world.die();
        }
    }
    panic!("{} records are not delivered: {last:?}", put.total());
}

#[test]
fn parquet_objects_hold_every_record_once() {
    for_each_seed(Kind::Parquet);
}

#[test]
fn partitions_by_key_hold_every_record_once() {
    for_each_seed(Kind::Partitions);
}

#[test]
fn objects_and_the_backup_of_their_source_hold_every_record_once() {
    for_each_seed(Kind::Backup);
}

#[test]
fn a_table_that_is_appended_to_holds_every_record_once() {
    for_each_seed(Kind::Append);
}

#[test]
fn a_table_with_unique_keys_holds_the_last_row_of_each() {
    for_each_seed(Kind::Upsert);
}

#[test]
fn a_place_outside_and_the_error_output_hold_every_record_once() {
    for_each_seed(Kind::Requests);
}

#[test]
fn a_seed_decides_everything() {
    for kind in [Kind::Partitions, Kind::Upsert, Kind::Requests] {
        for seed in 0..3 {
            assert_eq!(replay(kind, seed), replay(kind, seed), "{kind:?} with seed {seed}");
        }
    }
}

/// Every operation of a delivery's stores, one after the other, fails, loses its answer, or is the last of its process.
#[test]
fn no_single_operation_is_one_that_must_not_fail() {
    for kind in [Kind::Parquet, Kind::Partitions, Kind::Backup, Kind::Append, Kind::Upsert, Kind::Requests] {
        let count = tell(kind, "in calm", || alone(struck(kind, None)));
        assert!(count > 20, "{count} operations");
        for operation in 1..=count {
            let kinds = [StrikeKind::Fail, StrikeKind::Lose, StrikeKind::DieBefore, StrikeKind::DieAfter];
            // All of them take long; each operation has its turn with one, the next with another.
            let strike = Strike { operation, kind: kinds[usize::try_from(operation % 4).unwrap()] };
            tell(kind, &format!("at {strike:?}"), || alone(struck(kind, Some(strike))));
        }
    }
}

/// A short run in calm but for one operation; returns how many there were.
async fn struck(kind: Kind, strike: Option<Strike>) -> u64 {
    let (mut world, partitions) = begin(kind, 5).await;
    let mut put = Put::default();
    put_some(kind, &mut world, &mut put, partitions).await;
    put_some(kind, &mut world, &mut put, partitions).await;
    world.die();
    world.start(CALM, strike).await;
    resume(&mut world).await;
    let status = settle(&mut world, &put).await;
    world.rest().await;
    kind.check(&mut world, &put, &status).await;
    world.process().weather.operations()
}
