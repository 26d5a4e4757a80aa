//! Streams in chunks that are compressed one by one.

use flate2::{Compress, FlushCompress, Status};

use super::{Compression, OrcError};

/// Plain bytes of a chunk.
pub(super) const CHUNK_BYTES: usize = 256 << 10;

/// In the postscript.
pub(super) fn code(compression: Compression) -> u64 {
    match compression {
        Compression::Uncompressed => 0,
        Compression::Zlib => 1,
        Compression::Snappy => 2,
    }
}

pub(super) fn compress(compression: Compression, plain: &[u8]) -> Result<Vec<u8>, OrcError> {
    if compression == Compression::Uncompressed {
        return Ok(plain.to_vec());
    }
    let mut out = Vec::with_capacity(plain.len() / 2);
    for chunk in plain.chunks(CHUNK_BYTES) {
        let compressed = match compression {
            Compression::Snappy => snap::raw::Encoder::new().compress_vec(chunk).map_err(failed)?,
            Compression::Zlib | Compression::Uncompressed => deflate(chunk)?,
        };
        // What does not shrink is stored as it is, and the header says so.
        let original = compressed.len() >= chunk.len();
        let stored = if original { chunk } else { &compressed };
        let header = u32::try_from(stored.len()).expect("a chunk is small") << 1 | u32::from(original);
        out.extend_from_slice(&header.to_le_bytes()[..3]);
        out.extend_from_slice(stored);
    }
    Ok(out)
}

fn deflate(chunk: &[u8]) -> Result<Vec<u8>, OrcError> {
    let mut state = Compress::new(flate2::Compression::default(), false);
    let mut out = Vec::with_capacity(chunk.len() / 2 + 64);
    loop {
        let taken = usize::try_from(state.total_in()).expect("a chunk fits into memory");
        let status = state.compress_vec(&chunk[taken..], &mut out, FlushCompress::Finish).map_err(failed)?;
        if status == Status::StreamEnd {
            return Ok(out);
        }
        out.reserve(chunk.len() / 2 + 64);
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> OrcError {
    OrcError::Compress(Box::new(error))
}
