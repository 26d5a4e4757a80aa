//! The stores that outlive processes, the process of the moment, and what drives it: one thread, one order of steps
//! for each seed.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::FutureExt;
use lake::Lake;
use log::stepped::{Step, StepIndexer, StepWriter, Stepped};
use log::{Log, LogSettings};
use meta::Meta;
use objects::Objects;
use rt::{ManualClock, Rt, Timestamp};

use super::super::rig::{BUCKET, START, scope};
use super::chance::Chance;
use super::disk::MemoryDisk;
use super::place::Place;
use super::weather::{Climate, Strike, Weather};
use crate::functions::NoFunctions;
use crate::{Failpoints, Flow, FlowSettings};

/// Turns in which nobody does anything before time passes: tasks of the table library are not ours to see.
const QUIET_TURNS_TABLES: u32 = 16;
const QUIET_TURNS: u32 = 1;

pub(super) struct World {
    pub(super) chance: Chance,
    pub(super) settings: FlowSettings,
    pub(super) place: Arc<Place>,
    /// Not befallen: what a check sees, and what the source writes to.
    pub(super) meta: Meta,
    pub(super) disk: MemoryDisk,
    dir: tempfile::TempDir,
    now: Timestamp,
    pub(super) process: Option<Process>,
    quiet_turns: u32,
    pub(super) deaths: u32,
    /// A digest of all that befell the processes.
    pub(super) trace: u64,
}

pub(super) struct Process {
    pub(super) rt: Rt,
    pub(super) clock: ManualClock,
    pub(super) log: Log,
    pub(super) lake: Lake,
    /// The same stores without weather.
    pub(super) calm_objects: Objects,
    pub(super) calm_lake: Lake,
    pub(super) flow: Flow,
    pub(super) weather: Weather,
    pub(super) failpoints: Failpoints,
    writer: StepWriter,
    indexer: StepIndexer,
    tasks: Vec<Slot>,
}

struct Slot {
    work: Pin<Box<dyn Future<Output = ()> + Send>>,
    ready: Arc<Ready>,
}

