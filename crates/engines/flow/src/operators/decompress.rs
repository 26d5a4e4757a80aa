//! Gzip records.

use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;

use crate::records::Refusal;
use crate::reject::Cause;

/// A record whose content is larger is refused: a few bytes can stand for gigabytes.
const CONTENT_BYTES_MAX: u64 = 32 << 20;

pub(crate) fn gunzip(data: &Bytes) -> Result<Bytes, Refusal> {
    let mut content = Vec::with_capacity(data.len() * 4);
    MultiGzDecoder::new(&data[..])
        .take(CONTENT_BYTES_MAX + 1)
        .read_to_end(&mut content)
        .map_err(|error| Refusal::new(Cause::Decompression, format!("the record is not gzip: {error}")))?;
    if content.len() as u64 > CONTENT_BYTES_MAX {
        let reason = format!("the content of the record is larger than {CONTENT_BYTES_MAX} bytes");
        return Err(Refusal::new(Cause::Decompression, reason));
    }
    Ok(content.into())
}
