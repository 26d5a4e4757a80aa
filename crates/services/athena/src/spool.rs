//! Results on their way to the output location, as the service writes them: a CSV with a header in
//! which every value is quoted and a null is an empty field, or plain lines of text.

use bytes::Bytes;
use objects::{ObjectError, ObjectWriter, Objects, PutOptions, Staged};

use crate::execution::Place;
use crate::limits::SPOOL_BUFFER_BYTES;
use crate::statement::ResultFile;

/// One value of a result in its text form; `None` is null.
pub(crate) type Cell = Option<String>;

/// Writes one result object, which becomes visible with [`Objects::publish`]. Holds at most one buffer
/// of it; dropped unfinished, nothing remains.
pub(crate) struct Spool {
    file: ResultFile,
    buffer: Vec<u8>,
    writer: ObjectWriter,
    lines: u64,
}

impl Spool {
    pub(crate) async fn new(
        objects: &Objects,
        place: &Place,
        file: ResultFile,
    ) -> Result<Spool, ObjectError> {
        let writer = objects.writer(&place.bucket, &place.key, put_options()).await?;
        Ok(Spool { file, buffer: Vec::new(), writer, lines: 0 })
    }

    pub(crate) async fn rows(&mut self, rows: &[Vec<Cell>]) -> Result<(), ObjectError> {
        for row in rows {
            match self.file {
                ResultFile::Csv => csv_line(&mut self.buffer, row),
                ResultFile::Text => text_line(&mut self.buffer, row, self.lines == 0),
            }
            self.lines += 1;
            if self.buffer.len() >= SPOOL_BUFFER_BYTES {
                let full = std::mem::replace(&mut self.buffer, Vec::with_capacity(SPOOL_BUFFER_BYTES));
                self.writer.write(Bytes::from(full)).await?;
            }
        }
        Ok(())
    }

    /// Makes the bytes durable.
    pub(crate) async fn finish(mut self) -> Result<Staged, ObjectError> {
        self.writer.write(Bytes::from(self.buffer)).await?;
        self.writer.stage().await
    }
}

/// Makes a small object durable that becomes visible with the result.
pub(crate) async fn stage(
    objects: &Objects,
    bucket: &str,
    key: &str,
    body: Vec<u8>,
) -> Result<Staged, ObjectError> {
    let mut writer = objects.writer(bucket, key, put_options()).await?;
    writer.write(Bytes::from(body)).await?;
    writer.stage().await
}

pub(crate) fn put_options() -> PutOptions {
    PutOptions { content_type: Some("application/octet-stream".to_owned()), ..PutOptions::default() }
}

pub(crate) fn csv_line(into: &mut Vec<u8>, row: &[Cell]) {
    for (index, cell) in row.iter().enumerate() {
        if index > 0 {
            into.push(b',');
        }
        let Some(text) = cell else { continue };
        into.push(b'"');
        let mut rest = text.as_bytes();
        while let Some(quote) = rest.iter().position(|byte| *byte == b'"') {
            into.extend_from_slice(&rest[..=quote]);
            into.push(b'"');
            rest = &rest[quote + 1..];
        }
        into.extend_from_slice(rest);
        into.push(b'"');
    }
    into.push(b'\n');
}

/// Lines are separated, not ended: the last one has no line feed.
fn text_line(into: &mut Vec<u8>, row: &[Cell], first: bool) {
    if !first {
        into.push(b'\n');
    }
    for (index, cell) in row.iter().enumerate() {
        if index > 0 {
            into.push(b'\t');
        }
        into.extend_from_slice(cell.as_deref().unwrap_or_default().as_bytes());
    }
}
