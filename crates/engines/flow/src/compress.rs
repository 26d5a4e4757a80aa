//! Bytes to the content of one compressed object, block by block.
//!
//! Every block is compressed for itself, so that between blocks an object costs no more than the bytes that
//! wait for the next one: hundreds of objects may be in the making at once.

use bytes::Bytes;
use flate2::{Compress, Crc, FlushCompress};
use snap::write::FrameEncoder;
use std::io::Write;

use crate::{Compression, FlowError};

/// Bytes that are compressed at once.
pub(crate) const BLOCK_BYTES: usize = 1 << 20;

/// Uncompressed bytes of a Hadoop block: with the overhead of Snappy less than the 256 KiB that readers expect.
const HADOOP_BLOCK_BYTES: usize = 128 << 10;

/// The first chunk of framed Snappy.
const SNAPPY_STREAM: &[u8] = b"\xff\x06\x00\x00sNaPpY";

/// Name and comment absent, no time, from an unknown system.
const GZIP_HEADER: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff";

/// The last, empty block of a deflate stream.
const DEFLATE_END: &[u8] = b"\x03\x00";

/// One object in the making.
pub(crate) struct Compressor {
    format: Compression,
    /// Name of the file in an archive.
    name: String,
    pending: Vec<u8>,
    started: bool,
    crc: Crc,
    /// Compressed data, without what stands around them.
    compressed: u64,
}

impl Compressor {
    pub(crate) fn new(format: Compression, name: String) -> Compressor {
        Compressor { format, name, pending: Vec::new(), started: false, crc: Crc::new(), compressed: 0 }
    }

    /// Bytes of memory it holds.
    pub(crate) fn memory(&self) -> usize {
        self.pending.capacity()
    }

    /// Bytes that are ready; often none.
    pub(crate) fn push(&mut self, bytes: Vec<u8>) -> Result<Bytes, FlowError> {
        if self.pending.is_empty() {
            self.pending = bytes;
        } else {
            self.pending.extend_from_slice(&bytes);
        }
        if self.pending.len() < BLOCK_BYTES { Ok(Bytes::new()) } else { self.block() }
    }

    /// All bytes there are so far: holds none after it.
    pub(crate) fn flush(&mut self) -> Result<Bytes, FlowError> {
        if self.pending.is_empty() { Ok(Bytes::new()) } else { self.block() }
    }

    /// The last bytes of the object.
    pub(crate) fn finish(mut self) -> Result<Bytes, FlowError> {
        let mut out = Vec::from(self.block()?);
        match self.format {
            Compression::None | Compression::Snappy | Compression::HadoopSnappy => {}
            Compression::Gzip => {
                out.extend_from_slice(DEFLATE_END);
                out.extend_from_slice(&self.crc.sum().to_le_bytes());
                // Modulo 2³², says the format.
                out.extend_from_slice(&self.crc.amount().to_le_bytes());
            }
            Compression::Zip => {
                out.extend_from_slice(DEFLATE_END);
                self.compressed += DEFLATE_END.len() as u64;
                self.end_archive(&mut out)?;
            }
        }
        Ok(out.into())
    }

    /// Compresses what is pending.
    fn block(&mut self) -> Result<Bytes, FlowError> {
        let input = std::mem::take(&mut self.pending);
        let first = !std::mem::replace(&mut self.started, true);
        let mut out = Vec::new();
        match self.format {
            Compression::None => return Ok(input.into()),
            Compression::Gzip | Compression::Zip => {
                if first {
                    self.begin(&mut out);
                }
                self.crc.update(&input);
                let before = out.len();
                deflate(&input, &mut out)?;
                self.compressed += (out.len() - before) as u64;
            }
            Compression::Snappy => {
                let mut frames = FrameEncoder::new(Vec::new());
                frames.write_all(&input).map_err(encode_error)?;
                let frames = frames.into_inner().map_err(|error| encode_error(error.into_error()))?;
                let frames = frames.strip_prefix(SNAPPY_STREAM).unwrap_or(&frames);
                if first {
                    out.extend_from_slice(SNAPPY_STREAM);
                }
                out.extend_from_slice(frames);
            }
            Compression::HadoopSnappy => {
                let mut encoder = snap::raw::Encoder::new();
                for block in input.chunks(HADOOP_BLOCK_BYTES) {
                    let compressed = encoder.compress_vec(block).map_err(encode_error)?;
                    out.extend_from_slice(&length(block.len())?.to_be_bytes());
                    out.extend_from_slice(&length(compressed.len())?.to_be_bytes());
                    out.extend_from_slice(&compressed);
                }
            }
        }
        Ok(out.into())
    }

