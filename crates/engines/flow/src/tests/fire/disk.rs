//! A disk for the source's log that outlives the processes on it, and of which reads may fail.

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::sync::Arc;

use log::disk::{Disk, DiskFile};
use parking_lot::Mutex;

use super::chance::Chance;

#[derive(Clone)]
pub(super) struct MemoryDisk {
    files: Arc<Mutex<BTreeMap<String, Content>>>,
    trouble: Arc<Mutex<Trouble>>,
}

type Content = Arc<Mutex<Vec<u8>>>;

struct Trouble {
    chance: Chance,
    /// How many of 1000 reads fail.
    fails: u64,
    failed: u64,
}

struct MemoryFile {
    content: Content,
    trouble: Arc<Mutex<Trouble>>,
}

impl MemoryDisk {
    pub(super) fn new(seed: u64) -> MemoryDisk {
        let trouble = Trouble { chance: Chance::new(seed), fails: 0, failed: 0 };
        MemoryDisk { files: Arc::default(), trouble: Arc::new(Mutex::new(trouble)) }
    }

    /// From now on so many of 1000 reads fail.
    pub(super) fn become_(&self, fails: u64) {
        self.trouble.lock().fails = fails;
    }

    /// Reads that failed so far.
    pub(super) fn failed(&self) -> u64 {
        self.trouble.lock().failed
    }

    fn file(&self, content: Content) -> Arc<dyn DiskFile> {
        Arc::new(MemoryFile { content, trouble: self.trouble.clone() })
    }
}

impl Trouble {
    fn befall(&mut self) -> io::Result<()> {
        if self.fails == 0 || !self.chance.is(self.fails) {
            return Ok(());
        }
        self.failed += 1;
        Err(io::Error::other("the disk does not answer"))
    }
}

impl Disk for MemoryDisk {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.files.lock().keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let content = Content::default();
        match self.files.lock().insert(name.to_owned(), content.clone()) {
            None => Ok(self.file(content)),
            Some(_) => Err(io::ErrorKind::AlreadyExists.into()),
        }
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        match self.files.lock().get(name) {
            Some(content) => Ok(self.file(content.clone())),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.files.lock().remove(name).map(|_| ()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.files.lock().insert(name.to_owned(), Arc::new(Mutex::new(bytes.to_vec())));
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for MemoryFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.content.lock().len() as u64)
    }

    fn read_exact_at(&self, buffer: &mut [u8], position: u64) -> io::Result<()> {
        self.trouble.lock().befall()?;
        let bytes = self.content.lock();
        let from = usize::try_from(position).unwrap();
        match bytes.get(from..from + buffer.len()) {
            Some(found) => {
                buffer.copy_from_slice(found);
                Ok(())
            }
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn write_at(&self, slices: &[IoSlice<'_>], position: u64) -> io::Result<usize> {
        let mut bytes = self.content.lock();
        let mut at = usize::try_from(position).unwrap();
        let mut written = 0;
        for slice in slices {
            if bytes.len() < at + slice.len() {
                bytes.resize(at + slice.len(), 0);
            }
            bytes[at..at + slice.len()].copy_from_slice(slice);
            (at, written) = (at + slice.len(), written + slice.len());
        }
        Ok(written)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.content.lock().resize(usize::try_from(length).unwrap(), 0);
        Ok(())
    }
}