struct Ready(AtomicBool);

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl World {
    pub(super) async fn new(seed: u64, settings: FlowSettings, has_tables: bool) -> World {
        let (rt, _) = Rt::stepped(START, seed);
        // Nobody asks here whether bytes survive a power cut, so they need not reach a disk.
        let memory = std::path::Path::new("/dev/shm");
        let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        World {
            chance: Chance::new(seed),
            settings,
            place: Arc::new(Place::new(seed)),
            meta: Meta::in_memory(rt).await,
            disk: MemoryDisk::new(seed),
            dir: dir.unwrap(),
            now: START,
            process: None,
            quiet_turns: if has_tables { QUIET_TURNS_TABLES } else { QUIET_TURNS },
            deaths: 0,
            trace: 0,
        }
    }

    /// A new process on what the last one left; its deliveries go on.
    pub(super) async fn start(&mut self, climate: Climate, strike: Option<Strike>) {
        assert!(self.process.is_none(), "one process at a time");
        let (rt, clock) = Rt::stepped(self.now, self.chance.draw());
        self.disk.become_(0);
        let opening = {
            let (disk, meta, rt) = (Box::new(self.disk.clone()), self.meta.clone(), rt.clone());
            let settings = LogSettings {
                segment_bytes: 64 << 10,
                // Nothing is read from memory, or everything is.
                tail_cache_bytes: usize::try_from(self.chance.pick(&[0, 1 << 20])).unwrap(),
                ..LogSettings::default()
            };
            async move { Stepped::open("log".as_ref(), disk, meta, rt, settings).await.unwrap() }
        };
        let Stepped { log, writer, indexer } = alone(opening).await;
        let objects = alone(Objects::open(self.dir.path(), self.meta.clone(), rt.clone())).await.unwrap();
        let weather = Weather::new(rt.clone(), self.chance.draw(), climate, strike);
        let faults: Arc<dyn meta::faults::Faults> = Arc::new(weather.clone());
        let (meta, calm_objects) = (self.meta.with_faults(faults.clone()), objects.clone());
        let calm_lake = Lake::new(self.meta.clone(), calm_objects.clone(), rt.clone());
        let objects = objects.with_faults(faults);
        let lake = Lake::new(meta.clone(), objects.clone(), rt.clone());
        let failpoints = Failpoints::default();
        let settings = FlowSettings { failpoints: failpoints.clone(), ..self.settings.clone() };
        let (a, b, c, d, e) = (rt.clone(), meta, log.clone(), objects, lake.clone());
        let flow = Flow::with_functions(a, b, c, d, e, Arc::new(NoFunctions), settings);
        let flow = flow.with_outlet(self.place.clone());
        self.process = Some(Process {
            rt,
            clock,
            log,
            lake,
            calm_objects,
            calm_lake,
            flow,
            weather,
            failpoints,
            writer,
            indexer,
            tasks: Vec::new(),
        });
    }

    /// The bucket, once.
    pub(super) async fn found(&mut self) {
        let objects = self.process().calm_objects.clone();
        alone(objects.create_bucket(BUCKET, &scope())).await.unwrap();
    }

    pub(super) fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("a process runs")
    }

    /// The process dies; what it had not finished is dropped or, as with a kill, stays where it is.
    pub(super) fn die(&mut self) {
        let Some(process) = self.process.take() else { return };
        process.weather.kill();
        self.trace = self.trace.rotate_left(7) ^ process.weather.trace();
        self.deaths += 1;
        self.now = process.clock.now();
        if self.chance.is(500) {
            std::mem::forget(process.tasks);
        }
    }

    /// Whether the process died, by its own operations or at a failpoint that says so.
    pub(super) fn is_dead(&mut self) -> bool {
        self.process.as_ref().is_none_or(|process| process.weather.is_dead())
    }

    /// Polls `work` and, between, everything of the process until it is done. `None`: the process died.
    pub(super) async fn drive<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        loop {
            if let Poll::Ready(output) = work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return Some(output);
            }
            if self.is_dead() {
                return None;
            }
            self.turn().await;
        }
    }

    /// The same for somebody who is no part of the process, and goes on when it dies.
    pub(super) async fn drive_on<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            if let Poll::Ready(output) = work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return output;
            }
            self.turn().await;
        }
    }

    /// Somebody does something, or time passes.
    pub(super) async fn turn(&mut self) {
        let worked = self.step().await;
        if worked {
            return;
        }
        for _ in 0..self.quiet_turns {
            tokio::task::yield_now().await;
            if self.process().is_ready() {
                return;
            }
        }
        let time = Duration::from_millis(self.chance.between(5, 400));
        self.process().clock.advance(time);
    }

    /// Lets everybody finish what they are at.
    pub(super) async fn rest(&mut self) {
        let mut quiet = 0;
        while quiet < self.quiet_turns {
            quiet = if self.step().await { 0 } else { quiet + 1 };
        }
    }

    /// Files of objects on disk, whoever refers to them.
    pub(super) fn files(&self) -> usize {
        let list = |folder: std::path::PathBuf| {
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path())
        };
        list(self.dir.path().join("objects")).flat_map(list).count()
    }

    /// `false` if nobody has anything to do.
    pub(super) async fn step(&mut self) -> bool {
        let World { chance, process, .. } = self;
        let process = process.as_mut().expect("a process runs");
        process.adopt();
        let worked = process.poll_one(chance) | process.step_log();
        tokio::task::yield_now().await;
        worked
    }
}

impl Process {
    /// Tasks that are not done.
    pub(super) fn tasks(&self) -> usize {
        self.tasks.len()
    }

    /// Runs with everything else of the process.
    pub(super) fn spawn(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.push(Slot { work: work.boxed(), ready: Arc::new(Ready(AtomicBool::new(true))) });
    }

    fn adopt(&mut self) {
        for work in self.rt.take_spawned() {
            self.tasks.push(Slot { work, ready: Arc::new(Ready(AtomicBool::new(true))) });
        }
    }

    fn is_ready(&self) -> bool {
        self.tasks.iter().any(|slot| slot.ready.0.load(Ordering::SeqCst))
    }

    /// Writes what was appended to the source.
    pub(super) fn write_source(&mut self) {
        self.step_log();
    }

    fn step_log(&mut self) -> bool {
        let written = self.writer.step() == Step::Worked;
        written | (self.indexer.step() == Step::Worked)
    }

    fn poll_one(&mut self, chance: &mut Chance) -> bool {
        let ready: Vec<usize> = self
            .tasks
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.ready.0.load(Ordering::SeqCst))
            .map(|(at, _)| at)
            .collect();
        if ready.is_empty() {
            return false;
        }
        let at = chance.pick(&ready);
        let slot = &mut self.tasks[at];
        slot.ready.0.store(false, Ordering::SeqCst);
        let waker = Waker::from(slot.ready.clone());
        if slot.work.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            drop(self.tasks.swap_remove(at));
        }
        true
    }
}

/// For work that needs nobody else.
async fn alone<T>(work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        if let Poll::Ready(output) = work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
        tokio::task::yield_now().await;
    }
}
