//! A destination that is down for an hour: nothing is lost, nothing grows meanwhile, and it catches up.

use std::time::Duration;

use rt::Timestamp;

use super::kinds::{Kind, Put, status};
use super::world::World;
use super::{CALM, begin, put_some, settle, tell};
use crate::tests::rig::id;
use crate::{Phase, keys};

/// Tasks of a process at any time: deliveries, conversions, sweeps, listeners.
const TASKS_MAX: usize = 16;
/// Files on disk that no object refers to.
const LOOSE_FILES_MAX: usize = 80;
const MINUTES: u64 = 60;

/// What is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Down {
    /// Bytes cannot be written.
    Objects,
    /// Nothing can be committed, and nobody knows whether something was.
    Commits,
    Place,
}

async fn turn_until(world: &mut World, time: Timestamp) {
    while world.process().clock.now() < time {
        world.turn().await;
        let tasks = world.process().tasks();
        assert!(tasks <= TASKS_MAX, "{tasks} tasks");
    }
}

fn set(world: &mut World, down: Down, is_down: bool) {
    let weather = &world.process().weather;
    match down {
        Down::Objects => weather.bring_down(is_down.then_some("objects-")),
        Down::Commits => weather.bring_down(is_down.then_some("meta-commit")),
        Down::Place => world.place.bring_down(is_down),
    }
}

async fn outage(kind: Kind, down: Down) {
    let (mut world, partitions) = begin(kind, 1).await;
    let mut put = Put::default();
    put_some(kind, &mut world, &mut put, partitions).await;
    settle(&mut world, &put).await;
    world.rest().await;
    let files = world.files();
    // A batch is in work when it begins.
    put_some(kind, &mut world, &mut put, partitions).await;
    while world.meta.get(&keys::plan(&id())).await.unwrap().is_none() {
        world.turn().await;
    }
    set(&mut world, down, true);
    let began = world.process().clock.now();
    for minute in 1..=MINUTES {
        put_some(kind, &mut world, &mut put, partitions).await;
        turn_until(&mut world, began.plus(Duration::from_secs(60 * minute))).await;
        let loose = world.files() - files;
        assert!(loose <= LOOSE_FILES_MAX, "{loose} files after {minute} minutes");
    }
    let waiting = status(&mut world).await.unwrap();
    assert_eq!(waiting.phase, Phase::Retrying, "{waiting:?}");
    assert!(waiting.last_error.is_some() && waiting.pending_records > 0, "{waiting:?}");
    // Pauses grow up to half a minute.
    assert!((100..250).contains(&waiting.failures), "{} attempts", waiting.failures);

    set(&mut world, down, false);
    let restored = world.process().clock.now();
    let status = settle(&mut world, &put).await;
    let caught_up = world.process().clock.now().saturating_since(restored);
    assert!(caught_up < Duration::from_secs(120), "{caught_up:?}");
    world.rest().await;
    kind.check(&mut world, &put, &status).await;
    let loose = world.files() - files;
    world.die();
    world.start(CALM, None).await;
    world.rest().await;
    assert_eq!(world.files() - files, loose, "a restart finds nothing to give back");
}

fn run(kind: Kind, down: Down) {
    tell(kind, &format!("without {down:?}"), || super::alone(outage(kind, down)));
}

#[test]
fn objects_catch_up_after_an_hour_without_their_store() {
    run(Kind::Parquet, Down::Objects);
    run(Kind::Partitions, Down::Objects);
    run(Kind::Backup, Down::Commits);
}

#[test]
fn tables_catch_up_after_an_hour_without_their_store() {
    run(Kind::Append, Down::Objects);
    run(Kind::Upsert, Down::Objects);
    run(Kind::Upsert, Down::Commits);
}

#[test]
fn a_place_catches_up_after_an_hour_in_which_it_was_down() {
    run(Kind::Requests, Down::Place);
    run(Kind::Requests, Down::Commits);
}
