//! Writing bytes that the system need not keep in memory.
//!
//! A large object is rarely read at once as a whole, and would push others out. On a virtual machine, moreover, each
//! page that was not in use before has to be asked from the host, which costs more than writing it to the disk. Linux
//! from 6.14 on takes a wish to do without, on file systems that know it; elsewhere these are plain writes.

use std::fs::File;
use std::io::{self, Write};

/// As [`Write::write_all`].
#[cfg(target_os = "linux")]
pub(crate) fn write_all(mut file: &File, mut bytes: &[u8]) -> io::Result<()> {
    use rustix::io::{Errno, ReadWriteFlags, pwritev2};
    // RWF_DONTCACHE, which rustix does not name yet.
    let uncached = ReadWriteFlags::from_bits_retain(0x80);
    while !bytes.is_empty() {
        // The position of the file.
        match pwritev2(file, &[io::IoSlice::new(bytes)], u64::MAX, uncached) {
            Ok(written) if written > 0 => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            Ok(_) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => return file.write_all(bytes),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn write_all(mut file: &File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_one_after_the_other() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let file = File::create(&path).unwrap();
        let pieces: Vec<Vec<u8>> = [1usize, 4096, 100_001, 3 << 20]
            .map(|length| (0..length).map(|at| (at % 251) as u8).collect())
            .into();
        for piece in &pieces {
            write_all(&file, piece).unwrap();
        }
        assert!(std::fs::read(path).unwrap() == pieces.concat());
    }
}
