//! One run: a machine, a log on it, clients, and the chance that befalls them.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use log::stepped::{Step, StepIndexer, StepWriter, Stepped};
use log::{Log, OpenError};
use meta::Meta;
use parking_lot::Mutex;
use rt::{ManualClock, Rt, Timestamp};

use crate::disk::SimDisk;
use crate::machine::{Faults, Lie, Machine, Op};
use crate::model::Violation;
use crate::plan::Plan;
use crate::random::Random;
use crate::schedule::{Depth, Host, Kind, Tasks};
use crate::topics::Topics;
use crate::trace::Trace;

/// How many operations may be in the middle of each other.
const DEPTH_MAX: usize = 3;
/// Handles that may be open besides the cache of closed segments: the active one, and one for each
/// operation under way.
const HANDLES_BESIDES: usize = 12;

pub struct World {
    pub plan: Plan,
    pub random: RefCell<Random>,
    pub trace: Trace,
    pub machine: Arc<Mutex<Machine>>,
    pub topics: RefCell<Topics>,
    pub clock: RefCell<ManualClock>,
    pub tasks: Tasks,
    pub log: RefCell<Option<Log>>,
    pub rt: RefCell<Option<Rt>>,
    writer: RefCell<Option<StepWriter>>,
    indexer: RefCell<Option<StepIndexer>>,
    pub meta: Meta,
    /// Bits flipped so far.
    pub rot: Cell<u64>,
    /// How often the clock was set back.
    pub set_back: Cell<u64>,
    pub crashes: Cell<u64>,
    /// The machine is down; nothing that is still on the stack counts.
    pub down: Cell<bool>,
    /// Neither faults nor crashes from now on.
    pub calm: Cell<bool>,
    depth: Cell<usize>,
    /// Somebody is in an operation that the log does under its lock for indexes and removals.
    exclusive: Cell<usize>,
    /// See [`Options`](crate::Options).
    pub denies_damage: Cell<bool>,
    violation: RefCell<Option<Violation>>,
}

const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

impl World {
    pub fn new(seed: u64, plan: Plan, lie: Option<Lie>, trace: Trace) -> Rc<World> {
        let mut random = Random::new(seed ^ 0x6d75_6c67_696c);
        let mut machine = Machine::new(random.draw(), trace.clone(), lie);
        machine.faults.replacements = plan.faults.replacements;
        let machine = Arc::new(Mutex::new(machine));
        let (rt, clock) = Rt::stepped(START, random.draw());
        let meta = crate::schedule::drive(Meta::in_memory(rt), || true).expect("it is always ready");
        Rc::new(World {
            topics: RefCell::new(Topics::new(&plan, START)),
            plan,
            random: RefCell::new(random),
            trace,
            machine,
            clock: RefCell::new(clock),
            tasks: Tasks::default(),
            log: RefCell::default(),
            rt: RefCell::default(),
            writer: RefCell::default(),
            indexer: RefCell::default(),
            meta,
            rot: Cell::default(),
            set_back: Cell::default(),
            crashes: Cell::default(),
            down: Cell::default(),
            calm: Cell::default(),
            depth: Cell::default(),
            exclusive: Cell::default(),
            denies_damage: Cell::default(),
            violation: RefCell::default(),
        })
    }

    pub fn now(&self) -> Timestamp {
        self.clock.borrow().now()
    }

    pub fn chance(&self, times: u64) -> bool {
        self.random.borrow_mut().chance(times)
    }

    pub fn below(&self, end: u64) -> u64 {
        self.random.borrow_mut().below(end)
    }

    /// Ends the run, unless the machine went down before whoever says so noticed.
    pub fn check(&self, result: Result<(), Violation>) {
        if let Err(violation) = result
            && !self.down.get()
        {
            self.trace.note(format_args!("VIOLATION {violation}"));
            self.violation.borrow_mut().get_or_insert(violation);
        }
    }

    pub fn violation(&self) -> Option<Violation> {
        self.violation.borrow().clone()
    }

    pub fn goes_on(&self) -> bool {
        !self.down.get() && self.violation.borrow().is_none()
    }

    /// Opens the log as a new process. `Ok(false)`: the machine crashed meanwhile.
    pub fn open(&self) -> Result<bool, OpenError> {
        self.down.set(false);
        let (rt, clock) = Rt::stepped(self.now(), self.random.borrow_mut().draw());
        *self.clock.borrow_mut() = clock;
        *self.rt.borrow_mut() = Some(rt.clone());
        let unused = self.machine.lock().unused_segments();
        let disk = Box::new(SimDisk::new(self.machine.clone()));
        let opening =
            Stepped::open(Path::new("simulated"), disk, self.meta.clone(), rt, self.plan.settings.clone());
        let opened = crate::schedule::drive(opening, || !self.down.get());
        self.trace.note(format_args!("opened: {}", opened.as_ref().is_some_and(Result::is_ok)));
        match opened {
            _ if self.down.get() => Ok(false),
            None => Ok(false),
            Some(Err(error)) => Err(error),
            Some(Ok(Stepped { log, writer, indexer })) => {
                self.check_damage(log.stats().quarantined);
                *self.log.borrow_mut() = Some(log);
                *self.writer.borrow_mut() = Some(writer);
                *self.indexer.borrow_mut() = Some(indexer);
                self.check_discarded(&unused);
                Ok(true)
            }
        }
    }

