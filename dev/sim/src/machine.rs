//! The machine under a simulated disk: files, their names, and the faults that befall them.

use std::collections::BTreeMap;
use std::io;

use crate::content::Content;
use crate::random::Random;
use crate::trace::Trace;

/// What a program can ask of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    Names,
    Create,
    Open,
    Remove,
    Replace,
    SyncNames,
    Length,
    Read,
    Write,
    Sync,
    Truncate,
}

/// Ways to be a worse disk than the log may rely on. Each must be noticed by the checker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// A sync returns without having written anything.
    Sync,
    /// New names are not on disk when the directory was synced.
    SyncNames,
    /// Nothing is cut off.
    Truncate,
    /// A replaced file is emptied first, and its new content is not synced.
    Replace,
    /// The bytes of a write end up at another place of the file now and then.
    Write,
}

/// How often in 1000 operations something goes wrong, and how much space there is.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    pub reads: u64,
    pub writes: u64,
    pub syncs: u64,
    pub names: u64,
    pub short_writes: u64,
    pub capacity: Option<usize>,
    /// Of replacements alone, which write side files. In every weather.
    pub replacements: u64,
}

/// See `docs/internals/log-format.md`.
const SEGMENT_HEADER_BYTES: usize = 4096;

pub struct Machine {
    pub random: Random,
    pub trace: Trace,
    pub faults: Faults,
    pub lie: Option<Lie>,
    /// Changes with every crash: handles of an earlier one are dead.
    pub generation: u64,
    /// Open now.
    pub handles: usize,
    files: BTreeMap<u64, Content>,
    next_file: u64,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    /// Names given and taken since the directory was synced.
    changes: Vec<(String, Option<u64>)>,
}

impl Machine {
    pub fn new(seed: u64, trace: Trace, lie: Option<Lie>) -> Machine {
        Machine {
            random: Random::new(seed),
            trace,
            faults: Faults::default(),
            lie,
            generation: 0,
            handles: 0,
            files: BTreeMap::new(),
            next_file: 0,
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            changes: Vec::new(),
        }
    }

    pub fn names(&self) -> Vec<String> {
        self.names.keys().cloned().collect()
    }

    pub fn create(&mut self, name: &str) -> io::Result<u64> {
        if self.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = self.add_file();
        self.rename(name, Some(file));
        Ok(file)
    }

    pub fn open(&self, name: &str) -> io::Result<u64> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub fn remove(&mut self, name: &str) -> io::Result<()> {
        self.open(name)?;
        self.rename(name, None);
        Ok(())
    }

    /// The first half of a replacement: all of it under a name of its own, on disk.
    pub fn prepare_replacement(&mut self, name: &str, bytes: &[u8]) -> io::Result<u64> {
        let file = self.add_file();
        if self.lie == Some(Lie::Replace) {
            self.rename(name, Some(file));
            self.write(file, bytes, 0)?;
            return Ok(file);
        }
        self.rename(&format!("{name}.part"), Some(file));
        if self.write(file, bytes, 0)? < bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.sync(file)?;
        Ok(file)
    }

    pub fn finish_replacement(&mut self, name: &str, file: u64) {
        self.rename(&format!("{name}.part"), None);
        self.rename(name, Some(file));
    }

    pub fn sync_names(&mut self) {
        if self.lie != Some(Lie::SyncNames) {
            self.durable_names.clone_from(&self.names);
            self.changes.clear();
        }
    }

    /// Segments that a run began and never wrote to: without a frame and without a side file.
    pub fn unused_segments(&self) -> Vec<String> {
        let is_unused = |name: &str, file: u64| {
            let side_file = name.strip_suffix(".segment").map(|id| format!("{id}.index"));
            side_file.is_some_and(|side_file| !self.names.contains_key(&side_file))
                && self.content(file).len() <= SEGMENT_HEADER_BYTES
        };
        self.names
            .iter()
            .filter(|(name, file)| is_unused(name, **file))
            .map(|(name, _)| name.clone())
            .collect()
    }

    pub fn content(&self, file: u64) -> &[u8] {
        self.files.get(&file).map_or(&[], |content| &content.current)
    }

