//! Bytes into lines, and delimited lines into columns.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, ListArray, MapArray, RecordBatch, RecordBatchOptions, StringArray, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, SchemaRef};
use bytes::Bytes;
use datafusion::error::Result;
use flate2::write::MultiGzDecoder;
use lake::DataFile;
use lake::format::{CsvDialect, CsvOptions};

use crate::error::{ErrorKind, fail};

/// The longest line a file may have.
const LINE_BYTES_MAX: usize = 64 << 20;

/// Cuts a file's chunks at its line ends, unpacking gzip on the way.
pub(super) struct Cutter {
    gzip: Option<MultiGzDecoder<Vec<u8>>>,
    rest: Vec<u8>,
    header: usize,
}

impl Cutter {
    pub(super) fn new(gzip: bool, header: usize) -> Cutter {
        Cutter { gzip: gzip.then(|| MultiGzDecoder::new(Vec::new())), rest: Vec::new(), header }
    }

    /// The lines that `chunk` completes, without their ends; with `last`, also the one without an end.
    /// Empty lines and the header are left out.
    pub(super) fn cut(&mut self, chunk: Bytes, last: bool) -> std::io::Result<Vec<Bytes>> {
        match &mut self.gzip {
            Some(decoder) => {
                decoder.write_all(&chunk)?;
                if last {
                    decoder.try_finish()?;
                }
                self.rest.append(decoder.get_mut());
            }
            None => self.rest.extend_from_slice(&chunk),
        }
        let end = match (last, self.rest.iter().rposition(|byte| *byte == b'\n')) {
            (true, _) => self.rest.len(),
            (false, Some(at)) => at + 1,
            (false, None) => 0,
        };
        let tail = self.rest.split_off(end);
        if tail.len() > LINE_BYTES_MAX {
            return Err(std::io::Error::other("a line is too long"));
        }
        let block = Bytes::from(std::mem::replace(&mut self.rest, tail));
        let mut lines = Vec::new();
        let mut start = 0;
        while start < block.len() {
            let end =
                block[start..].iter().position(|byte| *byte == b'\n').map_or(block.len(), |at| start + at);
            let line = block.slice(start..end);
            let line = if line.last() == Some(&b'\r') { line.slice(..line.len() - 1) } else { line };
            if self.header > 0 {
                self.header -= 1;
            } else if !line.is_empty() {
                lines.push(line);
            }
            start = end + 1;
        }
        Ok(lines)
    }
}

/// Splits lines into fields and fields into values, by position.
pub(super) struct Fields<'a> {
    options: &'a CsvOptions,
}

