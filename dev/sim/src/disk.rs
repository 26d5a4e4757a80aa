//! The disk that the log is given.

use std::io::{self, IoSlice};
use std::sync::Arc;

use log::disk::{Disk, DiskFile};
use parking_lot::Mutex;

use crate::machine::{Machine, Op};
use crate::schedule;

/// A handle of one process: dead after its machine crashed.
#[derive(Clone)]
pub struct SimDisk {
    machine: Arc<Mutex<Machine>>,
    generation: u64,
}

impl SimDisk {
    pub fn new(machine: Arc<Mutex<Machine>>) -> SimDisk {
        let generation = machine.lock().generation;
        SimDisk { machine, generation }
    }

    /// Lets others have a turn before and after: they may see the disk in between, and it may crash.
    fn operate<T>(
        &self,
        op: Op,
        place: &str,
        effect: impl FnOnce(&mut Machine) -> io::Result<T>,
    ) -> io::Result<T> {
        schedule::turn(op);
        let result = {
            let mut machine = self.alive()?;
            let result = machine.strikes(op).and_then(|()| effect(&mut machine));
            let outcome = result.as_ref().map_or_else(io::Error::to_string, |_| "ok".to_owned());
            machine.trace.note(format_args!("disk {op:?} {place}: {outcome}"));
            result
        };
        schedule::turn(op);
        drop(self.alive()?);
        result
    }

    fn alive(&self) -> io::Result<parking_lot::MutexGuard<'_, Machine>> {
        let machine = self.machine.lock();
        if machine.generation == self.generation {
            Ok(machine)
        } else {
            Err(io::Error::other("simulated: the machine is off"))
        }
    }

    fn handle(&self, file: u64, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.alive()?.handles += 1;
        Ok(Arc::new(SimFile { disk: self.clone(), file, name: name.to_owned() }))
    }
}

impl Disk for SimDisk {
    fn names(&self) -> io::Result<Vec<String>> {
        self.operate(Op::Names, "", |machine| Ok(machine.names()))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.operate(Op::Create, name, |machine| machine.create(name))?;
        self.handle(file, name)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.operate(Op::Open, name, |machine| machine.open(name))?;
        self.handle(file, name)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.operate(Op::Remove, name, |machine| machine.remove(name))
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let file = self.operate(Op::Replace, name, |machine| machine.prepare_replacement(name, bytes))?;
        self.operate(Op::Replace, name, |machine| {
            machine.finish_replacement(name, file);
            Ok(())
        })?;
        // Its failure leaves the new file in place, on disk or not.
        self.operate(Op::Replace, name, |machine| {
            machine.sync_names();
            Ok(())
        })
    }

    fn sync_names(&self) -> io::Result<()> {
        self.operate(Op::SyncNames, "", |machine| {
            machine.sync_names();
            Ok(())
        })
    }
}

struct SimFile {
    disk: SimDisk,
    file: u64,
    name: String,
}

impl Drop for SimFile {
    fn drop(&mut self) {
        if let Ok(mut machine) = self.disk.alive() {
            machine.handles -= 1;
        }
    }
}

impl DiskFile for SimFile {
    fn length(&self) -> io::Result<u64> {
        self.disk.operate(Op::Length, &self.name, |machine| Ok(machine.content(self.file).len() as u64))
    }

    fn read_exact_at(&self, buffer: &mut [u8], position: u64) -> io::Result<()> {
        let place = format!("{} {position}+{}", self.name, buffer.len());
        self.disk.operate(Op::Read, &place, |machine| {
            let start = position as usize;
            let bytes = machine.content(self.file).get(start..start + buffer.len());
            buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn write_at(&self, slices: &[IoSlice<'_>], position: u64) -> io::Result<usize> {
        let mut bytes = slices.iter().flat_map(|slice| slice.iter().copied()).collect::<Vec<u8>>();
        let place = format!("{} {position}+{}", self.name, bytes.len());
        self.disk.operate(Op::Write, &place, |machine| {
            if machine.random.chance(machine.faults.short_writes) {
                let shorter = 1 + machine.random.index(bytes.len());
                bytes.truncate(shorter);
            }
            machine.write(self.file, &bytes, position as usize)
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.operate(Op::Sync, &self.name, |machine| machine.sync(self.file))
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let place = format!("{} at {length}", self.name);
        self.disk.operate(Op::Truncate, &place, |machine| {
            machine.truncate(self.file, length as usize);
            Ok(())
        })
    }
}
