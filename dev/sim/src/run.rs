use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use log::stepped::Step;

use crate::clients;
use crate::machine::Lie;
use crate::model::Violation;
use crate::plan::Plan;
use crate::schedule;
use crate::trace::Trace;
use crate::world::World;

/// What differs between runs of one seed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Keep the trace as text.
    pub keeps_text: bool,
    /// A disk that the log cannot work on: the checker must notice.
    pub lie: Option<Lie>,
    /// Nothing may be called damaged as long as nothing rots. Not so in every run: a hole in the last write of a
    /// segment counts as damage when no side file could be written until the log is opened once more.
    pub denies_damage: bool,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Report {
    pub seed: u64,
    pub violation: Option<Violation>,
    pub events: u64,
    pub crashes: u64,
    /// Of the trace.
    pub hash: u64,
    /// The trace, if it was kept.
    pub lines: Vec<String>,
}

/// How often one opening may crash before the machine is left alone.
const CRASHES_IN_A_ROW_MAX: usize = 5;
/// Turns within which a machine that works must have done what it was asked.
const PATIENCE: usize = 100_000;

/// Runs one seed to its end.
pub fn run(seed: u64, options: Options) -> Report {
    run_plan(seed, Plan::of_seed(seed), options)
}

/// Runs a plan that somebody made, with the chance of `seed`.
pub fn run_plan(seed: u64, plan: Plan, options: Options) -> Report {
    let trace = Trace::new(options.keeps_text);
    trace.note(format_args!("seed {seed}: {plan:?}"));
    let world = World::new(seed, plan, options.lie, trace.clone());
    world.denies_damage.set(options.denies_damage);
    let entered = schedule::enter(world.clone());
    let result = catch_unwind(AssertUnwindSafe(|| live(&world)));
    drop(entered);
    world.down.set(true);
    let violation = match result {
        Ok(()) => world.violation(),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Some(format!("panic: {}", text.unwrap_or_default()))
        }
    };
    world.bury();
    let (events, hash, lines) = (trace.events(), trace.hash(), trace.lines());
    Report { seed, violation, events, crashes: world.crashes.get(), hash, lines }
}

fn live(world: &Rc<World>) {
    start(world);
    for _ in 0..world.plan.steps {
        if world.violation().is_some() {
            return;
        }
        if world.down.get() {
            world.bury();
            start(world);
        }
        befall(world);
        if !world.act() {
            let idle = Duration::from_micros(world.below(50_000));
            world.advance(idle);
        }
    }
    if world.violation().is_none() {
        end(world);
    }
}

/// What happens by itself.
fn befall(world: &World) {
    let plan = &world.plan;
    if world.chance(plan.weather) {
        world.change_weather();
    }
    if world.chance(plan.jumps) {
        world.jump();
    }
    if world.below(10_000) < plan.rot {
        world.flip_a_bit();
    }
    if world.below(100_000) < plan.crashes {
        world.crash();
    } else if world.chance(plan.restarts) {
        world.close();
        // What comes next is a new process.
        world.down.set(true);
    }
}

/// Opens the log, however often that crashes or fails, and starts the clients.
fn start(world: &Rc<World>) {
    open(world);
    if !world.goes_on() {
        return;
    }
    let log = world.log.borrow().clone();
    let rt = world.rt.borrow().clone();
    let (Some(log), Some(rt)) = (log, rt) else { return };
    let created = schedule::drive(clients::create_topics(world, &log), || world.goes_on());
    world.check(match created {
        Some(Ok(())) => Ok(()),
        // The faults of the disk may be on.
        Some(Err(log::LogError::Io(_))) => Ok(()),
        other => Err(format!("topics cannot be created: {other:?}")),
    });
    if !world.calm.get() {
        clients::start(world, &log, &rt);
    }
}

fn open(world: &World) {
    let was_calm = world.calm.get();
    for attempt in 0.. {
        match world.open() {
            Ok(true) => break,
            Ok(false) => {}
            Err(error) if world.calm.get() => {
                return world.check(Err(format!("the log cannot be opened: {error:?}")));
            }
            Err(error) => world.trace.note(format_args!("not opened: {error}")),
        }
        if attempt > CRASHES_IN_A_ROW_MAX {
            world.heal();
        }
    }
    world.calm.set(was_calm);
}

/// The machine works from now on: so must the log, without being opened anew, and again after a last loss of
/// power.
fn end(world: &Rc<World>) {
    if world.down.get() {
        world.bury();
        start(world);
    }
    world.heal();
    world.tasks.clear_clients();
    world.adopt();
    while world.step_writer() == Step::Worked || world.tasks.poll_one(&world.random, true) {}
    settle(world, |world, log| Box::pin(clients::use_everything(world, log)));
    if world.violation().is_some() {
        return;
    }
    world.machine.lock().crash(true);
    world.bury();
    start(world);
    settle(world, |world, log| Box::pin(clients::read_everything(world, log)));
    settle(world, |world, log| Box::pin(clients::use_everything(world, log)));
}

type Work<'a> = std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Drives `work` with writer and indexer until it is done.
fn settle(world: &World, work: impl for<'a> FnOnce(&'a World, &'a log::Log) -> Work<'a>) {
    let Some(log) = world.log.borrow().clone() else { return };
    let mut turns = 0;
    let done = schedule::drive(work(world, &log), || {
        turns += 1;
        world.step_writer();
        world.step_indexer();
        turns < PATIENCE
    });
    if done.is_none() {
        world.check(Err("the machine works, but what was asked is not done".to_owned()));
    }
}
