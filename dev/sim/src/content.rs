//! The bytes of one file: what the program sees and what would be left without power.

use std::collections::BTreeSet;

use crate::random::Random;

/// The unit that a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

#[derive(Default)]
pub struct Content {
    /// What reads see.
    pub current: Vec<u8>,
    /// What is certain to survive.
    durable: Vec<u8>,
    /// Sectors that the next sync writes.
    dirty: BTreeSet<usize>,
    /// The next sync writes the length.
    length_dirty: bool,
}

impl Content {
    pub fn write(&mut self, bytes: &[u8], position: usize) {
        let end = position + bytes.len();
        if end > self.current.len() {
            self.current.resize(end, 0);
            self.length_dirty = true;
        }
        self.current[position..end].copy_from_slice(bytes);
        if !bytes.is_empty() {
            self.dirty.extend(position / SECTOR_BYTES..=(end - 1) / SECTOR_BYTES);
        }
    }

    pub fn truncate(&mut self, length: usize) {
        self.current.resize(length, 0);
        self.length_dirty = true;
    }

    pub fn sync(&mut self) {
        if std::mem::take(&mut self.length_dirty) {
            self.durable.resize(self.current.len(), 0);
        }
        for sector in std::mem::take(&mut self.dirty) {
            let end = ((sector + 1) * SECTOR_BYTES).min(self.current.len());
            // A length that a failed sync forgot follows from the data.
            if end > self.durable.len() {
                self.durable.resize(end, 0);
            }
            copy(&self.current, &mut self.durable, sector);
        }
    }

    /// What kernels do when a sync fails: some of it is on disk, and all of it counts as written, so that no
    /// later sync tries again.
    pub fn fail_sync(&mut self, random: &mut Random) {
        if std::mem::take(&mut self.length_dirty) && random.chance(500) {
            self.durable.resize(self.current.len(), 0);
        }
        for sector in std::mem::take(&mut self.dirty) {
            if random.chance(500) {
                copy(&self.current, &mut self.durable, sector);
            }
        }
    }

    /// The power fails: of what was not synced, anything may be on disk.
    pub fn lose_power(&mut self, random: &mut Random) {
        let survival = random.pick(&[Survival::Nothing, Survival::All, Survival::Beginning, Survival::Some]);
        let mut after = self.durable.clone();
        if self.length_dirty {
            let (from, to) = (self.durable.len(), self.current.len());
            let between = from.min(to) + random.index(from.abs_diff(to) + 1);
            after.resize(survival.pick(from, to, between), 0);
        }
        let before = self.durable.len();
        let cutoff = self.dirty.iter().nth(random.index(self.dirty.len() + 1)).copied();
        for &sector in &self.dirty {
            let survives = match survival {
                Survival::Nothing => false,
                Survival::All => true,
                Survival::Beginning => cutoff.is_none_or(|cutoff| sector < cutoff),
                Survival::Some => random.chance(500),
            };
            if survives {
                copy(&self.current, &mut after, sector);
            } else if survival == Survival::Some && random.chance(100) {
                scribble(&mut after, sector, before, random);
            }
        }
        *self = Content { current: after.clone(), durable: after, ..Content::default() };
    }

    /// Flips one bit of what is on disk. False if there is none.
    pub fn rot(&mut self, random: &mut Random) -> bool {
        if self.durable.is_empty() {
            return false;
        }
        let bit = random.index(self.durable.len() * 8);
        for bytes in [&mut self.durable, &mut self.current] {
            if let Some(byte) = bytes.get_mut(bit / 8) {
                *byte ^= 1 << (bit % 8);
            }
        }
        true
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Survival {
    Nothing,
    All,
    Beginning,
    Some,
}

impl Survival {
    fn pick(self, nothing: usize, all: usize, between: usize) -> usize {
        match self {
            Survival::Nothing => nothing,
            Survival::All => all,
            Survival::Beginning | Survival::Some => between,
        }
    }
}

fn copy(from: &[u8], to: &mut [u8], sector: usize) {
    let start = sector * SECTOR_BYTES;
    let end = (start + SECTOR_BYTES).min(from.len()).min(to.len());
    if start < end {
        to[start..end].copy_from_slice(&from[start..end]);
    }
}

/// A sector that was allocated and not written shows what lay there before.
fn scribble(bytes: &mut [u8], sector: usize, from: usize, random: &mut Random) {
    let end = ((sector + 1) * SECTOR_BYTES).min(bytes.len());
    for byte in bytes.iter_mut().take(end).skip((sector * SECTOR_BYTES).max(from)) {
        *byte = random.draw() as u8;
    }
}
