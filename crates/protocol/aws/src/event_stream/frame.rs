//! One frame: lengths and their CRC, headers, payload, CRC of it all. Numbers are big-endian.
//!
//! ```text
//! u32 length of the whole frame · u32 length of the headers · u32 CRC-32 of these eight bytes
//! headers: u8 length, name, u8 type, value …
//! payload
//! u32 CRC-32 of everything before
//! ```

use bytes::{Bytes, BytesMut};
use crc_fast::{CrcAlgorithm, checksum};

use crate::ApiError;

/// The largest payload that every SDK takes.
pub const PAYLOAD_BYTES_MAX: usize = 16 << 20;

/// The longest headers that every SDK takes.
pub const HEADERS_BYTES_MAX: usize = 128 << 10;

const PRELUDE_BYTES: usize = 12;
const CRC_BYTES: usize = 4;

/// The type of a header whose value is text behind a 16-bit length.
const TEXT: u8 = 7;

/// A frame that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Headers whose value is text, which all of AWS's own are; others are passed over.
    pub headers: Vec<(String, String)>,
    pub payload: Bytes,
}

impl Message {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("the lengths of a frame are out of bounds: {frame} bytes, {headers} of them headers")]
    Length { frame: usize, headers: usize },
    #[error("the checksum of a frame's lengths does not match")]
    PreludeChecksum,
    #[error("the checksum of a frame does not match")]
    Checksum,
    #[error("the headers of a frame are malformed")]
    Headers,
}

/// A frame with these headers. `payload` appends to what it is given and must not change what is there.
///
/// # Errors
/// Those of `payload`, and an internal failure for a payload or headers over their bounds.
pub fn encode(
    headers: &[(&str, &str)],
    payload: impl FnOnce(&mut Vec<u8>) -> Result<(), ApiError>,
) -> Result<Bytes, ApiError> {
    let mut frame = vec![0; PRELUDE_BYTES];
    for (name, value) in headers {
        frame.push(length(name.len())?);
        frame.extend_from_slice(name.as_bytes());
        frame.push(TEXT);
        frame.extend_from_slice(&length::<u16>(value.len())?.to_be_bytes());
        frame.extend_from_slice(value.as_bytes());
    }
    let head = frame.len() - PRELUDE_BYTES;
    payload(&mut frame)?;
    let body = frame.len() - PRELUDE_BYTES - head;
    if head > HEADERS_BYTES_MAX || body > PAYLOAD_BYTES_MAX {
        return Err(ApiError::internal(FrameError::Length { frame: frame.len(), headers: head }));
    }
    let whole: u32 = length(frame.len() + CRC_BYTES)?;
    frame[..4].copy_from_slice(&whole.to_be_bytes());
    frame[4..8].copy_from_slice(&length::<u32>(head)?.to_be_bytes());
    let prelude = crc(&frame[..8]);
    frame[8..PRELUDE_BYTES].copy_from_slice(&prelude.to_be_bytes());
    let all = crc(&frame);
    frame.extend_from_slice(&all.to_be_bytes());
    Ok(Bytes::from(frame))
}

/// Takes the first frame off `received`; `None` while it is not there as a whole. Lengths are believed only
/// after their checksum and their bounds.
///
/// # Errors
/// Bytes that are no frame; what follows them cannot be found then.
pub fn decode(received: &mut BytesMut) -> Result<Option<Message>, FrameError> {
    if received.len() < PRELUDE_BYTES {
        return Ok(None);
    }
    if crc(&received[..8]) != number(&received[8..PRELUDE_BYTES]) {
        return Err(FrameError::PreludeChecksum);
    }
    let (frame, headers) = (number(&received[..4]) as usize, number(&received[4..8]) as usize);
    let payload = frame.checked_sub(PRELUDE_BYTES + CRC_BYTES).and_then(|rest| rest.checked_sub(headers));
    if headers > HEADERS_BYTES_MAX || payload.is_none_or(|payload| payload > PAYLOAD_BYTES_MAX) {
        return Err(FrameError::Length { frame, headers });
    }
    if received.len() < frame {
        return Ok(None);
    }
    let whole = received.split_to(frame).freeze();
    let (content, sum) = whole.split_at(frame - CRC_BYTES);
    if crc(content) != number(sum) {
        return Err(FrameError::Checksum);
    }
    let payload_from = PRELUDE_BYTES + headers;
    let headers = read_headers(&whole[PRELUDE_BYTES..payload_from]).ok_or(FrameError::Headers)?;
    Ok(Some(Message { headers, payload: whole.slice(payload_from..frame - CRC_BYTES) }))
}

