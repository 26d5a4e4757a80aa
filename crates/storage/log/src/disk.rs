//! The only door to the file system. Tests put a disk behind it that fails on demand, simulations one that
//! tears, reorders and forgets what was not synced. Called once or twice a group of writes, not per record.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::direct::StoredFile;

/// One directory of files, without directories in it.
pub trait Disk: Send + Sync {
    fn names(&self) -> io::Result<Vec<String>>;
    /// A new file. It survives a crash only after [`Disk::sync_names`].
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// A crash may bring the file back until [`Disk::sync_names`] or [`Disk::replace`] has returned.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// The file holds `bytes` or what it held before, also after a crash.
    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Returns when all that was created and removed is on disk.
    fn sync_names(&self) -> io::Result<()>;
}

/// An open file.
pub trait DiskFile: Send + Sync {
    /// In bytes.
    fn length(&self) -> io::Result<u64>;
    fn read_exact_at(&self, buffer: &mut [u8], position: u64) -> io::Result<()>;
    /// The same for bytes that nobody is expected to read again soon.
    fn read_once(&self, position: u64, length: usize) -> io::Result<Bytes> {
        read_plainly(self, position, length)
    }
    /// Writes the slices one after the other, or only a beginning of them; returns how many bytes.
    fn write_at(&self, slices: &[IoSlice<'_>], position: u64) -> io::Result<usize>;
    /// Returns when content and length are on disk. After a failure the content is unknown.
    fn sync(&self) -> io::Result<()>;
    fn truncate(&self, length: u64) -> io::Result<()>;
    /// The range is read next: the system may fetch it while others are read.
    fn will_read(&self, _position: u64, _length: u64) -> io::Result<()> {
        Ok(())
    }
    /// Nobody is expected to read the file soon: the system may use the memory that holds its content.
    fn let_go(&self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn read_plainly<F: DiskFile + ?Sized>(
    file: &F,
    position: u64,
    length: usize,
) -> io::Result<Bytes> {
    let mut bytes = BytesMut::zeroed(length);
    file.read_exact_at(&mut bytes, position)?;
    Ok(bytes.freeze())
}

/// Writes all slices one after the other.
pub(crate) fn write_all_at(
    file: &dyn DiskFile,
    slices: &mut [IoSlice<'_>],
    mut position: u64,
) -> io::Result<()> {
    let mut rest = slices;
    while !rest.is_empty() {
        match file.write_at(rest, position) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                position += written as u64;
                IoSlice::advance_slices(&mut rest, written);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A directory of the operating system, held exclusively while this lives.
pub(crate) struct Directory {
    path: PathBuf,
    handle: File,
    _lock: File,
}

impl Directory {
    /// Fails with `WouldBlock` when another process holds it.
    pub(crate) fn open(path: &Path) -> io::Result<Directory> {
        if !path.is_dir() {
            fs::create_dir_all(path)?;
            // The directory itself must survive what its files survive.
            if let Some(parent) = path.canonicalize()?.parent() {
                File::open(parent)?.sync_all()?;
            }
        }
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.join("LOCK"))?;
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
        Ok(Directory { path: path.into(), handle: File::open(path)?, _lock: lock })
    }
}

impl Disk for Directory {
    fn names(&self) -> io::Result<Vec<String>> {
        names_in(&self.path)
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().create_new(true).read(true).write(true).open(self.path.join(name))?;
        Ok(Arc::new(file))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(StoredFile::open(self.path.join(name))?))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let partial = self.path.join(format!("{name}.part"));
        let write = || {
            let mut file = File::create(&partial)?;
            io::Write::write_all(&mut file, bytes)?;
            file.sync_data()?;
            fs::rename(&partial, self.path.join(name))
        };
        // The disk may be full: what was written of it is in the way then.
        write().inspect_err(|_| drop(fs::remove_file(&partial)))?;
        self.sync_names()
    }

    fn sync_names(&self) -> io::Result<()> {
        self.handle.sync_all()
    }
}

/// A directory that others may hold and change.
pub(crate) struct ReadOnly {
    path: PathBuf,
}

impl ReadOnly {
    pub(crate) fn new(path: &Path) -> ReadOnly {
        ReadOnly { path: path.into() }
    }

    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        names_in(&self.path)
    }

    pub(crate) fn open(&self, name: &str) -> io::Result<File> {
        File::open(self.path.join(name))
    }
}

fn names_in(path: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        names.extend(entry?.file_name().into_string());
    }
    Ok(names)
}

/// The most slices the kernel takes in one call (IOV_MAX).
const SLICES_MAX: usize = 1024;
/// Bytes of one call. Linux takes large pages for large writes, which a virtual machine may have to ask its host
/// for; up to here a write costs what copying costs.
const WRITE_BYTES_MAX: usize = 1 << 20;

/// How many of the slices may go out in one call; none if the first alone is too long.
fn fitting(slices: &[IoSlice<'_>]) -> usize {
    let mut bytes = 0;
    let fits = |slice: &&IoSlice<'_>| {
        bytes += slice.len();
        bytes <= WRITE_BYTES_MAX
    };
    slices.iter().take(SLICES_MAX).take_while(fits).count()
}

impl DiskFile for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_exact_at(&self, buffer: &mut [u8], position: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buffer, position)
    }

    fn write_at(&self, slices: &[IoSlice<'_>], position: u64) -> io::Result<usize> {
        let Some(first) = slices.first() else { return Ok(0) };
        match fitting(slices) {
            0 => Ok(rustix::io::pwrite(self, &first[..WRITE_BYTES_MAX], position)?),
            count => Ok(rustix::io::pwritev(self, &slices[..count], position)?),
        }
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn will_read(&self, position: u64, length: u64) -> io::Result<()> {
        let length = std::num::NonZeroU64::new(length);
        Ok(rustix::fs::fadvise(self, position, length, rustix::fs::Advice::WillNeed)?)
    }

    fn let_go(&self) -> io::Result<()> {
        Ok(rustix::fs::fadvise(self, 0, None, rustix::fs::Advice::DontNeed)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn slices_of_any_length_are_written_one_after_the_other(
            lengths in prop::collection::vec(prop_oneof![1usize..100, 1_000_000usize..3_000_000], 1..5),
            position in 0u64..10,
        ) {
            let file = tempfile::tempfile().unwrap();
            // Bytes that tell their place: one that was passed over shows.
            let piece = |(n, length): (usize, &usize)| (0..*length).map(|at| (at % 251 + n) as u8).collect();
            let pieces: Vec<Vec<u8>> = lengths.iter().enumerate().map(piece).collect();
            let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
            write_all_at(&file, &mut slices, position).unwrap();
            let mut read = vec![0; pieces.iter().map(Vec::len).sum()];
            FileExt::read_exact_at(&file, &mut read, position).unwrap();
            prop_assert!(read == pieces.concat());
            prop_assert_eq!(file.metadata().unwrap().len(), position + read.len() as u64);
        }
    }
}
