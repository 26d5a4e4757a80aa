//! A disk that fails on demand.

use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

use crate::disk::{Directory, Disk, DiskFile};

#[derive(Default)]
pub(super) struct Faults {
    /// Every write and every new file fails for want of space.
    pub(super) full: AtomicBool,
    /// Every sync fails; what was written stays.
    pub(super) sync_fails: AtomicBool,
    /// Every truncation fails.
    pub(super) truncate_fails: AtomicBool,
    pub(super) write_panics: AtomicBool,
    pub(super) reads: AtomicUsize,
    /// Files whose memory was given back.
    pub(super) let_go: AtomicUsize,
    pub(super) once: AtomicUsize,
    stalled: Mutex<bool>,
    released: Condvar,
}

impl Faults {
    /// Writes wait until released.
    pub(super) fn stall(&self) {
        *self.stalled.lock() = true;
    }

    pub(super) fn release(&self) {
        *self.stalled.lock() = false;
        self.released.notify_all();
    }

    fn before_write(&self) -> io::Result<()> {
        assert!(!self.write_panics.load(Ordering::SeqCst), "told to panic");
        let mut stalled = self.stalled.lock();
        while *stalled {
            self.released.wait(&mut stalled);
        }
        if self.full.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

pub(super) struct FaultyDisk {
    directory: Directory,
    faults: Arc<Faults>,
}

impl FaultyDisk {
    pub(super) fn open(path: &Path, faults: Arc<Faults>) -> io::Result<FaultyDisk> {
        Ok(FaultyDisk { directory: Directory::open(path)?, faults })
    }

    fn wrap(&self, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(FaultyFile { file, faults: self.faults.clone() })
    }
}

impl Disk for FaultyDisk {
    fn names(&self) -> io::Result<Vec<String>> {
        self.directory.names()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.faults.before_write()?;
        Ok(self.wrap(self.directory.create(name)?))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.wrap(self.directory.open(name)?))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.directory.remove(name)
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.faults.before_write()?;
        self.directory.replace(name, bytes)
    }

    fn sync_names(&self) -> io::Result<()> {
        self.directory.sync_names()
    }
}

struct FaultyFile {
    file: Arc<dyn DiskFile>,
    faults: Arc<Faults>,
}

impl DiskFile for FaultyFile {
    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn read_exact_at(&self, buffer: &mut [u8], position: u64) -> io::Result<()> {
        self.faults.reads.fetch_add(1, Ordering::SeqCst);
        self.file.read_exact_at(buffer, position)
    }

    fn read_once(&self, position: u64, length: usize) -> io::Result<Bytes> {
        self.faults.once.fetch_add(1, Ordering::SeqCst);
        self.file.read_once(position, length)
    }

    fn write_at(&self, slices: &[IoSlice<'_>], position: u64) -> io::Result<usize> {
        self.faults.before_write()?;
        self.file.write_at(slices, position)
    }

    fn sync(&self) -> io::Result<()> {
        if self.faults.sync_fails.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk does not answer"));
        }
        self.file.sync()
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        if self.faults.truncate_fails.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk does not answer"));
        }
        self.file.truncate(length)
    }

    fn will_read(&self, position: u64, length: u64) -> io::Result<()> {
        self.file.will_read(position, length)
    }

    fn let_go(&self) -> io::Result<()> {
        self.faults.let_go.fetch_add(1, Ordering::SeqCst);
        self.file.let_go()
    }
}