fn read_headers(mut rest: &[u8]) -> Option<Vec<(String, String)>> {
    let mut headers = Vec::new();
    while !rest.is_empty() {
        let name = take(&mut rest, 1)?[0];
        let name = std::str::from_utf8(take(&mut rest, usize::from(name))?).ok()?;
        let kind = take(&mut rest, 1)?[0];
        let size = match kind {
            0 | 1 => 0,
            2 => 1,
            3 => 2,
            4 => 4,
            5 | 8 => 8,
            6 | TEXT => usize::from(u16::from_be_bytes(take(&mut rest, 2)?.try_into().ok()?)),
            9 => 16,
            _ => return None,
        };
        let value = take(&mut rest, size)?;
        if kind == TEXT {
            headers.push((name.to_owned(), std::str::from_utf8(value).ok()?.to_owned()));
        }
    }
    Some(headers)
}

fn take<'a>(rest: &mut &'a [u8], size: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(size)?;
    *rest = left;
    Some(taken)
}

fn crc(bytes: &[u8]) -> u32 {
    // The algorithm's result has 32 bits; the crate returns all of its algorithms' results alike.
    checksum(CrcAlgorithm::Crc32IsoHdlc, bytes) as u32
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes.try_into().expect("invariant: callers pass four bytes"))
}

fn length<T: TryFrom<usize>>(length: usize) -> Result<T, ApiError> {
    T::try_from(length).map_err(|_| ApiError::internal(FrameError::Length { frame: length, headers: length }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Bytes {
        encode(headers, |out| {
            out.extend_from_slice(payload);
            Ok(())
        })
        .unwrap()
    }

    #[test]
    fn the_smallest_frame_has_the_bytes_of_the_published_test_vector() {
        let empty = [0, 0, 0, 0x10, 0, 0, 0, 0, 5, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff];
        assert_eq!(frame(&[], b""), &empty[..]);
    }

    #[test]
    fn frames_are_taken_off_one_by_one_as_they_arrive() {
        let first = frame(&[(":event-type", "A")], b"{\"a\":1}");
        let second = frame(&[], b"");
        let all = [&first[..], &second[..]].concat();
        let mut received = BytesMut::new();
        let mut seen = Vec::new();
        for byte in all {
            received.extend_from_slice(&[byte]);
            seen.extend(decode(&mut received).unwrap());
        }
        assert_eq!(seen.len(), 2);
        assert_eq!((seen[0].header(":event-type"), &seen[0].payload[..]), (Some("A"), &b"{\"a\":1}"[..]));
        assert_eq!((seen[1].headers.len(), seen[1].payload.len(), received.len()), (0, 0, 0));
    }

    #[test]
    fn headers_of_every_type_are_passed_over() {
        let mut headers = Vec::new();
        let values = [(0, 0), (1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (8, 8), (9, 16)];
        for (kind, size) in values {
            headers.extend_from_slice(&[1, b'h', kind]);
            headers.extend(std::iter::repeat_n(7, size));
        }
        headers.extend_from_slice(&[1, b'b', 6, 0, 1, 9, 1, b't', TEXT, 0, 1, b'x']);
        assert_eq!(read_headers(&headers), Some(vec![("t".to_owned(), "x".to_owned())]));
        for cut in 1..headers.len() {
            let _ = read_headers(&headers[..cut]);
        }
        assert_eq!(read_headers(&[1, b'h', 10]), None);
    }

    #[test]
    fn huge_lengths_are_refused_before_anything_is_kept() {
        for (whole, head) in [(u32::MAX, 0), (u32::MAX, u32::MAX), (16, 1), (15, 0), (1 << 20, 1 << 19)] {
            let mut bytes = [whole.to_be_bytes(), head.to_be_bytes()].concat();
            bytes.extend_from_slice(&crc(&bytes).to_be_bytes());
            let refused = decode(&mut BytesMut::from(&bytes[..]));
            assert!(matches!(refused, Err(FrameError::Length { .. })), "{whole} {head}: {refused:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_sent_is_received(
            headers in prop::collection::vec(("[a-z:-]{1,20}", ".{0,40}"), 0..5),
            payload: Vec<u8>,
        ) {
            let borrowed: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let mut received = BytesMut::from(&frame(&borrowed, &payload)[..]);
            let message = decode(&mut received).unwrap().unwrap();
            prop_assert_eq!((message.headers, &message.payload[..]), (headers, &payload[..]));
        }

        #[test]
        fn one_flipped_bit_is_noticed(payload: Vec<u8>, at: prop::sample::Index, bit in 0..8_u8) {
            let sent = frame(&[(":event-type", "A")], &payload);
            let mut bytes = BytesMut::from(&sent[..]);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(decode(&mut bytes).is_err());
        }

        #[test]
        fn arbitrary_bytes_are_no_frame_and_no_panic(bytes: Vec<u8>) {
            let _ = decode(&mut BytesMut::from(&bytes[..]));
            let _ = read_headers(&bytes);
        }
    }
}
