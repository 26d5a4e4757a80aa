//! A disk for the source's log that outlives the processes on it.

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::sync::Arc;

use log::disk::{Disk, DiskFile};
use parking_lot::Mutex;

#[derive(Clone, Default)]
pub(super) struct MemoryDisk {
    files: Arc<Mutex<BTreeMap<String, MemoryFile>>>,
}

#[derive(Clone, Default)]
struct MemoryFile {
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Disk for MemoryDisk {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.files.lock().keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = MemoryFile::default();
        match self.files.lock().insert(name.to_owned(), file.clone()) {
            None => Ok(Arc::new(file)),
            Some(_) => Err(io::ErrorKind::AlreadyExists.into()),
        }
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        match self.files.lock().get(name) {
            Some(file) => Ok(Arc::new(file.clone())),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.files.lock().remove(name).map(|_| ()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let file = MemoryFile { bytes: Arc::new(Mutex::new(bytes.to_vec())) };
        self.files.lock().insert(name.to_owned(), file);
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for MemoryFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.bytes.lock().len() as u64)
    }

    fn read_exact_at(&self, buffer: &mut [u8], position: u64) -> io::Result<()> {
        let bytes = self.bytes.lock();
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
        let mut bytes = self.bytes.lock();
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
        self.bytes.lock().resize(usize::try_from(length).unwrap(), 0);
        Ok(())
    }
}
