//! Error objects: the records in them, and the delivery stream they came from.

use std::borrow::Cow;
use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use serde::Deserialize;

use super::ReplayError;

const GZIP: [u8; 2] = [0x1f, 0x8b];

/// An unpacked object may be so large.
const UNPACKED_BYTES_MAX: u64 = 2 << 30;

/// What a line must have; the rest says why the record failed.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "rawData", borrow)]
    raw_data: Cow<'a, str>,
}

/// The original bytes of every record, in order.
pub(super) fn records(object: &Bytes) -> Result<Vec<Bytes>, ReplayError> {
    let unpacked;
    let text: &[u8] = if object.starts_with(&GZIP) {
        unpacked = unpack(object)?;
        &unpacked
    } else {
        object
    };
    let lines = text.split(|byte| *byte == b'\n').enumerate();
    let lines = lines.filter(|(_, line)| !line.iter().all(u8::is_ascii_whitespace));
    lines.map(|(index, line)| record(index + 1, line)).collect()
}

fn record(line: usize, text: &[u8]) -> Result<Bytes, ReplayError> {
    let wrong = |reason: String| ReplayError::Line { line, reason };
    let parsed: Line<'_> = serde_json::from_slice(text).map_err(|error| wrong(error.to_string()))?;
    let data = base64_simd::STANDARD.decode_to_vec(parsed.raw_data.as_bytes());
    data.map(Bytes::from).map_err(|_| wrong("rawData is not base64".to_owned()))
}

fn unpack(object: &Bytes) -> Result<Vec<u8>, ReplayError> {
    let mut unpacked = Vec::new();
    let read = MultiGzDecoder::new(&object[..]).take(UNPACKED_BYTES_MAX).read_to_end(&mut unpacked);
    read.map_err(|error| ReplayError::Line { line: 1, reason: error.to_string() })?;
    Ok(unpacked)
}

/// The name in `<stream>-<version>-<yyyy-MM-dd-HH-mm-ss>-<uuid>`.
pub(super) fn stream(key: &str) -> Option<String> {
    let name = key.rsplit_once('/').map_or(key, |(_, name)| name);
    let name = name.rsplit_once('.').map_or(name, |(stem, _)| if is_stamped(stem) { stem } else { name });
    is_stamped(name).then(|| {
        let parts: Vec<&str> = name.split('-').collect();
        parts[..parts.len() - STAMP.len()].join("-")
    })
}

/// Lengths of the parts after the stream's name; 0 is any.
const STAMP: [usize; 12] = [0, 4, 2, 2, 2, 2, 2, 8, 4, 4, 4, 12];

fn is_stamped(name: &str) -> bool {
    let parts: Vec<&str> = name.split('-').collect();
    let Some(before) = parts.len().checked_sub(STAMP.len()).filter(|before| *before > 0) else {
        return false;
    };
    let fits = |(part, length): (&&str, &usize)| *length == 0 || part.len() == *length;
    let digits = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let hexes = |part: &&str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    parts[before..].iter().zip(&STAMP).all(fits)
        && parts[before..before + 7].iter().all(digits)
        && parts[before + 7..].iter().all(hexes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_tells_its_delivery_stream() {
        let stamp = "1-2026-11-22-08-50-13-0f8fad5b-d9cb-469f-a165-70867728950e";
        for (name, expected) in [
            (format!("errors/2026/{0}-{stamp}", "flights"), Some("flights")),
            (format!("my-own.flights-12-{}", &stamp[2..]), Some("my-own.flights")),
            (format!("a.b-{stamp}.gz"), Some("a.b")),
            (stamp.to_owned(), None),
            ("errors/other.json".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(stream(&name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn records_are_read_in_order_packed_or_not() {
        let text =
            b"{\"errorCode\":\"x\",\"rawData\":\"YQ==\"}\n\n{\"rawData\":\"\"}\n{\"rawData\":\"Yg\\u003d=\"}";
        let expected = [Bytes::from("a"), Bytes::new(), Bytes::from("b")];
        assert_eq!(records(&Bytes::from_static(text)).unwrap(), expected);
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, text).unwrap();
        assert_eq!(records(&packed.finish().unwrap().into()).unwrap(), expected);
    }

    #[test]
    fn a_line_that_is_no_error_record_is_named() {
        for (text, line) in [("{\"rawData\":\"YQ==\"}\nhello", 2), ("{}", 1), ("{\"rawData\":\"*\"}", 1)] {
            let error = records(&Bytes::from(text)).unwrap_err();
            assert!(matches!(error, ReplayError::Line { line: found, .. } if found == line), "{error}");
        }
    }
}
