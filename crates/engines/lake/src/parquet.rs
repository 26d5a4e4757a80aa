//! Arrow batches to Parquet bytes.
//!
//! Files carry statistics per column chunk and page (column and offset index), so that readers skip
//! what cannot match, and no Arrow schema: the Parquet schema says everything our types need, and a
//! file reads the same for every engine. The same settings and batches give the same bytes.

use std::io::{self, Write};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression as Codec, GzipLevel, ZstdLevel};
use parquet::errors::ParquetError as Inner;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use serde::{Deserialize, Serialize};
use thiserror::Error;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Compression {
    /// Fast, and read by everything.
    #[default]
    Snappy,
    Gzip,
    Zstd,
    Uncompressed,
}

/// How a file is laid out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ParquetSettings {
    /// Default Snappy.
    pub compression: Compression,
    /// Encoded bytes after which a row group is closed. Default 128 MiB; a group is what a reader
    /// takes as one piece of work and what this writer holds in memory.
    pub row_group_bytes: usize,
    /// Encoded bytes after which a page is closed. Default 1 MiB.
    pub page_bytes: usize,
    /// Whether repeated values are written once per column chunk. Default true.
    pub dictionary: bool,
    /// Bytes of a chunk's dictionary after which it falls back to plain values. Default 1 MiB.
    pub dictionary_bytes_max: usize,
    /// Whether pages are of format version 2. Default false: version 1 is read by everything.
    pub version_2: bool,
}

impl Default for ParquetSettings {
    fn default() -> ParquetSettings {
        ParquetSettings {
            compression: Compression::default(),
            row_group_bytes: 128 << 20,
            page_bytes: 1 << 20,
            dictionary: true,
            dictionary_bytes_max: 1 << 20,
            version_2: false,
        }
    }
}

/// The batches do not fit the schema, or the encoder failed.
#[derive(Debug, Error)]
#[error("cannot write parquet")]
pub struct ParquetError {
    #[from]
    source: Inner,
}

/// One file in the making, held in memory up to what [`Writer::take_flushed`] took.
pub struct Writer {
    inner: ArrowWriter<Spool>,
    row_group_bytes: usize,
}

/// The whole file of some batches.
pub fn write(
    schema: SchemaRef,
    settings: &ParquetSettings,
    batches: &[RecordBatch],
) -> Result<Bytes, ParquetError> {
    let mut writer = Writer::new(schema, settings)?;
    for batch in batches {
        writer.write(batch)?;
    }
    Ok(writer.finish()?.concat().into())
}

impl Writer {
    pub fn new(schema: SchemaRef, settings: &ParquetSettings) -> Result<Writer, ParquetError> {
        let options =
            ArrowWriterOptions::new().with_properties(settings.properties()).with_skip_arrow_metadata(true);
        let inner = ArrowWriter::try_new_with_options(Spool::default(), schema, options)?;
        Ok(Writer { inner, row_group_bytes: settings.row_group_bytes })
    }

    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), ParquetError> {
        self.inner.write(batch)?;
        if self.inner.in_progress_size() >= self.row_group_bytes {
            self.inner.flush()?;
        }
        Ok(())
    }

    /// What the file would have, in bytes, if it were finished now; exact for closed row groups.
    pub fn size_estimate(&self) -> usize {
        self.inner.bytes_written() + self.inner.in_progress_size()
    }

    /// Bytes of memory held by the row group in progress and the closed ones not yet taken.
    pub fn memory_size(&self) -> usize {
        self.inner.memory_size() + self.inner.inner().size()
    }

    /// Closes the row group in progress, if there is one.
    pub fn close_group(&mut self) -> Result<(), ParquetError> {
        Ok(self.inner.flush()?)
    }

    /// The bytes of the row groups closed since the last call, for a caller that stores the file as
    /// it grows. [`Writer::finish`] returns only what was not taken.
    pub fn take_flushed(&mut self) -> Vec<Bytes> {
        self.inner.inner_mut().take()
    }

    /// Closes the file and returns its bytes, or those after the last [`Writer::take_flushed`].
    pub fn finish(self) -> Result<Vec<Bytes>, ParquetError> {
        Ok(self.finish_with_footer()?.0)
    }

    /// As [`Writer::finish`], with what the file's footer says.
    pub fn finish_with_footer(mut self) -> Result<(Vec<Bytes>, ParquetMetaData), ParquetError> {
        let footer = self.inner.finish()?;
        Ok((self.take_flushed(), footer))
    }
}

impl ParquetSettings {
    fn properties(&self) -> WriterProperties {
        WriterProperties::builder()
            .set_created_by("mulgil".to_owned())
            .set_compression(match self.compression {
                Compression::Snappy => Codec::SNAPPY,
                Compression::Gzip => Codec::GZIP(GzipLevel::default()),
                Compression::Zstd => Codec::ZSTD(ZstdLevel::default()),
                Compression::Uncompressed => Codec::UNCOMPRESSED,
            })
            .set_writer_version(if self.version_2 {
                WriterVersion::PARQUET_2_0
            } else {
                WriterVersion::PARQUET_1_0
            })
            .set_data_page_size_limit(self.page_bytes)
            .set_dictionary_enabled(self.dictionary)
            .set_dictionary_page_size_limit(self.dictionary_bytes_max)
            .set_max_row_group_row_count(None)
            .set_statistics_enabled(EnabledStatistics::Page)
            .build()
    }
}

/// A growing buffer that can be emptied while the writer keeps counting. It grows by blocks: a row group in one
/// piece would be copied as it grows, and its memory comes fresh from the system each time.
#[derive(Default)]
struct Spool {
    full: Vec<Bytes>,
    block: Vec<u8>,
}

const BLOCK_BYTES: usize = 1 << 20;

impl Spool {
    fn size(&self) -> usize {
        self.full.len() * BLOCK_BYTES + self.block.len()
    }

    fn take(&mut self) -> Vec<Bytes> {
        let mut taken = std::mem::take(&mut self.full);
        if !self.block.is_empty() {
            taken.push(std::mem::take(&mut self.block).into());
        }
        taken
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.block.capacity() == 0 {
            self.block.reserve_exact(BLOCK_BYTES);
        }
        let taken = bytes.len().min(BLOCK_BYTES - self.block.len());
        self.block.extend_from_slice(&bytes[..taken]);
        if self.block.len() == BLOCK_BYTES {
            self.full.push(std::mem::take(&mut self.block).into());
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