    /// What is left of a process whose machine went down, or that was closed.
    pub fn bury(&self) {
        self.tasks.clear();
        drop(self.log.borrow_mut().take());
        drop(self.writer.borrow_mut().take());
        drop(self.indexer.borrow_mut().take());
    }

    pub fn crash(&self) {
        let loses_power = self.chance(self.plan.power);
        self.trace.note(format_args!("CRASH power lost: {loses_power}"));
        self.machine.lock().crash(loses_power);
        self.crashes.set(self.crashes.get() + 1);
        self.down.set(true);
    }

    /// Closes the log as an orderly shutdown does.
    pub fn close(&self) {
        self.tasks.clear();
        let log = self.log.borrow().clone();
        if let Some(log) = log {
            crate::schedule::drive(log.close(), || false);
        }
        while self.goes_on() && self.step_writer() != Step::Ended {}
        while self.goes_on() && self.step_indexer() == Step::Worked {}
        self.trace.note(format_args!("closed"));
        self.bury();
    }

    /// Somebody does something, the same from within a disk operation as from outside. False if nobody can.
    pub fn act(&self) -> bool {
        let keepers_too = self.exclusive.get() == 0;
        self.adopt();
        match self.below(10) {
            0..5 => self.tasks.poll_one(&self.random, keepers_too),
            5..8 => self.step_writer() == Step::Worked,
            8 if keepers_too => self.step_indexer() == Step::Worked,
            _ => {
                self.advance(Duration::from_micros(self.below(20_000)));
                true
            }
        }
    }

    /// What the log has spawned becomes one of the tasks.
    pub fn adopt(&self) {
        let spawned = self.rt.borrow().as_ref().map(Rt::take_spawned);
        spawned.into_iter().flatten().for_each(|task| self.tasks.spawn(Kind::Log, task));
    }

    pub fn step_writer(&self) -> Step {
        let Some(mut writer) = self.writer.borrow_mut().take() else { return Step::Idle };
        let step = writer.step();
        if step == Step::Worked {
            self.trace.note(format_args!("writer"));
        }
        *self.writer.borrow_mut() = Some(writer);
        step
    }

    pub fn step_indexer(&self) -> Step {
        let Some(mut indexer) = self.indexer.borrow_mut().take() else { return Step::Idle };
        let step = indexer.step();
        *self.indexer.borrow_mut() = Some(indexer);
        step
    }

    pub fn advance(&self, duration: Duration) {
        self.clock.borrow().advance(duration);
        self.topics.borrow_mut().observe(self.now());
    }

    /// Sets the clock, as an administrator or a time server does.
    pub fn jump(&self) {
        let millis = self.below(self.plan.jump_max.as_millis() as u64 * 2) as i64;
        let by = millis - self.plan.jump_max.as_millis() as i64;
        self.trace.note(format_args!("the clock is set by {by} ms"));
        let now = Timestamp::from_millis(self.now().as_millis() + by);
        self.clock.borrow().set(now);
        if by < 0 {
            self.set_back.set(self.set_back.get() + 1);
        }
        self.topics.borrow_mut().observe(now);
    }

    /// Good weather, bad weather.
    pub fn change_weather(&self) {
        let always = Faults { replacements: self.plan.faults.replacements, ..Faults::default() };
        let faults = match self.below(3) {
            0 => self.plan.faults.clone(),
            1 => Faults { capacity: self.plan.faults.capacity, ..always },
            _ => always,
        };
        self.trace.note(format_args!("weather: {faults:?}"));
        self.machine.lock().faults = faults;
    }

    pub fn flip_a_bit(&self) {
        let file = self.machine.lock().rot();
        if let Some(file) = file {
            self.rot.set(self.rot.get() + 1);
            self.trace.note(format_args!("a bit of {file} flips"));
        }
    }

    pub fn heal(&self) {
        self.calm.set(true);
        self.machine.lock().faults = Faults::default();
        self.trace.note(format_args!("calm"));
    }

    /// What an earlier process began and never wrote to does not pile up.
    fn check_discarded(&self, unused: &[String]) {
        let names = self.machine.lock().names();
        if let Some(name) = unused.iter().find(|name| names.contains(name)) {
            self.check(Err(format!("{name} holds nothing and was kept")));
        }
    }

    /// What a failed or interrupted write left behind is no damage.
    fn check_damage(&self, quarantined: u64) {
        if self.denies_damage.get() && self.rot.get() == 0 && quarantined > 0 {
            self.check(Err(format!("{quarantined} stretches are called damaged, and nothing rotted")));
        }
    }

    fn check_handles(&self) {
        let (open, bound) = (self.machine.lock().handles, self.plan.settings.open_files + HANDLES_BESIDES);
        if open > bound {
            self.check(Err(format!("{open} files are open, over {bound}")));
        }
    }
}

impl Host for World {
    fn turn(&self, op: Op) {
        if self.down.get() {
            return;
        }
        self.check_handles();
        if self.calm.get() {
            return;
        }
        if self.below(100_000) < self.plan.crashes {
            return self.crash();
        }
        if self.chance(100) && !self.plan.slowness.is_zero() {
            let micros = self.below(self.plan.slowness.as_micros() as u64);
            self.advance(Duration::from_micros(micros));
        }
        if self.depth.get() >= DEPTH_MAX {
            return;
        }
        let _deeper = Depth::deeper(&self.depth);
        let _exclusive = matches!(op, Op::Replace | Op::Remove).then(|| Depth::deeper(&self.exclusive));
        while self.goes_on() && self.chance(self.plan.interleaving) {
            self.act();
        }
    }
}
