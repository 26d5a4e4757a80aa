//! Reading a spooled result back, a page at a time, from any byte offset.

use bytes::Bytes;
use objects::{ByteRange, ObjectError, Objects};

use crate::limits::{RESULT_PAGE_BYTES_MAX, RESULT_READ_BYTES};
use crate::spool::Cell;
use crate::statement::ResultFile;

/// Rows of a result and where the next page begins, if there is one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ResultPage {
    pub rows: Vec<Vec<Cell>>,
    pub next: Option<u64>,
}

/// Up to `limit` rows from `offset`, which must be where a row begins. `size` is the object's.
pub(crate) async fn read_page(
    objects: &Objects,
    (bucket, key): (&str, &str),
    file: ResultFile,
    (offset, size): (u64, u64),
    limit: usize,
) -> Result<ResultPage, ObjectError> {
    let mut page = ResultPage { rows: Vec::new(), next: None };
    let mut window = Window { bytes: Vec::new(), start: 0, fetched: offset };
    let mut taken = 0;
    loop {
        let whole = window.fetched >= size;
        while page.rows.len() < limit && taken < RESULT_PAGE_BYTES_MAX {
            let Some((row, length)) = next_row(file, &window.bytes[window.start..], whole) else { break };
            page.rows.push(row);
            window.start += length;
            taken += length;
        }
        let position = window.fetched - (window.bytes.len() - window.start) as u64;
        if position >= size {
            return Ok(page);
        }
        if page.rows.len() == limit || taken >= RESULT_PAGE_BYTES_MAX {
            page.next = Some(position);
            return Ok(page);
        }
        if whole {
            // The object ends inside a row: it is not one of ours. What was read is all there is.
            return Ok(page);
        }
        let until = (window.fetched + RESULT_READ_BYTES).min(size);
        let range = ByteRange::FromTo(window.fetched, until);
        window.append(objects.get_bytes(bucket, key, Some(range)).await?, until);
    }
}

struct Window {
    bytes: Vec<u8>,
    start: usize,
    fetched: u64,
}

impl Window {
    fn append(&mut self, more: Bytes, until: u64) {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(&more);
        self.fetched = until;
    }
}

/// The first row of `bytes` and its length with the line feed; `None` if the row is not complete.
fn next_row(file: ResultFile, bytes: &[u8], whole: bool) -> Option<(Vec<Cell>, usize)> {
    match file {
        ResultFile::Csv => csv_row(bytes),
        ResultFile::Text => text_row(bytes, whole),
    }
}

fn text_row(bytes: &[u8], whole: bool) -> Option<(Vec<Cell>, usize)> {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (line, length) = match end {
        Some(end) => (&bytes[..end], end + 1),
        None if whole && !bytes.is_empty() => (bytes, bytes.len()),
        None => return None,
    };
    Some((vec![Some(String::from_utf8_lossy(line).into_owned())], length))
}

fn csv_row(bytes: &[u8]) -> Option<(Vec<Cell>, usize)> {
    let mut row = Vec::new();
    let mut at = 0;
    loop {
        if *bytes.get(at)? == b'"' {
            let (cell, length) = quoted(&bytes[at..])?;
            row.push(Some(cell));
            at += length;
        } else {
            row.push(None);
        }
        match *bytes.get(at)? {
            b',' => at += 1,
            _ => return Some((row, at + 1)),
        }
    }
}

/// The value of a quoted field and its length with the quotes.
fn quoted(bytes: &[u8]) -> Option<(String, usize)> {
    let mut value = Vec::new();
    let mut at = 1;
    loop {
        let quote = at + bytes.get(at..)?.iter().position(|byte| *byte == b'"')?;
        value.extend_from_slice(&bytes[at..quote]);
        // Whether this quote ends the field is told by the byte after it.
        if *bytes.get(quote + 1)? == b'"' {
            value.push(b'"');
            at = quote + 2;
        } else {
            return Some((String::from_utf8_lossy(&value).into_owned(), quote + 1));
        }
    }
}

#[cfg(test)]
mod tests;