    /// How many of the bytes were written.
    pub fn write(&mut self, file: u64, bytes: &[u8], position: usize) -> io::Result<usize> {
        let length = self.content(file).len();
        let grows = (position + bytes.len()).saturating_sub(length);
        let over = grows.saturating_sub(self.space());
        let fitting = bytes.len() - over.min(bytes.len());
        if fitting == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let misplaced = self.lie == Some(Lie::Write) && self.random.chance(50);
        let position = if misplaced { position / 2 } else { position };
        if let Some(content) = self.files.get_mut(&file) {
            content.write(&bytes[..fitting], position);
        }
        Ok(fitting)
    }

    pub fn sync(&mut self, file: u64) -> io::Result<()> {
        let fails = self.random.chance(self.faults.syncs);
        let Some(content) = self.files.get_mut(&file) else { return Ok(()) };
        if fails {
            content.fail_sync(&mut self.random);
            return Err(io::Error::other("simulated: a sync failed"));
        }
        if self.lie != Some(Lie::Sync) {
            content.sync();
        }
        Ok(())
    }

    pub fn truncate(&mut self, file: u64, length: usize) {
        if self.lie != Some(Lie::Truncate)
            && let Some(content) = self.files.get_mut(&file)
        {
            content.truncate(length);
        }
    }

    /// The process ends. Without power, what was not synced may be lost; else the kernel keeps it.
    pub fn crash(&mut self, loses_power: bool) {
        self.generation += 1;
        self.handles = 0;
        if !loses_power {
            return;
        }
        let changes = std::mem::take(&mut self.changes);
        let (certain, chance) = (self.random.index(changes.len() + 1), self.random.pick(&[0, 500, 1000]));
        let mut names = std::mem::take(&mut self.durable_names);
        for (place, (name, file)) in changes.into_iter().enumerate() {
            if place < certain || self.random.chance(chance) {
                match file {
                    Some(file) => names.insert(name, file),
                    None => names.remove(&name),
                };
            }
        }
        self.names.clone_from(&names);
        self.durable_names = names;
        let named: std::collections::BTreeSet<u64> = self.names.values().copied().collect();
        self.files.retain(|file, _| named.contains(file));
        for content in self.files.values_mut() {
            content.lose_power(&mut self.random);
        }
    }

    /// Flips a bit of one of the files. The name of the file, if it had any bits. The last group of the
    /// newest segment cannot be told from a torn write if it is damaged, so that one is spared.
    pub fn rot(&mut self) -> Option<String> {
        let newest = self.names.keys().rfind(|name| name.ends_with(".segment")).cloned();
        let others: Vec<_> = self.names.iter().filter(|(name, _)| Some(*name) != newest.as_ref()).collect();
        let (name, file) = others.get(self.random.index(others.len()))?;
        self.files.get_mut(file)?.rot(&mut self.random).then(|| (*name).clone())
    }

    /// Bytes that can still be written.
    pub fn space(&self) -> usize {
        let used: usize = self.names.values().map(|file| self.content(*file).len()).sum();
        self.faults.capacity.map_or(usize::MAX, |capacity| capacity.saturating_sub(used))
    }

    /// Whether this operation fails before it does anything.
    pub fn strikes(&mut self, op: Op) -> io::Result<()> {
        let chance = match op {
            Op::Read | Op::Length => self.faults.reads,
            Op::Write | Op::Truncate => self.faults.writes,
            // Its own way to fail leaves the file in doubt.
            Op::Sync => 0,
            Op::Replace => self.faults.names.max(self.faults.replacements),
            Op::Names | Op::Create | Op::Open | Op::Remove | Op::SyncNames => self.faults.names,
        };
        if self.random.chance(chance) {
            Err(io::Error::other("simulated: an operation failed"))
        } else {
            Ok(())
        }
    }

    fn add_file(&mut self) -> u64 {
        self.next_file += 1;
        self.files.insert(self.next_file, Content::default());
        self.next_file
    }

    fn rename(&mut self, name: &str, file: Option<u64>) {
        match file {
            Some(file) => drop(self.names.insert(name.to_owned(), file)),
            None => drop(self.names.remove(name)),
        }
        self.changes.push((name.to_owned(), file));
    }
}