    fn begin(&self, out: &mut Vec<u8>) {
        if self.format == Compression::Gzip {
            out.extend_from_slice(GZIP_HEADER);
            return;
        }
        out.extend_from_slice(b"PK\x03\x04");
        self.describe(0, 0, 0, out);
        out.extend_from_slice(self.name.as_bytes());
    }

    /// What the headers of a file in an archive share. Sizes that are not known yet stand behind the data.
    fn describe(&self, crc: u32, compressed: u32, plain: u32, out: &mut Vec<u8>) {
        const VERSION: u16 = 20;
        const SIZES_FOLLOW_AND_UTF_8: u16 = 0x0808;
        const DEFLATED: u16 = 8;
        const TIME: u16 = 0;
        /// 1980-01-01, the first there is: the same records give the same bytes.
        const DATE: u16 = 0x21;
        for number in [VERSION, SIZES_FOLLOW_AND_UTF_8, DEFLATED, TIME, DATE] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for number in [crc, compressed, plain] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let name = u16::try_from(self.name.len()).expect("an object's key is shorter than 64 KiB");
        out.extend_from_slice(&name.to_le_bytes());
        out.extend_from_slice(&0_u16.to_le_bytes());
    }

    fn end_archive(&self, out: &mut Vec<u8>) -> Result<(), FlowError> {
        const LOCAL_HEADER_BYTES: u64 = 30;
        const DESCRIPTOR_BYTES: u64 = 16;
        const CENTRAL_HEADER_BYTES: u64 = 46;
        let too_large = |_| encode_error(std::io::Error::from(std::io::ErrorKind::FileTooLarge));
        let name = self.name.len() as u64;
        let compressed = u32::try_from(self.compressed).map_err(too_large)?;
        let directory = LOCAL_HEADER_BYTES + name + self.compressed + DESCRIPTOR_BYTES;
        let directory = u32::try_from(directory).map_err(too_large)?;
        let (crc, plain) = (self.crc.sum(), self.crc.amount());
        out.extend_from_slice(b"PK\x07\x08");
        for number in [crc, compressed, plain] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(b"PK\x01\x02\x14\x00");
        self.describe(crc, compressed, plain, out);
        // No comment, disk 0, no attributes, at byte 0.
        out.extend_from_slice(&[0; 14]);
        out.extend_from_slice(self.name.as_bytes());
        out.extend_from_slice(b"PK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00");
        let directory_bytes = u32::try_from(CENTRAL_HEADER_BYTES + name).expect("a name is short");
        out.extend_from_slice(&directory_bytes.to_le_bytes());
        out.extend_from_slice(&directory.to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        Ok(())
    }
}

/// Whole deflate blocks that refer to nothing before them and may be followed by others.
fn deflate(input: &[u8], out: &mut Vec<u8>) -> Result<(), FlowError> {
    if input.is_empty() {
        return Ok(());
    }
    let mut state = Compress::new(flate2::Compression::default(), false);
    out.reserve(input.len() / 4 + 128);
    loop {
        let taken = usize::try_from(state.total_in()).expect("a block fits into memory");
        state
            .compress_vec(&input[taken..], out, FlushCompress::Sync)
            .map_err(|error| encode_error(std::io::Error::other(error)))?;
        // Room left over means that nothing more waits to be written.
        if state.total_in() == input.len() as u64 && out.len() < out.capacity() {
            return Ok(());
        }
        out.reserve(input.len() / 4 + 128);
    }
}

fn length(bytes: usize) -> Result<u32, FlowError> {
    u32::try_from(bytes).map_err(|error| FlowError::Encode(Box::new(error)))
}

fn encode_error(error: impl std::error::Error + Send + Sync + 'static) -> FlowError {
    FlowError::Encode(Box::new(error))
}

#[cfg(test)]
mod tests;
