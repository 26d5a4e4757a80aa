//! Files of which much is read that nobody else reads soon.
//!
//! Such bytes go past the memory in which the system keeps files: it would make others leave it, and on a virtual
//! machine its pages have to be asked from the host, which costs more than to read them from the disk.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bytes::{Buf, Bytes, BytesMut};

use crate::disk::{DiskFile, read_plainly};

/// What positions, lengths and buffers of direct reads are multiples of, on every common disk.
const BLOCK_BYTES: usize = 4096;

/// A file that was written before and is read.
pub(crate) struct StoredFile {
    file: File,
    path: PathBuf,
    /// The same file for direct reads, where the file system has them.
    direct: OnceLock<Option<File>>,
}

impl StoredFile {
    pub(crate) fn open(path: PathBuf) -> io::Result<StoredFile> {
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        Ok(StoredFile { file, path, direct: OnceLock::new() })
    }
}

impl DiskFile for StoredFile {
    fn length(&self) -> io::Result<u64> {
        DiskFile::length(&self.file)
    }

    fn read_exact_at(&self, buffer: &mut [u8], position: u64) -> io::Result<()> {
        DiskFile::read_exact_at(&self.file, buffer, position)
    }

    fn read_once(&self, position: u64, length: usize) -> io::Result<Bytes> {
        let Some(direct) = self.direct.get_or_init(|| open_direct(&self.path)) else {
            return read_plainly(&self.file, position, length);
        };
        match read_direct(direct, position, length) {
            // Larger blocks than ours, or a file system that only takes the flag.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                read_plainly(&self.file, position, length)
            }
            read => read,
        }
    }

    fn write_at(&self, slices: &[IoSlice<'_>], position: u64) -> io::Result<usize> {
        DiskFile::write_at(&self.file, slices, position)
    }

    fn sync(&self) -> io::Result<()> {
        DiskFile::sync(&self.file)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        DiskFile::truncate(&self.file, length)
    }

    fn will_read(&self, position: u64, length: u64) -> io::Result<()> {
        self.file.will_read(position, length)
    }

    fn let_go(&self) -> io::Result<()> {
        self.file.let_go()
    }
}

#[cfg(target_os = "linux")]
fn open_direct(path: &Path) -> Option<File> {
    let flags = i32::try_from(rustix::fs::OFlags::DIRECT.bits()).ok()?;
    OpenOptions::new().read(true).custom_flags(flags).open(path).ok()
}

#[cfg(not(target_os = "linux"))]
fn open_direct(_: &Path) -> Option<File> {
    None
}

fn read_direct(file: &File, position: u64, length: usize) -> io::Result<Bytes> {
    let before = (position % BLOCK_BYTES as u64) as usize;
    let start = position - before as u64;
    let wanted = before + length;
    let span = wanted.next_multiple_of(BLOCK_BYTES);
    let mut buffer = BytesMut::zeroed(span + BLOCK_BYTES);
    buffer.advance(buffer.as_ptr().align_offset(BLOCK_BYTES));
    buffer.truncate(span);
    let mut read = 0;
    while read < wanted {
        match file.read_at(&mut buffer[read..], start + read as u64) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(some) => read += some,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffer.truncate(wanted);
    buffer.advance(before);
    Ok(buffer.freeze())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_range_is_read_as_it_was_written(length in 1usize..200_000, from in 0.0..1.0, to in 0.0..1.0) {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("file");
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            std::fs::write(&path, &bytes).unwrap();
            let place = |share: f64| (share * length as f64) as usize;
            let range = place(from).min(place(to))..place(from).max(place(to));
            let file = StoredFile::open(path).unwrap();
            let read = file.read_once(range.start as u64, range.len()).unwrap();
            prop_assert!(read[..] == bytes[range]);
            let beyond = file.read_once(length as u64 - 1, 2).unwrap_err();
            prop_assert_eq!(beyond.kind(), io::ErrorKind::UnexpectedEof);
        }
    }
}