impl<'a> Fields<'a> {
    pub(super) fn new(options: &'a CsvOptions) -> Fields<'a> {
        Fields { options }
    }

    pub(super) fn batch(&self, lines: &[Bytes], schema: &SchemaRef, file: &DataFile) -> Result<RecordBatch> {
        let width = schema.fields().len();
        let mut columns: Vec<Vec<Option<String>>> =
            (0..width).map(|_| Vec::with_capacity(lines.len())).collect();
        for line in lines {
            let text = String::from_utf8_lossy(line);
            let mut fields = self.split(&text).into_iter();
            for column in &mut columns {
                column
                    .push(fields.next().filter(|field| self.options.null.as_deref() != Some(field.as_str())));
            }
        }
        let strict = self.options.dialect == CsvDialect::OpenCsv;
        let columns = columns.into_iter().zip(schema.fields()).map(|(texts, field)| {
            self.column(&texts, field.data_type(), 0, strict).map_err(|error| {
                let (bucket, key, name) = (&file.bucket, &file.key, field.name());
                fail(
                    ErrorKind::BadData,
                    format!("Error parsing field value for field '{name}' of s3://{bucket}/{key}: {error}"),
                )
            })
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(lines.len()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
    }

    /// OpenCSV's quotes and escapes, or lazy text's escapes only.
    fn split(&self, line: &str) -> Vec<String> {
        let separator = char::from(self.options.separator);
        let quote = self.options.quote.map(char::from);
        let escape = self.options.escape.map(char::from);
        let mut fields = Vec::new();
        let mut field = String::new();
        let mut quoted = false;
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            if Some(c) == quote {
                if quoted && chars.next_if(|next| Some(*next) == quote).is_some() {
                    field.push(c);
                } else {
                    quoted = !quoted;
                }
            } else if Some(c) == escape {
                field.extend(chars.next());
            } else if c == separator && !quoted {
                fields.push(std::mem::take(&mut field));
            } else {
                field.push(c);
            }
        }
        fields.push(field);
        fields
    }

    fn separator(&self, level: usize) -> char {
        match level {
            0 => char::from(self.options.collection_separator),
            1 => char::from(self.options.map_key_separator),
            deeper => char::from(u8::try_from(deeper + 2).unwrap_or(8)),
        }
    }

    fn column(
        &self,
        texts: &[Option<String>],
        data_type: &DataType,
        level: usize,
        strict: bool,
    ) -> Result<ArrayRef> {
        match data_type {
            DataType::List(element) => {
                let (mut lengths, mut items) = (Vec::new(), Vec::new());
                for text in texts {
                    let pieces = self.pieces(text.as_deref(), level);
                    lengths.push(pieces.len());
                    items.extend(pieces.into_iter().map(Some));
                }
                let values = self.column(&items, element.data_type(), level + 1, strict)?;
                let offsets = OffsetBuffer::from_lengths(lengths);
                Ok(Arc::new(ListArray::try_new(Arc::clone(element), offsets, values, Some(known(texts)))?))
            }
            DataType::Struct(fields) => {
                let rows: Vec<Vec<String>> =
                    texts.iter().map(|text| self.pieces(text.as_deref(), level)).collect();
                let members = fields.iter().enumerate().map(|(index, field)| {
                    let texts: Vec<Option<String>> = rows.iter().map(|row| row.get(index).cloned()).collect();
                    self.column(&texts, field.data_type(), level + 1, strict)
                });
                let members = members.collect::<Result<Vec<_>>>()?;
                Ok(Arc::new(StructArray::try_new(fields.clone(), members, Some(known(texts)))?))
            }
            DataType::Map(entries, _) => {
                let DataType::Struct(fields) = entries.data_type() else {
                    return Err(fail(ErrorKind::BadData, "a map has entries"));
                };
                let (mut lengths, mut keys, mut values) = (Vec::new(), Vec::new(), Vec::new());
                for text in texts {
                    let pieces = self.pieces(text.as_deref(), level);
                    lengths.push(pieces.len());
                    for piece in pieces {
                        let (key, value) = match piece.split_once(self.separator(level + 1)) {
                            Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
                            None => (piece, None),
                        };
                        keys.push(Some(key));
                        values.push(value);
                    }
                }
                let keys = self.column(&keys, fields[0].data_type(), level + 2, strict)?;
                let values = self.column(&values, fields[1].data_type(), level + 2, strict)?;
                let members = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
                let offsets = OffsetBuffer::from_lengths(lengths);
                Ok(Arc::new(MapArray::try_new(
                    Arc::clone(entries),
                    offsets,
                    members,
                    Some(known(texts)),
                    false,
                )?))
            }
            _ => scalar(texts, data_type, strict),
        }
    }

    fn pieces(&self, text: Option<&str>, level: usize) -> Vec<String> {
        match text {
            None | Some("") => Vec::new(),
            Some(text) => text.split(self.separator(level)).map(str::to_owned).collect(),
        }
    }
}

fn known(texts: &[Option<String>]) -> NullBuffer {
    NullBuffer::from(texts.iter().map(Option::is_some).collect::<Vec<_>>())
}

/// Text that does not read as the type is null, or with `strict` an error unless it is empty.
fn scalar(texts: &[Option<String>], data_type: &DataType, strict: bool) -> Result<ArrayRef> {
    let column: StringArray = texts
        .iter()
        .map(|text| text.as_deref().filter(|text| *data_type == DataType::Utf8 || !text.trim().is_empty()))
        .collect();
    if *data_type == DataType::Utf8 {
        return Ok(Arc::new(column));
    }
    let column: ArrayRef = match (strict, data_type) {
        (true, DataType::Date32) => Arc::new(dated(&column)),
        (true, DataType::Timestamp(_, _)) => Arc::new(timed(&column)),
        _ => {
            let trimmed: StringArray = column.iter().map(|text| text.map(str::trim)).collect();
            Arc::new(trimmed)
        }
    };
    Ok(cast_with_options(&column, data_type, &CastOptions { safe: !strict, ..CastOptions::default() })?)
}

/// OpenCSV writes dates as days since 1970 and timestamps as milliseconds.
fn dated(column: &StringArray) -> StringArray {
    let iso = |text: &str| {
        let days = text.trim().parse::<i32>().ok().and_then(chrono::NaiveDate::from_epoch_days);
        days.map_or_else(|| text.trim().to_owned(), |date| date.format("%Y-%m-%d").to_string())
    };
    column.iter().map(|text| text.map(iso)).collect()
}

fn timed(column: &StringArray) -> StringArray {
    let iso = |text: &str| {
        let time = text.trim().parse::<i64>().ok().and_then(chrono::DateTime::from_timestamp_millis);
        time.map_or_else(|| text.trim().to_owned(), |time| time.format("%Y-%m-%d %H:%M:%S%.3f").to_string())
    };
    column.iter().map(|text| text.map(iso)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_the_same_however_the_file_is_cut() {
        let whole = b"h\na,1\r\nb,2\n\nc";
        for size in 1..whole.len() {
            let mut cutter = Cutter::new(false, 1);
            let mut lines = Vec::new();
            let chunks: Vec<&[u8]> = whole.chunks(size).collect();
            for (index, chunk) in chunks.iter().enumerate() {
                lines.extend(cutter.cut(Bytes::copy_from_slice(chunk), index + 1 == chunks.len()).unwrap());
            }
            assert_eq!(lines, ["a,1", "b,2", "c"], "chunks of {size}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_cutter_panic(bytes in any::<Vec<u8>>(), gzip in any::<bool>()) {
            let _ = Cutter::new(gzip, 1).cut(Bytes::from(bytes), true);
        }
    }
}
